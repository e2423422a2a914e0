//! The routes and their answers.

use std::net::IpAddr;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde_json::{Value, json};
use tracing::Instrument as _;

use super::state::HttpState;
use crate::runtime::metrics::CONTENT_TYPE;

pub(super) fn router(state: HttpState) -> Router {
    Router::new()
        .route("/health/live", get(live))
        .route("/health/ready", get(ready))
        .route("/metrics", get(show_metrics))
        .fallback(unknown_path)
        .method_not_allowed_fallback(unknown_method)
        .layer(middleware::from_fn(only_local_names))
        .layer(middleware::from_fn(traced))
        .with_state(state)
}

/// A span for each request, named as the HTTP conventions have it.
async fn traced(request: Request, next: Next) -> Response {
    let span = tracing::info_span!(
        "request",
        otel.kind = "server",
        otel.name = format!("{} {}", request.method(), request.uri().path()),
        http.request.method = %request.method(),
        url.path = request.uri().path(),
        http.response.status_code = tracing::field::Empty,
    );
    let response = next.run(request).instrument(span.clone()).await;
    span.record("http.response.status_code", response.status().as_u16());
    response
}

/// The process runs and answers; nothing else is asked.
async fn live() -> Response {
    answer(StatusCode::OK, &json!({"status": "live"}))
}

async fn ready(State(state): State<HttpState>) -> Response {
    let reasons = state.reasons_against();
    if reasons.is_empty() {
        answer(StatusCode::OK, &json!({"status": "ready"}))
    } else {
        answer(StatusCode::SERVICE_UNAVAILABLE, &json!({"status": "not_ready", "reasons": reasons}))
    }
}

async fn show_metrics(State(state): State<HttpState>) -> Response {
    ([(header::CONTENT_TYPE, CONTENT_TYPE)], state.metrics()).into_response()
}

async fn unknown_path() -> Response {
    let routes = ["/health/live", "/health/ready", "/metrics"];
    answer(StatusCode::NOT_FOUND, &json!({"error": "there is nothing at this path", "routes": routes}))
}

async fn unknown_method() -> Response {
    answer(StatusCode::METHOD_NOT_ALLOWED, &json!({"error": "this path answers GET and HEAD"}))
}

fn answer(status: StatusCode, body: &Value) -> Response {
    let headers = [(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, "no-store")];
    (status, headers, format!("{body}\n")).into_response()
}

/// Refuses a request that was addressed to another name than this machine's loopback. A web page can make a browser connect to
/// 127.0.0.1 under a name of its own (DNS rebinding), and would read the answer.
async fn only_local_names(request: Request, next: Next) -> Response {
    if names_loopback(request.headers()) {
        next.run(request).await
    } else {
        answer(StatusCode::MISDIRECTED_REQUEST, &json!({"error": "the Host header must be localhost or a loopback address"}))
    }
}

/// Whether the Host header, if there is one (HTTP/1.0 needs none), is `localhost` or a loopback address.
fn names_loopback(headers: &HeaderMap) -> bool {
    let mut hosts = headers.get_all(header::HOST).iter();
    let Some(host) = hosts.next() else { return true };
    let host = host.to_str().unwrap_or_default();
    // RFC 3986 §3.2.2: an IPv6 address stands in brackets, so that the port's colon can be told from its own.
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split_once(']').map_or("", |(address, _)| address),
        None => host.split_once(':').map_or(host, |(name, _)| name),
    };
    hosts.next().is_none()
        && (name.eq_ignore_ascii_case("localhost") || name.parse().is_ok_and(|address: IpAddr| address.is_loopback()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(host: &str, local: bool) {
        let mut headers = HeaderMap::new();
        headers.extend(host.parse().map(|value| (header::HOST, value)));
        assert_eq!(names_loopback(&headers), local, "{host}");
    }

    #[test]
    fn only_loopback_names_are_local() {
        for host in ["localhost", "LocalHost:8080", "127.0.0.1:8080", "127.9.9.9", "[::1]:8080", "[::1]"] {
            check(host, true);
        }
        for host in
            ["evil.test", "localhost.evil.test:8080", "127.0.0.1.evil.test", "10.0.0.1", "[::2]", "[::1", "", ":8080", "::1"]
        {
            check(host, false);
        }
        assert!(names_loopback(&HeaderMap::new()));
    }

    #[test]
    fn two_host_headers_are_not_local() {
        let mut headers = HeaderMap::new();
        headers.append(header::HOST, header::HeaderValue::from_static("localhost"));
        headers.append(header::HOST, header::HeaderValue::from_static("evil.test"));
        assert!(!names_loopback(&headers));
    }
}
