//! A span for each request, for whoever collects the server's own traces.

use axum::Router;
use axum::extract::{MatchedPath, Request};
use axum::middleware::{self, Next};
use axum::response::Response;
use tracing::Instrument as _;
use tracing::field::Empty;

use crate::serve::trace::{TRACEPARENT, within};

/// Bytes of a path that a span names; a client can ask for any.
const PATH: usize = 128;

/// Gives each request of these routes a span.
pub(super) fn spans(routes: Router) -> Router {
    routes.layer(middleware::from_fn(spanned))
}

/// Answers within a span as OpenTelemetry's conventions for HTTP servers have it: named after method and route, a child of the caller's, and
/// an error where the server failed (a status of 5xx).
async fn spanned(request: Request, next: Next) -> Response {
    let path = request.uri().path();
    let path = path.get(..path.floor_char_boundary(PATH)).unwrap_or_default();
    let span = {
        let _caller = within(request.headers().get(TRACEPARENT));
        tracing::info_span!(
            "http request",
            otel.name = Empty,
            otel.kind = "server",
            otel.status_code = Empty,
            http.request.method = %request.method(),
            http.route = Empty,
            http.response.status_code = Empty,
            url.path = path,
        )
    };
    if span.is_disabled() {
        return next.run(request).await;
    }
    match request.extensions().get::<MatchedPath>() {
        Some(route) => {
            span.record("http.route", route.as_str());
            span.record("otel.name", format!("{} {}", request.method(), route.as_str()));
        }
        // Paths that there are none of are without number: none of them names a span.
        None => drop(span.record("otel.name", request.method().as_str())),
    }
    async move {
        let response = next.run(request).await;
        let span = tracing::Span::current();
        span.record("http.response.status_code", i64::from(response.status().as_u16()));
        if response.status().is_server_error() {
            span.record("otel.status_code", "ERROR");
        }
        response
    }
    .instrument(span)
    .await
}
