//! The routes and their answers.

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::middleware;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde_json::{Value, json};

use super::access::admit;
use super::state::HttpState;
use crate::runtime::metrics::CONTENT_TYPE;
use crate::serve::auth::ROUTES;

pub(super) fn router(state: HttpState) -> Router {
    Router::new()
        .route("/health/live", get(live))
        .route("/health/ready", get(ready))
        .route("/metrics", get(show_metrics))
        .with_state(state.clone())
        .merge(state.routes.clone())
        .fallback(unknown_path)
        .method_not_allowed_fallback(unknown_method)
        .layer(middleware::from_fn_with_state(state, admit))
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
    // Some are read from the journal: on a thread that may wait.
    match tokio::task::spawn_blocking(move || state.metrics()).await {
        Ok(text) => ([(header::CONTENT_TYPE, CONTENT_TYPE)], text).into_response(),
        Err(_panic) => answer(StatusCode::INTERNAL_SERVER_ERROR, &json!({"error": "the metrics cannot be read"})),
    }
}

pub(super) async fn unknown_path() -> Response {
    let mut routes: Vec<&str> = ROUTES.iter().map(|(_, path, _)| *path).collect();
    routes.dedup();
    answer(StatusCode::NOT_FOUND, &json!({"error": "there is nothing at this path", "routes": routes}))
}

async fn unknown_method() -> Response {
    answer(StatusCode::METHOD_NOT_ALLOWED, &json!({"error": "this path does not take the method"}))
}

pub(in crate::serve::http) fn answer(status: StatusCode, body: &Value) -> Response {
    let headers = [(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, "no-store")];
    (status, headers, format!("{body}\n")).into_response()
}
