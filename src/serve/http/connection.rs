//! A bound on connections: how many, how long one may be silent, and an end to those that outlast a shutdown.

use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::extract::connect_info::Connected;
use axum::serve::{IncomingStream, Listener};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::{Instant, Sleep, sleep};

use crate::serve::listen::SessionGuard;

/// Connections at once. A further one waits in the kernel's backlog until one ends.
const CONNECTIONS: usize = 256;

/// A connection on which nothing moves for so long is closed.
const SILENCE: Duration = Duration::from_secs(60);

/// A listener that accepts a bounded number of connections.
pub(super) struct Bounded {
    listener: TcpListener,
    permits: Arc<Semaphore>,
    guard: SessionGuard,
    cut: watch::Receiver<bool>,
}

/// Where a request comes from.
#[derive(Clone, Debug)]
pub(super) struct ClientAddr {
    pub(super) addr: SocketAddr,
    /// While it is set the connection may be silent: what it waits for takes its time.
    patient: Arc<AtomicBool>,
}

/// What is worked on may take its time, and its client may read as slowly: the connection is not closed for that.
pub(super) struct Patience(Arc<AtomicBool>);

impl Patience {
    pub(super) fn of(client: &ClientAddr) -> Self {
        client.patient.store(true, Ordering::Relaxed);
        Self(Arc::clone(&client.patient))
    }
}

impl Drop for Patience {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Relaxed);
    }
}

impl Connected<IncomingStream<'_, Bounded>> for ClientAddr {
    fn connect_info(stream: IncomingStream<'_, Bounded>) -> Self {
        Self { addr: *stream.remote_addr(), patient: Arc::clone(&stream.io().patient) }
    }
}

impl Bounded {
    /// Connections end as soon as `cut` becomes true.
    pub(super) fn new(listener: TcpListener, guard: SessionGuard, cut: watch::Receiver<bool>) -> Self {
        Self { listener, permits: Arc::new(Semaphore::new(CONNECTIONS)), guard, cut }
    }

    /// Whether the connection does not come out of a session (G-9).
    async fn admits(&self, stream: &TcpStream, peer: SocketAddr) -> bool {
        let Ok(local) = stream.local_addr() else { return false };
        let guard = self.guard.clone();
        let admitted = tokio::task::spawn_blocking(move || guard.admits(peer, local)).await.unwrap_or(false);
        if !admitted {
            tracing::warn!(%peer, "a connection out of a session was refused");
        }
        admitted
    }
}

impl Listener for Bounded {
    type Io = Connection;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Connection, SocketAddr) {
        // The semaphore is never closed; if it were, the connection would only be uncounted.
        let permit = self.permits.clone().acquire_owned().await.ok();
        let (stream, addr) = loop {
            let (stream, addr) = Listener::accept(&mut self.listener).await;
            if self.admits(&stream, addr).await {
                break (stream, addr);
            }
        };
        let mut cut = self.cut.clone();
        let cut = Box::pin(async move {
            // An error means that the server is gone, which ends connections too.
            let _ = cut.wait_for(|cut| *cut).await;
        });
        (Connection { stream, silence: Box::pin(sleep(SILENCE)), patient: Arc::default(), cut, _permit: permit }, addr)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

/// A connection that ends by itself: see the module's head.
pub(super) struct Connection {
    stream: TcpStream,
    silence: Pin<Box<Sleep>>,
    patient: Arc<AtomicBool>,
    cut: Pin<Box<dyn Future<Output = ()> + Send>>,
    _permit: Option<OwnedSemaphorePermit>,
}

impl Connection {
    /// What the stream said, or the reason why the connection is over.
    fn watched<T>(&mut self, cx: &mut Context<'_>, moved: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if moved.is_ready() {
            self.silence.as_mut().reset(Instant::now() + SILENCE);
            return moved;
        }
        if self.cut.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()));
        }
        if self.patient.load(Ordering::Relaxed) {
            return Poll::Pending;
        }
        self.silence.as_mut().poll(cx).map(|()| Err(io::ErrorKind::TimedOut.into()))
    }
}

impl AsyncRead for Connection {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let moved = Pin::new(&mut self.stream).poll_read(cx, buffer);
        self.watched(cx, moved)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let moved = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.watched(cx, moved)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        let moved = Pin::new(&mut self.stream).poll_write_vectored(cx, bytes);
        self.watched(cx, moved)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
