//! Bodies on their way through: counted, timed, and passed on as they come. Whoever reads slowly slows the sender down.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::body::{Body, Bytes, Frame, Incoming, SizeHint};
use tokio::time::Sleep;

use super::exchange::{Exchange, Upload};

/// Why a body broke off.
pub(super) type BodyError = Box<dyn std::error::Error + Send + Sync>;

/// The body of what the client gets.
pub(in super::super) enum ProxyBody {
    /// None.
    Empty,
    /// A text of the proxy's own.
    Text(Option<Bytes>),
    /// The upstream's.
    Upstream(Box<Download>),
}

impl ProxyBody {
    pub(in super::super) fn text(text: String) -> Self {
        Self::Text(Some(text.into()))
    }
}

impl Body for ProxyBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        match self.get_mut() {
            ProxyBody::Empty => Poll::Ready(None),
            ProxyBody::Text(text) => Poll::Ready(text.take().map(|text| Ok(Frame::data(text)))),
            ProxyBody::Upstream(download) => Pin::new(&mut **download).poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            ProxyBody::Empty | ProxyBody::Text(None) => true,
            ProxyBody::Text(Some(_)) => false,
            ProxyBody::Upstream(download) => download.body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            ProxyBody::Empty | ProxyBody::Text(None) => SizeHint::with_exact(0),
            ProxyBody::Text(Some(text)) => SizeHint::with_exact(u64::try_from(text.len()).unwrap_or(u64::MAX)),
            ProxyBody::Upstream(download) => download.body.size_hint(),
        }
    }
}

/// The body of a response, from the upstream to the client; its end is the end of the exchange.
pub(in super::super) struct Download {
    body: Incoming,
    exchange: Exchange,
    patience: Patience,
}

impl Download {
    pub(super) fn new(body: Incoming, exchange: Exchange, idle: Duration) -> Self {
        Self { body, exchange, patience: Patience::new(idle) }
    }

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = &mut *self;
        let frame = Pin::new(&mut this.body).poll_frame(cx);
        match &frame {
            Poll::Ready(Some(Ok(frame))) => this.exchange.received(frame.data_ref().map_or(0, Bytes::len)),
            Poll::Ready(Some(Err(error))) => this.exchange.fail(format!("the upstream broke off its response: {}", whole(error))),
            Poll::Ready(None) => this.exchange.complete(),
            Poll::Pending => {
                return this.patience.poll(cx).map(|limit| {
                    let error = format!("the upstream sent nothing for {} ms", limit.as_millis());
                    this.exchange.fail(&error);
                    Some(Err(error.into()))
                });
            }
        }
        this.patience.renew();
        frame.map(|frame| frame.map(|frame| frame.map_err(BodyError::from)))
    }
}

impl Drop for Download {
    fn drop(&mut self) {
        // Whoever reads a body of a known length does not ask again after its last byte.
        if self.body.is_end_stream() {
            self.exchange.complete();
        }
    }
}

/// The body of a request, from the client to the upstream.
pub(super) struct UploadBody {
    /// None for a request that is sent again, which had no body.
    source: Option<Source>,
}

struct Source {
    body: Incoming,
    upload: Arc<Upload>,
    patience: Patience,
}

impl UploadBody {
    pub(super) fn new(body: Incoming, upload: Arc<Upload>, idle: Duration) -> Self {
        if body.is_end_stream() {
            upload.done();
        }
        Self { source: Some(Source { body, upload, patience: Patience::new(idle) }) }
    }

    /// No body.
    pub(super) const fn empty() -> Self {
        Self { source: None }
    }
}

impl Body for UploadBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let Some(this) = &mut self.source else { return Poll::Ready(None) };
        let frame = Pin::new(&mut this.body).poll_frame(cx);
        this.upload.awaits(frame.is_pending());
        match &frame {
            Poll::Ready(Some(Ok(frame))) => this.upload.sent(frame.data_ref().map_or(0, Bytes::len)),
            Poll::Ready(Some(Err(_))) => {}
            Poll::Ready(None) => this.upload.done(),
            Poll::Pending => {
                return this.patience.poll(cx).map(|limit| {
                    let error = format!("the client sent nothing for {} ms", limit.as_millis());
                    Some(Err(error.into()))
                });
            }
        }
        if this.body.is_end_stream() {
            this.upload.done();
        }
        this.patience.renew();
        frame.map(|frame| frame.map(|frame| frame.map_err(BodyError::from)))
    }

    fn is_end_stream(&self) -> bool {
        self.source.as_ref().is_none_or(|source| source.body.is_end_stream())
    }

    fn size_hint(&self) -> SizeHint {
        self.source.as_ref().map_or_else(|| SizeHint::with_exact(0), |source| source.body.size_hint())
    }
}

/// Waits for the next frame, but not for ever.
struct Patience {
    limit: Duration,
    /// Runs only while a frame is awaited.
    timer: Option<Pin<Box<Sleep>>>,
}

impl Patience {
    const fn new(limit: Duration) -> Self {
        Self { limit, timer: None }
    }

    fn renew(&mut self) {
        self.timer = None;
    }

    /// Ready, with the limit, when the wait has been too long.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Duration> {
        let timer = self.timer.get_or_insert_with(|| Box::pin(tokio::time::sleep(self.limit)));
        timer.as_mut().poll(cx).map(|()| self.limit)
    }
}

/// An error with the reasons behind it, outermost first.
pub(super) fn whole(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(reason) = source {
        text.push_str(": ");
        text.push_str(&reason.to_string());
        source = reason.source();
    }
    text
}
