//! A span for each call, for whoever collects the server's own traces: named and described as OpenTelemetry's conventions for RPC have it, a
//! child of the caller's, from the request's head to the end of the answer.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures_util::future::Either;
use http::{HeaderMap, Request, Response};
use http_body::{Frame, SizeHint};
use tonic::body::Body;
use tonic::{Code, Status};
use tower::{Layer, Service};
use tracing::Span;
use tracing::field::Empty;
use tracing::instrument::{Instrument as _, Instrumented};

use crate::serve::auth::rpc_access;
use crate::serve::trace::{TRACEPARENT, within};

/// Gives each call of a service a span.
#[derive(Clone, Copy)]
pub(super) struct TraceLayer;

impl<S> Layer<S> for TraceLayer {
    type Service = Traced<S>;

    fn layer(&self, inner: S) -> Traced<S> {
        Traced(inner)
    }
}

/// See the module's head.
#[derive(Clone)]
pub(super) struct Traced<S>(S);

impl<S: Service<Request<Body>, Response = Response<Body>>> Service<Request<Body>> for Traced<S> {
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = Either<S::Future, Call<S::Future>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let span = span_of(&request);
        if span.is_disabled() {
            return Either::Left(self.0.call(request));
        }
        let answer = span.in_scope(|| self.0.call(request));
        Either::Right(Call { answer: Box::pin(answer.instrument(span.clone())), span: Some(Told::nothing(span)) })
    }
}

fn span_of(request: &Request<Body>) -> Span {
    let _caller = within(request.headers().get(TRACEPARENT));
    let span = tracing::info_span!(
        "grpc call",
        otel.name = Empty,
        otel.kind = "server",
        otel.status_code = Empty,
        rpc.system = "grpc",
        rpc.service = Empty,
        rpc.method = Empty,
        rpc.grpc.status_code = Empty,
    );
    let path = request.uri().path();
    // A client can ask for any: what there is none of has no name.
    match path.strip_prefix('/').and_then(|path| path.split_once('/')).filter(|_| rpc_access(path).is_some()) {
        Some((service, method)) => {
            span.record("otel.name", path.trim_start_matches('/'));
            span.record("rpc.service", service);
            span.record("rpc.method", method);
        }
        None => drop(span.record("rpc.method", "_OTHER")),
    }
    span
}

/// A call whose answer has not begun.
pub(super) struct Call<F> {
    answer: Pin<Box<Instrumented<F>>>,
    span: Option<Told>,
}

impl<F, E> Future for Call<F>
where
    F: Future<Output = Result<Response<Body>, E>>,
{
    type Output = Result<Response<Body>, E>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let answer = ready!(self.answer.as_mut().poll(cx));
        let Some(mut told) = self.span.take() else { return Poll::Ready(answer) };
        Poll::Ready(answer.map(|answer| {
            // An answer without a body has its status in the head.
            told.hear(answer.headers());
            answer.map(|body| Body::new(Answer { body, told }))
        }))
    }
}

/// A span, and whether the status is known.
struct Told {
    span: Span,
    known: bool,
}

impl Told {
    const fn nothing(span: Span) -> Self {
        Self { span, known: false }
    }

    fn hear(&mut self, headers: &HeaderMap) {
        if let Some(status) = Status::from_header_map(headers) {
            self.tell(status.code());
        }
    }

    fn tell(&mut self, code: Code) {
        if !std::mem::replace(&mut self.known, true) {
            self.span.record("rpc.grpc.status_code", i64::from(i32::from(code)));
            if is_the_servers(code) {
                self.span.record("otel.status_code", "ERROR");
            }
        }
    }
}

/// Codes that are errors of a server (semantic conventions for gRPC): the others are the caller's, and no error here.
const fn is_the_servers(code: Code) -> bool {
    match code {
        Code::Unknown | Code::DeadlineExceeded | Code::Unimplemented | Code::Internal | Code::Unavailable | Code::DataLoss => {
            true
        }
        Code::Ok
        | Code::Cancelled
        | Code::InvalidArgument
        | Code::NotFound
        | Code::AlreadyExists
        | Code::PermissionDenied
        | Code::ResourceExhausted
        | Code::FailedPrecondition
        | Code::Aborted
        | Code::OutOfRange
        | Code::Unauthenticated => false,
    }
}

impl Drop for Told {
    fn drop(&mut self) {
        // Whoever called is gone before the end.
        self.tell(Code::Cancelled);
    }
}

/// The body of an answer, which ends with the status.
struct Answer {
    body: Body,
    told: Told,
}

impl http_body::Body for Answer {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let Self { body, told } = &mut *self;
        let _within = told.span.clone().entered();
        let frame = ready!(Pin::new(body).poll_frame(cx));
        match &frame {
            Some(Ok(frame)) => {
                if let Some(trailers) = frame.trailers_ref() {
                    told.hear(trailers);
                }
            }
            Some(Err(status)) => told.tell(status.code()),
            None => told.tell(Code::Ok),
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
