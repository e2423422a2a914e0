//! What one client's connection asks for, request by request.

use std::pin::pin;
use std::sync::{Arc, Mutex};

use hyper::body::{Body as _, Incoming};
use hyper::client::conn::http1;
use hyper::header::CONTENT_LENGTH;
use hyper::{Method, Request, Response};
use hyper_util::rt::TokioIo;

use super::body::{Download, ProxyBody, UploadBody, whole};
use super::exchange::{Exchange, Upload};
use super::pool::{Pool, Pooled};
use super::translate::{self, BadRequest};
use crate::capture::proxy::connect as tunnel;
use crate::capture::proxy::failure::Failure;
use crate::capture::proxy::shared::Shared;
use crate::capture::proxy::upstream::{Destination, Upstream, connect};
use crate::event::trace::SpanId;
use crate::event::{HttpResponse, Interception};
use crate::runtime::lock::lock;

/// One client's connection.
pub(super) struct Client {
    shared: Arc<Shared>,
    pool: Mutex<Pool>,
}

impl Client {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self { shared, pool: Mutex::default() }
    }

    /// Answers a request.
    pub(super) async fn answer(&self, request: Request<Incoming>) -> Response<ProxyBody> {
        let answered = if request.method() == Method::CONNECT {
            tunnel::open(&self.shared, request).await
        } else {
            self.exchange(request).await
        };
        answered.unwrap_or_else(|failure| {
            if let Failure::Request(request) = &failure {
                self.reject(request);
            }
            failure.response()
        })
    }

    /// Records a request that cannot be proxied: the answer that the client got, which no `http_request` came before.
    fn reject(&self, request: &BadRequest) {
        let rejected =
            HttpResponse { status: Some(request.status().as_u16()), error: Some(request.to_string()), ..HttpResponse::default() };
        self.shared.recorder.observe(rejected, None);
    }

    async fn exchange(&self, request: Request<Incoming>) -> Result<Response<ProxyBody>, Failure> {
        let (mut head, body) = request.into_parts();
        let destination = translate::destination(&head)?;
        let pooled = lock(&self.pool).take(&destination);
        let pooled = match pooled {
            Some(connection) => connection.free().await,
            None => None,
        };
        let announced = head.headers.contains_key(CONTENT_LENGTH).then(|| body.size_hint().exact()).flatten();
        let connection = pooled.as_ref().map(|pooled| pooled.id);
        let event = translate::request(&head, &destination, announced, connection);
        let verdict = self.shared.recorder.gate(event, None);
        if let Some(refusal) = verdict.refusal() {
            return Err(Failure::Refused(refusal.clone()));
        }
        let mut exchange = Exchange::begin(Arc::clone(&self.shared), verdict.event);
        translate::onward(&mut head);
        if let Some(trace) = self.shared.trace {
            translate::trace(&mut head, trace.at(SpanId::of_event(exchange.request())));
        }
        let body = UploadBody::new(body, exchange.upload(), self.shared.config.idle_timeout());
        let request = Request::from_parts(head, body);
        match self.forward(request, &destination, pooled, &mut exchange).await {
            Ok(response) => {
                exchange.answered(&response);
                let (mut head, body) = response.into_parts();
                head.headers = translate::end_to_end(&head.headers);
                let download = Download::new(body, exchange, self.shared.config.idle_timeout());
                Ok(Response::from_parts(head, ProxyBody::Upstream(Box::new(download))))
            }
            Err(failure) => {
                exchange.fail(&failure);
                Err(failure)
            }
        }
    }

    /// Sends a request on a connection that is open, or else on a new one, and keeps the connection.
    async fn forward(
        &self,
        mut request: Request<UploadBody>,
        destination: &Destination,
        pooled: Option<Pooled>,
        exchange: &mut Exchange,
    ) -> Result<Response<Incoming>, Failure> {
        if let Some(connection) = pooled {
            exchange.carried_by(connection.id);
            let copy = repeatable(&request);
            match self.send(connection, request, destination, &exchange.upload()).await {
                Ok(response) => return Ok(response),
                Err(Unsent { failure, returned, died }) => {
                    // A server may close an idle connection just when a request is on its way there.
                    request = returned.or(copy.filter(|_| died)).ok_or(failure)?;
                }
            }
        }
        if let Some(refusal) = self.shared.recorder.refused_by_name(&destination.host, destination.port) {
            return Err(Failure::Refused(refusal));
        }
        let upstream = connect(&self.shared, destination, Interception::HttpProxy, Some(exchange.request())).await?;
        let connection = self.open(upstream).await?;
        exchange.carried_by(connection.id);
        self.send(connection, request, destination, &exchange.upload()).await.map_err(|unsent| unsent.failure)
    }

    /// Makes an HTTP connection of a stream; a task of its own drives it.
    async fn open(&self, upstream: Upstream) -> Result<Pooled, Failure> {
        let Upstream { stream, open } = upstream;
        let (id, account) = (open.id, Arc::clone(&open.account));
        let (sender, connection) = http1::Builder::new()
            .preserve_header_case(true)
            .max_buf_size(self.shared.config.head_bytes())
            .handshake(TokioIo::new(stream))
            .await
            .map_err(|error| Failure::Upstream { reason: whole(&error) })?;
        self.shared.tasks.spawn(async move {
            let open = open;
            if let Err(error) = connection.await
                && !error.is_canceled()
            {
                open.account.note(whole(&error));
            }
        });
        Ok(Pooled { sender, id, account })
    }

    /// Sends a request, and puts the connection back when the response has begun.
    async fn send(
        &self,
        mut connection: Pooled,
        request: Request<UploadBody>,
        destination: &Destination,
        upload: &Upload,
    ) -> Result<Response<Incoming>, Unsent> {
        let (head, idle) = (self.shared.config.head_timeout(), self.shared.config.idle_timeout());
        let mut sending = pin!(connection.sender.try_send_request(request));
        let sent = loop {
            match tokio::time::timeout(upload.patience(head, idle), sending.as_mut()).await {
                Ok(sent) => break sent,
                Err(_) if upload.patience(head, idle).is_zero() => {
                    let failure = Failure::HeadTimeout { after: upload.limit(head, idle) };
                    connection.account.note(&failure);
                    return Err(Unsent { failure, returned: None, died: false });
                }
                // The request's body has moved on meanwhile.
                Err(_) => {}
            }
        };
        match sent {
            Ok(response) => {
                lock(&self.pool).put(destination.clone(), connection);
                Ok(response)
            }
            Err(mut unsent) => {
                let returned = unsent.take_message();
                let error = unsent.into_error();
                let reason = whole(&error);
                let failure = if error.is_user() { Failure::ClientBody { reason } } else { Failure::Upstream { reason } };
                Err(Unsent { failure, returned, died: !error.is_user() && !error.is_parse() })
            }
        }
    }
}

/// A request that got no response.
struct Unsent {
    failure: Failure,
    /// The request itself, if none of it was written.
    returned: Option<Request<UploadBody>>,
    /// Whether the connection ended before a byte of an answer came.
    died: bool,
}

/// The request once more, if it has no body and may be sent twice.
fn repeatable(request: &Request<UploadBody>) -> Option<Request<UploadBody>> {
    if !request.body().is_end_stream() || !translate::is_idempotent(request.method()) {
        return None;
    }
    let mut again = Request::new(UploadBody::empty());
    *again.method_mut() = request.method().clone();
    *again.uri_mut() = request.uri().clone();
    *again.version_mut() = request.version();
    *again.headers_mut() = request.headers().clone();
    *again.extensions_mut() = request.extensions().clone();
    Some(again)
}
