//! The routes but for what a command says.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use axum::routing::{get, post};
use serde::Serialize;
use serde_json::json;

use super::answers::{problem, read, refused, traceparent};
use super::body::{NewSessionBody, SignalBody};
use super::exec;
use crate::serve::http::routes::answer;
use crate::serve::sessions::{SessionError, SessionStore, WhichSessions};

/// Who answers.
pub(super) type Store = Arc<dyn SessionStore>;

/// The routes `/api/v1/sessions…`, answered by whoever keeps the sessions.
pub fn session_routes(store: Arc<dyn SessionStore>) -> Router {
    Router::new()
        .route("/api/v1/sessions", get(list).post(create))
        .route("/api/v1/sessions/{id}", get(show).delete(end))
        .route("/api/v1/sessions/{id}/signal", post(signal))
        .route("/api/v1/sessions/{id}/exec", post(exec::exec))
        .with_state(store)
}

/// Asks on a thread that may wait.
pub(super) async fn ask<T: Send + 'static>(
    store: Store,
    question: impl FnOnce(&dyn SessionStore) -> Result<T, SessionError> + Send + 'static,
) -> Result<T, Response> {
    match tokio::task::spawn_blocking(move || question(&*store)).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(error)) => Err(refused(&error)),
        Err(_) => Err(problem(StatusCode::INTERNAL_SERVER_ERROR, "the recorder failed")),
    }
}

fn told<T: Serialize>(status: StatusCode, found: Result<T, Response>) -> Response {
    match found.map(|found| serde_json::to_value(found)) {
        Ok(Ok(value)) => answer(status, &value),
        Ok(Err(error)) => problem(StatusCode::INTERNAL_SERVER_ERROR, &error.to_string()),
        Err(response) => response,
    }
}

async fn create(State(store): State<Store>, headers: HeaderMap, body: Bytes) -> Response {
    let new = match read::<NewSessionBody>(&headers, &body) {
        Ok(body) => body.into_request(traceparent(&headers)),
        Err(response) => return response,
    };
    told(StatusCode::CREATED, ask(store, move |store| store.create(&new)).await)
}

async fn list(State(store): State<Store>, RawQuery(query): RawQuery) -> Response {
    let mut which = WhichSessions::default();
    for (name, value) in pairs(query.as_deref()) {
        let understood = match name {
            "state" => {
                which.running = true;
                value == "running"
            }
            "limit" => value.parse().map(|most| which.most = most).is_ok(),
            "before" => value.parse().map(|before| which.before = Some(before)).is_ok(),
            _ => false,
        };
        if !understood {
            let reason = format!("`{name}={value}`: what there is: state=running, limit=NUMBER, before=SEQ (`next` of a page)");
            return problem(StatusCode::BAD_REQUEST, &reason);
        }
    }
    told(StatusCode::OK, ask(store, move |store| store.list(which)).await)
}

async fn show(State(store): State<Store>, Path(id): Path<String>) -> Response {
    told(StatusCode::OK, ask(store, move |store| store.get(&id)).await)
}

async fn end(State(store): State<Store>, Path(id): Path<String>, RawQuery(query): RawQuery) -> Response {
    let mut grace = None;
    for (name, value) in pairs(query.as_deref()) {
        match value.parse() {
            Ok(millis) if name == "grace_ms" => grace = Some(Duration::from_millis(millis)),
            _ => return problem(StatusCode::BAD_REQUEST, &format!("`{name}={value}`: what there is: grace_ms=NUMBER")),
        }
    }
    told(StatusCode::OK, ask(store, move |store| store.end(&id, grace)).await)
}

async fn signal(State(store): State<Store>, Path(id): Path<String>, headers: HeaderMap, body: Bytes) -> Response {
    let SignalBody { signal, command_id } = match read(&headers, &body) {
        Ok(body) => body,
        Err(response) => return response,
    };
    let told_to = ask(store, move |store| store.signal(&id, command_id.as_deref(), signal)).await;
    told(StatusCode::OK, told_to.map(|commands| json!({ "commands": commands })))
}

/// The parameters of a query. None of ours needs escapes.
fn pairs(query: Option<&str>) -> impl Iterator<Item = (&str, &str)> {
    let parts = query.unwrap_or_default().split('&').filter(|part| !part.is_empty());
    parts.map(|part| part.split_once('=').unwrap_or((part, "")))
}
