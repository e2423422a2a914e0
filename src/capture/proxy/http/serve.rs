//! One client's connection, from its first byte to its last.

use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpStream;

use super::body::whole;
use super::inspected::{ClientStream, Findings};
use super::service::Client;
use crate::capture::proxy::shared::Shared;
use crate::event::HttpResponse;

/// Serves a client until it leaves, sends what is not HTTP, or the session ends.
pub(in super::super) async fn serve(shared: Arc<Shared>, stream: TcpStream) {
    // Answers are written whole; waiting for more would only delay them.
    let _ = stream.set_nodelay(true);
    let findings = Arc::new(Findings::default());
    let io = TokioIo::new(ClientStream::new(stream, Arc::clone(&findings)));
    let client = Arc::new(Client::new(Arc::clone(&shared)));
    let service = service_fn(move |request| {
        let client = Arc::clone(&client);
        async move { Ok::<_, Infallible>(client.answer(request).await) }
    });
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(shared.config.head_timeout())
        .max_buf_size(shared.config.head_bytes())
        .preserve_header_case(true)
        // A client that closes its side before it has its answer has left: there is no telling it from one that was killed, and
        // of the two the latter is common.
        .half_close(false)
        .auto_date_header(false);
    let mut connection = pin!(http.serve_connection(io, service).with_upgrades());
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = shared.tasks.draining() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended
        && let Some(rejected) = rejection(&error, &findings, &shared)
    {
        shared.recorder.observe(rejected, None);
    }
}

/// The event of a head that could not be read: the answer that the client got, which no `http_request` came before. `None` when the
/// connection ended in a way that is no request's fault.
fn rejection(error: &hyper::Error, findings: &Findings, shared: &Shared) -> Option<HttpResponse> {
    let (status, reason) = if findings.smuggling() && error.is_parse() {
        (Some(400), "the request has both Transfer-Encoding and Content-Length".to_owned())
    } else if error.is_parse_version_h2() {
        (None, "the client speaks HTTP/2".to_owned())
    } else if error.is_parse_too_large() {
        (Some(431), format!("the request's head is too large: more than {} bytes or 100 fields", shared.config.head_bytes()))
    } else if error.is_parse() {
        (Some(400), format!("the request's head is malformed: {}", whole(error)))
    } else if error.is_timeout() && findings.within_head() {
        (None, format!("the client did not send the whole head of its request within {} ms", shared.config.head_timeout_ms))
    } else {
        return None;
    };
    Some(HttpResponse { status, error: Some(reason), ..HttpResponse::default() })
}
