//! Connections of the gRPC service: a bound on how many, a deadline for how they begin, and an end to those that outlast a shutdown.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch};
use tokio::time::{Sleep, sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tonic::transport::server::Connected;

use super::tls;
use crate::serve::auth::Peer;
use crate::serve::listen::SessionGuard;

/// Connections that are ready and that the server has not taken yet; when there are more, accepting waits.
const READY: usize = 16;

/// HTTP/2's preface (RFC 9113 §3.4) and the head of the SETTINGS frame that must follow it.
const OPENING_BYTES: usize = 24 + 9;

/// How long accepting rests after the kernel refused, which it does while there are no descriptors left.
const REST: Duration = Duration::from_millis(100);

/// What accepting needs.
pub(super) struct Acceptor {
    pub(super) listener: TcpListener,
    pub(super) tls: Option<TlsAcceptor>,
    pub(super) guard: SessionGuard,
    pub(super) max_connections: usize,
    pub(super) handshake_timeout: Duration,
    pub(super) cut: watch::Receiver<bool>,
}

impl Acceptor {
    /// Accepts until `stop` is true, and hands connections over once they are ready.
    pub(super) fn run(self, mut stop: watch::Receiver<bool>) -> mpsc::Receiver<io::Result<Connection>> {
        let (ready, connections) = mpsc::channel(READY);
        let permits = Arc::new(Semaphore::new(self.max_connections));
        tokio::spawn(async move {
            let this = Arc::new(self);
            loop {
                let accepted = tokio::select! {
                    // An error means that the server was dropped.
                    _ = stop.wait_for(|stop| *stop) => break,
                    accepted = accept(&this, &permits) => accepted,
                };
                let (stream, peer, permit) = match accepted {
                    Ok(accepted) => accepted,
                    Err(error) => {
                        tracing::warn!(%error, "a connection cannot be accepted");
                        sleep(REST).await;
                        continue;
                    }
                };
                let (this, ready) = (Arc::clone(&this), ready.clone());
                // At most as many as there are permits.
                tokio::spawn(async move {
                    let opened = timeout(this.handshake_timeout, this.open(stream, peer, permit)).await;
                    if let Ok(Some(connection)) = opened {
                        // Nobody takes it any more when the server has stopped.
                        let _stopped = ready.send(Ok(connection)).await;
                    }
                });
            }
        });
        connections
    }

    async fn open(&self, stream: TcpStream, peer: SocketAddr, permit: OwnedSemaphorePermit) -> Option<Connection> {
        let local = stream.local_addr().ok()?;
        let guard = self.guard.clone();
        let admitted = tokio::task::spawn_blocking(move || guard.admits(peer, local)).await.unwrap_or(false);
        if !admitted {
            tracing::warn!(%peer, "a connection out of a session was refused");
            return None;
        }
        // Small answers must not wait for acknowledgements of earlier ones.
        let _without = stream.set_nodelay(true);
        let (io, certificate) = match &self.tls {
            None => (Io::Plain(stream), Vec::new()),
            Some(acceptor) => {
                let stream =
                    acceptor.accept(stream).await.inspect_err(|error| tracing::info!(%peer, %error, "tls failed")).ok()?;
                let shown = stream.get_ref().1.peer_certificates().and_then(<[_]>::first).map(tls::names);
                (Io::Tls(Box::new(stream)), shown.unwrap_or_default())
            }
        };
        let mut cut = self.cut.clone();
        Some(Connection {
            io,
            peer: Peer { addr: peer, certificate },
            opening: Some((Box::pin(sleep(self.handshake_timeout)), 0)),
            cut: Box::pin(async move {
                let _gone = cut.wait_for(|cut| *cut).await;
            }),
            _permit: permit,
        })
    }
}

async fn accept(this: &Acceptor, permits: &Arc<Semaphore>) -> io::Result<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
    let permit = Arc::clone(permits).acquire_owned().await.map_err(io::Error::other)?;
    let (stream, peer) = this.listener.accept().await?;
    Ok((stream, peer, permit))
}

enum Io {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

/// A connection: see the module's head.
pub(super) struct Connection {
    io: Io,
    peer: Peer,
    /// Until the opening has come: its deadline, and bytes so far. Later HTTP/2's own pings find out who is silent.
    opening: Option<(Pin<Box<Sleep>>, usize)>,
    cut: Pin<Box<dyn Future<Output = ()> + Send>>,
    _permit: OwnedSemaphorePermit,
}

impl Connected for Connection {
    type ConnectInfo = Peer;

    fn connect_info(&self) -> Peer {
        self.peer.clone()
    }
}

impl Connection {
    fn is_over(&mut self, cx: &mut Context<'_>) -> Option<io::Error> {
        if self.cut.as_mut().poll(cx).is_ready() {
            return Some(io::ErrorKind::ConnectionAborted.into());
        }
        let (deadline, _) = self.opening.as_mut()?;
        deadline.as_mut().poll(cx).is_ready().then(|| io::ErrorKind::TimedOut.into())
    }
}

impl AsyncRead for Connection {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = match &mut self.io {
            Io::Plain(stream) => Pin::new(stream).poll_read(cx, buffer),
            Io::Tls(stream) => Pin::new(stream).poll_read(cx, buffer),
        };
        let came = buffer.filled().len() - before;
        if let Some((_, seen)) = &mut self.opening {
            *seen += came;
            if *seen >= OPENING_BYTES {
                self.opening = None;
            }
        }
        match self.is_over(cx) {
            Some(error) => Poll::Ready(Err(error)),
            None => read,
        }
    }
}

impl AsyncWrite for Connection {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if let Some(error) = self.is_over(cx) {
            return Poll::Ready(Err(error));
        }
        match &mut self.io {
            Io::Plain(stream) => Pin::new(stream).poll_write(cx, bytes),
            Io::Tls(stream) => Pin::new(stream).poll_write(cx, bytes),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.io {
            Io::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Io::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.io {
            Io::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Io::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }

    fn poll_write_vectored(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[io::IoSlice<'_>]) -> Poll<io::Result<usize>> {
        if let Some(error) = self.is_over(cx) {
            return Poll::Ready(Err(error));
        }
        match &mut self.io {
            Io::Plain(stream) => Pin::new(stream).poll_write_vectored(cx, bytes),
            Io::Tls(stream) => Pin::new(stream).poll_write_vectored(cx, bytes),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match &self.io {
            Io::Plain(stream) => stream.is_write_vectored(),
            Io::Tls(stream) => stream.is_write_vectored(),
        }
    }
}
