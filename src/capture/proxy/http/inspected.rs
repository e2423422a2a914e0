//! A client's stream, with a second look at what it sends.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use super::framing::Framing;

/// What was seen in a client's bytes; read when its connection has failed.
#[derive(Debug, Default)]
pub(super) struct Findings {
    smuggling: AtomicBool,
    within_head: AtomicBool,
}

impl Findings {
    /// Whether a head had both `Transfer-Encoding` and `Content-Length`.
    pub(super) fn smuggling(&self) -> bool {
        self.smuggling.load(Ordering::Relaxed)
    }

    /// Whether a head had begun and not ended.
    pub(super) fn within_head(&self) -> bool {
        self.within_head.load(Ordering::Relaxed)
    }
}

/// A client's stream.
pub(in super::super) struct ClientStream {
    stream: TcpStream,
    framing: Framing,
    findings: Arc<Findings>,
}

impl ClientStream {
    pub(super) fn new(stream: TcpStream, findings: Arc<Findings>) -> Self {
        Self { stream, framing: Framing::default(), findings }
    }
}

impl AsyncRead for ClientStream {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, buffer))?;
        let this = &mut *self;
        if this.framing.follow(buffer.filled_mut().get_mut(before..).unwrap_or_default()) {
            this.findings.smuggling.store(true, Ordering::Relaxed);
        }
        this.findings.within_head.store(this.framing.is_within_head(), Ordering::Relaxed);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for ClientStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_write_vectored(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bytes)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
