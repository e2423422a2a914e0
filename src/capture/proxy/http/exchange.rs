//! One request that was let through, until its `http_response` is on record.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use hyper::Response;

use super::translate;
use crate::capture::proxy::shared::Shared;
use crate::event::{EventId, HttpResponse};
use crate::runtime::clock;
use crate::runtime::metrics::{ProxyStep, metrics};

/// A request that an `http_response` is due for. It is recorded when this is dropped, so exactly once, however the exchange ends.
pub(super) struct Exchange {
    shared: Arc<Shared>,
    request: EventId,
    began: Instant,
    upload: Arc<Upload>,
    response: HttpResponse,
    complete: bool,
}

impl Exchange {
    /// The exchange that the `http_request` began.
    pub(super) fn begin(shared: Arc<Shared>, request: EventId) -> Self {
        let began = clock::instant();
        let upload = Arc::new(Upload::new(began));
        Self { shared, request, began, upload, response: HttpResponse::default(), complete: false }
    }

    /// The `http_request`.
    pub(super) const fn request(&self) -> EventId {
        self.request
    }

    /// How the request's body goes.
    pub(super) fn upload(&self) -> Arc<Upload> {
        Arc::clone(&self.upload)
    }

    /// Notes the connection that carries it.
    pub(super) const fn carried_by(&mut self, connection: EventId) {
        self.response.connection = Some(connection);
    }

    /// Notes the response's head.
    pub(super) fn answered<B>(&mut self, response: &Response<B>) {
        self.response.status = Some(response.status().as_u16());
        self.response.version = Some(translate::version(response.version()));
        self.response.headers = translate::headers(response.headers());
        let first_byte = clock::micros_since(self.began);
        self.response.first_byte_us = Some(first_byte);
        metrics().proxy_latency.of(ProxyStep::FirstByte).observe(first_byte);
    }

    /// Notes bytes of the response's body.
    pub(super) fn received(&mut self, bytes: usize) {
        self.response.response_bytes += u64::try_from(bytes).unwrap_or(u64::MAX);
    }

    /// Notes that the response's body has come to its end.
    pub(super) const fn complete(&mut self) {
        self.complete = true;
    }

    /// Notes why the exchange fails. The first reason counts; what breaks while the session is being closed breaks because of that.
    pub(super) fn fail(&mut self, error: impl ToString) {
        let closing = self.shared.tasks.is_closing();
        self.response.error.get_or_insert_with(|| if closing { "the session ended".to_owned() } else { error.to_string() });
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        if !self.complete && self.response.error.is_none() {
            self.fail("the client left before the response was complete");
        }
        let mut response = std::mem::take(&mut self.response);
        response.request_bytes = self.upload.bytes.load(Ordering::Relaxed);
        response.duration_us = clock::micros_since(self.began);
        metrics().proxy_latency.of(ProxyStep::Exchange).observe(response.duration_us);
        self.shared.recorder.observe(response, Some(self.request));
    }
}

/// How the body of a request goes on its way to the upstream.
#[derive(Debug)]
pub(super) struct Upload {
    began: Instant,
    bytes: AtomicU64,
    /// Microseconds from the beginning to the last frame.
    last: AtomicU64,
    done: AtomicBool,
    /// Whether the next bytes are the client's to send.
    awaited: AtomicBool,
}

impl Upload {
    fn new(began: Instant) -> Self {
        Self {
            began,
            bytes: AtomicU64::new(0),
            last: AtomicU64::new(0),
            done: AtomicBool::new(false),
            awaited: AtomicBool::new(false),
        }
    }

    /// Notes that bytes went on.
    pub(super) fn sent(&self, bytes: usize) {
        self.bytes.fetch_add(u64::try_from(bytes).unwrap_or(u64::MAX), Ordering::Relaxed);
        self.last.store(clock::micros_since(self.began), Ordering::Relaxed);
    }

    /// Notes whether the client is waited for.
    pub(super) fn awaits(&self, client: bool) {
        self.awaited.store(client, Ordering::Relaxed);
    }

    /// Notes that all of it went on.
    pub(super) fn done(&self) {
        self.last.store(clock::micros_since(self.began), Ordering::Relaxed);
        self.done.store(true, Ordering::Relaxed);
    }

    /// How long the upstream may still take: to answer, once it has the request, and until then to take more of it. A wait for the client
    /// is not the upstream's fault, and has its own limit.
    pub(super) fn patience(&self, head: Duration, idle: Duration) -> Duration {
        if self.awaited.load(Ordering::Relaxed) {
            return idle.max(Duration::from_millis(1));
        }
        let quiet = clock::micros_since(self.began).saturating_sub(self.last.load(Ordering::Relaxed));
        self.limit(head, idle).saturating_sub(Duration::from_micros(quiet))
    }

    /// Which of the two limits holds now.
    pub(super) fn limit(&self, head: Duration, idle: Duration) -> Duration {
        if self.done.load(Ordering::Relaxed) { head } else { idle }
    }
}
