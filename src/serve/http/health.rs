//! Whether the recorder lives and is ready, and its metrics.

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use serde::Serialize;
use serde_json::json;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::problem::Problem;
use super::routes::answer;
use super::state::{HttpState, NotReady};
use crate::runtime::metrics::CONTENT_TYPE;

/// How the recorder is.
#[derive(Serialize, utoipa::ToSchema)]
struct Health {
    /// `live`, `ready` or `not_ready`.
    status: &'static str,
    /// Why it is not ready.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    reasons: Vec<NotReady>,
}

/// The routes.
pub(super) fn health_routes() -> OpenApiRouter<HttpState> {
    OpenApiRouter::default().routes(routes!(live)).routes(routes!(ready)).routes(routes!(show_metrics))
}

/// The process runs and answers; nothing else is asked.
#[utoipa::path(get, path = "/health/live", tag = "health", responses((status = 200, description = "It runs.", body = Health)))]
async fn live() -> Response {
    answer(StatusCode::OK, &json!({"status": "live"}))
}

/// Whether the recorder can do its work.
#[utoipa::path(get, path = "/health/ready", tag = "health", responses(
    (status = 200, description = "It can.", body = Health),
    (status = 503, description = "It cannot; the reasons are named.", body = Health),
))]
async fn ready(State(state): State<HttpState>) -> Response {
    let reasons = state.reasons_against();
    if reasons.is_empty() {
        answer(StatusCode::OK, &json!(Health { status: "ready", reasons }))
    } else {
        answer(StatusCode::SERVICE_UNAVAILABLE, &json!(Health { status: "not_ready", reasons }))
    }
}

/// The metrics, in the text format of Prometheus.
#[utoipa::path(get, path = "/metrics", tag = "health", responses(
    (status = 200, description = "All metrics.", body = String, content_type = "text/plain"),
    (status = 500, description = "They cannot be read.", body = Problem, content_type = "application/problem+json"),
))]
async fn show_metrics(State(state): State<HttpState>) -> Response {
    // Some are read from the journal: on a thread that may wait.
    match tokio::task::spawn_blocking(move || state.metrics()).await {
        Ok(text) => ([(header::CONTENT_TYPE, CONTENT_TYPE)], text).into_response(),
        Err(_panic) => Problem::fault("the metrics cannot be read").into_response(),
    }
}
