//! A tunnel: opened like any connection, then copied both ways until each side has ended.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::ext::ReasonPhrase;
use hyper::upgrade::Upgraded;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, copy_bidirectional_with_sizes};

use crate::capture::proxy::counted::Account;
use crate::capture::proxy::failure::Failure;
use crate::capture::proxy::http::{ClientStream, ProxyBody, tunnel_destination};
use crate::capture::proxy::shared::Shared;
use crate::capture::proxy::upstream::{Upstream, attempt, connect};
use crate::event::Interception;

/// Bytes that are copied at once, in each direction: an open tunnel costs twice this much memory.
const BUFFER: usize = 16 * 1024;

/// How often in its idle timeout a tunnel is looked at, which is also how exact the timeout is.
const LOOKS: u32 = 4;

/// Opens the tunnel that the request asks for. Once the client has the answer, the connection belongs to the tunnel.
///
/// # Errors
/// [`Failure`] when there is no tunnel; its answer is for the client.
pub(in super::super) async fn open(shared: &Arc<Shared>, request: Request<Incoming>) -> Result<Response<ProxyBody>, Failure> {
    let destination = tunnel_destination(request.uri())?;
    if let Some(refusal) = shared.recorder.refused_by_name(&destination.host, destination.port) {
        // Nothing was resolved; the refused attempt is on record without an address.
        let verdict = shared.recorder.gate(attempt(&destination, None, Interception::HttpConnect), None);
        return Err(Failure::Refused(verdict.refusal().cloned().unwrap_or(refusal)));
    }
    let upstream = connect(shared, &destination, Interception::HttpConnect, None).await?;
    let idle = shared.config.idle_timeout();
    shared.tasks.spawn(async move {
        match hyper::upgrade::on(request).await {
            Ok(client) => run(client, upstream, idle).await,
            Err(_) => upstream.open.account.note("the client left before the tunnel was open"),
        }
    });
    let mut response = Response::new(ProxyBody::Empty);
    response.extensions_mut().insert(ReasonPhrase::from_static(b"Connection established"));
    Ok(response)
}

async fn run(client: Upgraded, upstream: Upstream, idle: Duration) {
    let Upstream { mut stream, open } = upstream;
    let copied = match client.downcast::<TokioIo<ClientStream>>() {
        Ok(parts) => {
            // What the client sent before it had the answer.
            let early = stream.write_all(&parts.read_buf).await;
            match early {
                Ok(()) => copy(parts.io.into_inner(), stream, &open.account, idle).await,
                Err(error) => Err(error),
            }
        }
        Err(client) => copy(TokioIo::new(client), stream, &open.account, idle).await,
    };
    if let Err(error) = copied {
        open.account.note(error);
    }
}

/// Copies until both sides have ended, one of them fails, or nothing has moved for `idle`. When one side ends, the other is told so
/// and may still send.
async fn copy<C, U>(mut client: C, mut upstream: U, account: &Account, idle: Duration) -> io::Result<()>
where
    C: AsyncRead + AsyncWrite + Unpin,
    U: AsyncRead + AsyncWrite + Unpin,
{
    tokio::select! {
        copied = copy_bidirectional_with_sizes(&mut client, &mut upstream, BUFFER, BUFFER) => copied.map(|_| ()),
        () = silence(account, idle) => {
            Err(io::Error::new(io::ErrorKind::TimedOut, format!("no byte passed for {} ms", idle.as_millis())))
        }
    }
}

/// Returns once the account has stood still for `idle`.
async fn silence(account: &Account, idle: Duration) {
    let moved = || account.sent().wrapping_add(account.received());
    let mut last = moved();
    let mut still = 0;
    while still < LOOKS {
        tokio::time::sleep((idle / LOOKS).max(Duration::from_millis(1))).await;
        let now = moved();
        still = if now == last { still + 1 } else { 0 };
        last = now;
    }
}
