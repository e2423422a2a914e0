//! A span for each request, for whoever collects the server's own traces.

use axum::Router;
use axum::extract::Request;
use axum::middleware::{self, Next};
use axum::response::Response;
use tracing::Instrument as _;

/// Bytes of a path that a span names; a client can ask for any.
const PATH: usize = 128;

/// Gives each request of these routes a span.
pub(super) fn spans(routes: Router) -> Router {
    routes.layer(middleware::from_fn(spanned))
}

/// Answers within a span named after OpenTelemetry's conventions for HTTP servers.
async fn spanned(request: Request, next: Next) -> Response {
    let path = request.uri().path();
    let path = path.get(..path.floor_char_boundary(PATH)).unwrap_or_default();
    let span = tracing::info_span!(
        "http request",
        otel.kind = "server",
        http.request.method = %request.method(),
        url.path = path,
        http.response.status_code = tracing::field::Empty,
    );
    async move {
        let response = next.run(request).await;
        tracing::Span::current().record("http.response.status_code", i64::from(response.status().as_u16()));
        response
    }
    .instrument(span)
    .await
}
