//! The router: what the parts bring, the document of it all, and what stands around every answer.

use std::sync::Arc;

use axum::body::to_bytes;
use axum::extract::{Request, State};
use axum::http::{Extensions, HeaderMap, StatusCode, Version, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse as _, Response};
use axum::{Router, http};
use serde_json::Value;
use tower_http::compression::CompressionLayer;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::access::admit;
use super::document::document;
use super::etag::{Keep, tagged};
use super::health::health_routes;
use super::problem::{PROBLEM_TYPE, Problem};
use super::sign_in::sign_in_routes;
use super::state::HttpState;
use crate::serve::auth::ROUTES;

/// Bytes of a refusal of the library's own.
const LONGEST_REFUSAL: usize = 64 << 10;

/// Answers shorter than this are not compressed: it would not help.
const WORTH_IT: u64 = 1024;

pub(super) fn router(state: HttpState) -> Router {
    let openapi: Arc<std::sync::OnceLock<Vec<u8>>> = Arc::default();
    let own = health_routes().merge(sign_in_routes()).with_state(state.clone());
    let described = OpenApiRouter::default().routes(routes!(describe)).with_state(Arc::clone(&openapi));
    let (routes, described) = own.merge(described).merge(state.routes.clone()).split_for_parts();
    // Nobody else sets it.
    let _set = openapi.set(format!("{}\n", document(&described)).into_bytes());
    let compression = CompressionLayer::new().compress_when(is_worth_compressing);
    routes
        .fallback(unknown_path)
        .method_not_allowed_fallback(unknown_method)
        .layer(middleware::from_fn(as_problems))
        .layer(compression)
        .layer(middleware::from_fn_with_state(state, admit))
}

/// This document.
#[utoipa::path(get, path = "/api/openapi.json", tag = "document", responses(
    (status = 200, description = "The OpenAPI 3.1 document of the server.", body = Object),
    (status = 304, description = "It is the one that the client has."),
))]
async fn describe(State(document): State<Arc<std::sync::OnceLock<Vec<u8>>>>, headers: HeaderMap) -> Response {
    tagged(&headers, "application/json", document.get().cloned().unwrap_or_default(), Keep::Revalidate)
}

/// Streams that live are not held back by a compressor, and what never changes keeps its bytes, which its tag is for.
fn is_worth_compressing(_: StatusCode, _: Version, headers: &HeaderMap, _: &Extensions) -> bool {
    let text = |name| headers.get(name).and_then(|value: &http::HeaderValue| value.to_str().ok()).unwrap_or_default();
    let length = text(header::CONTENT_LENGTH).parse::<u64>().ok();
    let media = text(header::CONTENT_TYPE).split(';').next().unwrap_or_default();
    let compressible = matches!(
        media,
        "application/json"
            | "application/x-ndjson"
            | "text/html"
            | "text/css"
            | "text/javascript"
            | "text/csv"
            | "image/svg+xml"
            | "application/vnd.apache.arrow.stream"
            | "text/plain"
    );
    let is_live = headers.contains_key("x-accel-buffering");
    compressible
        && !is_live
        && !text(header::CACHE_CONTROL).contains("immutable")
        && length.is_none_or(|length| length >= WORTH_IT)
}

/// What the library refuses by itself, such as a body that is too large, has the form of every other refusal.
async fn as_problems(request: Request, next: Next) -> Response {
    let response = next.run(request).await;
    let status = response.status();
    let is_ours = response.headers().get(header::CONTENT_TYPE).is_some_and(|media| {
        let media = media.as_bytes();
        media == PROBLEM_TYPE.as_bytes() || media.starts_with(b"application/json")
    });
    if !(status.is_client_error() || status.is_server_error()) || is_ours {
        return response;
    }
    let (parts, body) = response.into_parts();
    let text = to_bytes(body, LONGEST_REFUSAL).await.unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let detail = if text.trim().is_empty() { status.canonical_reason().unwrap_or_default() } else { text.trim() };
    let mut problem = Problem::new(status, detail).into_response();
    if let Some(allow) = parts.headers.get(header::ALLOW) {
        problem.headers_mut().insert(header::ALLOW, allow.clone());
    }
    problem
}

pub(super) async fn unknown_path() -> Response {
    let mut routes: Vec<&str> = ROUTES.iter().map(|(_, path, _)| *path).collect();
    routes.dedup();
    Problem::new(StatusCode::NOT_FOUND, "there is nothing at this path").naming(routes).into_response()
}

async fn unknown_method() -> Response {
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "this path does not take the method: Allow names those that it takes")
        .into_response()
}

pub(in crate::serve::http) fn answer(status: StatusCode, body: &Value) -> Response {
    let headers = [(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, "no-store")];
    (status, headers, format!("{body}\n")).into_response()
}
