//! A stream whose bytes are counted, and whose errors are kept.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::runtime::lock::lock;

/// What is known about a stream: the bytes that went each way, as the kernel took and gave them, and why it ends.
#[derive(Debug, Default)]
pub(super) struct Account {
    sent: AtomicU64,
    received: AtomicU64,
    error: Mutex<Option<String>>,
}

impl Account {
    pub(super) fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    pub(super) fn received(&self) -> u64 {
        self.received.load(Ordering::Relaxed)
    }

    /// Notes why the stream ends. The first reason counts; the others follow from it.
    pub(super) fn note(&self, error: impl ToString) {
        lock(&self.error).get_or_insert_with(|| error.to_string());
    }

    /// The reason, if it was not an orderly end.
    pub(super) fn error(&self) -> Option<String> {
        lock(&self.error).clone()
    }

    fn noted<T>(&self, outcome: io::Result<T>) -> io::Result<T> {
        outcome.inspect_err(|error| self.note(error))
    }
}

/// A stream that keeps its account.
pub(super) struct Counted<S> {
    stream: S,
    account: Arc<Account>,
}

impl<S> Counted<S> {
    pub(super) fn new(stream: S, account: Arc<Account>) -> Self {
        Self { stream, account }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Counted<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let outcome = ready!(Pin::new(&mut self.stream).poll_read(cx, buffer));
        self.account.noted(outcome)?;
        self.account.received.fetch_add(as_u64(buffer.filled().len() - before), Ordering::Relaxed);
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Counted<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let outcome = ready!(Pin::new(&mut self.stream).poll_write(cx, bytes));
        let written = self.account.noted(outcome)?;
        self.account.sent.fetch_add(as_u64(written), Ordering::Relaxed);
        Poll::Ready(Ok(written))
    }

    fn poll_write_vectored(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        let outcome = ready!(Pin::new(&mut self.stream).poll_write_vectored(cx, bytes));
        let written = self.account.noted(outcome)?;
        self.account.sent.fetch_add(as_u64(written), Ordering::Relaxed);
        Poll::Ready(Ok(written))
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

fn as_u64(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}
