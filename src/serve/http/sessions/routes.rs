//! The routes but for what a command says.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use serde::Serialize;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::answers::{problem, read, refused, traceparent};
use super::body::{NewSessionBody, SignalBody};
use super::exec;
use crate::serve::http::parameters::Parameters;
use crate::serve::http::problem::Problem;
use crate::serve::http::routes::answer;
use crate::serve::sessions::{SessionError, SessionInfo, SessionPage, SessionStore, WhichSessions};

/// Who answers.
pub(super) type Store = Arc<dyn SessionStore>;

/// The routes `/api/v1/sessions…`, answered by whoever keeps the sessions.
pub fn session_routes(store: Arc<dyn SessionStore>) -> OpenApiRouter {
    OpenApiRouter::default()
        .routes(routes!(list, create))
        .routes(routes!(show, end))
        .routes(routes!(signal))
        .routes(routes!(exec::exec))
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

/// Creates a session.
#[utoipa::path(post, path = "/api/v1/sessions", tag = "sessions", request_body = NewSessionBody, responses(
    (status = 201, description = "It is on record, with its policy and what is enforced in it.", body = SessionInfo),
    (status = 400, description = "Something in the body cannot be.", body = Problem, content_type = "application/problem+json"),
    (status = 413, description = "The body is too large.", body = Problem, content_type = "application/problem+json"),
    (status = 415, description = "The body is not JSON.", body = Problem, content_type = "application/problem+json"),
    (status = 429, description = "There are too many sessions.", body = Problem, content_type = "application/problem+json"),
    (status = 500, description = "It cannot be set up.", body = Problem, content_type = "application/problem+json"),
    (status = 503, description = "The server shuts down, or the journal cannot write.", body = Problem, content_type = "application/problem+json"),
))]
async fn create(State(store): State<Store>, headers: HeaderMap, body: Bytes) -> Response {
    let new = match read::<NewSessionBody>(&headers, &body) {
        Ok(body) => body.into_request(traceparent(&headers)),
        Err(response) => return response,
    };
    told(StatusCode::CREATED, ask(store, move |store| store.create(&new)).await)
}

/// The sessions, newest first, those that run and those that have ended.
#[utoipa::path(get, path = "/api/v1/sessions", tag = "sessions", params(
    ("state" = Option<String>, Query, description = "`running`: only those that go on."),
    ("limit" = Option<u64>, Query, description = "At most so many; 0 is 100, more than 1,000 are 1,000."),
    ("before" = Option<u64>, Query, description = "`next` of the page before."),
), responses(
    (status = 200, description = "Some sessions, and where the next page begins.", body = SessionPage),
    (status = 400, description = "A parameter cannot be.", body = Problem, content_type = "application/problem+json"),
    (status = 500, description = "The journal cannot be read.", body = Problem, content_type = "application/problem+json"),
))]
async fn list(State(store): State<Store>, RawQuery(query): RawQuery) -> Response {
    let read = || {
        let mut which = WhichSessions::default();
        let parameters = Parameters::read(query.as_deref(), &["state", "limit", "before"])?;
        match parameters.one("state")? {
            None => {}
            Some("running") => which.running = true,
            Some(_) => return Err(Problem::parameter("state", "it may be `running`")),
        }
        let most = parameters.number("limit")?.unwrap_or(0);
        which.most = u32::try_from(most).unwrap_or(u32::MAX);
        which.before = parameters.number("before")?;
        Ok(which)
    };
    let which = match read() {
        Ok(which) => which,
        Err(problem) => return problem.into_response(),
    };
    told(StatusCode::OK, ask(store, move |store| store.list(which)).await)
}

/// One session, by its id or the start of it.
#[utoipa::path(get, path = "/api/v1/sessions/{id}", tag = "sessions", params(("id" = String, Path, description = "Its id.")), responses(
    (status = 200, description = "The session.", body = SessionInfo),
    (status = 400, description = "Several sessions start so.", body = Problem, content_type = "application/problem+json"),
    (status = 404, description = "There is none.", body = Problem, content_type = "application/problem+json"),
    (status = 500, description = "The journal cannot be read.", body = Problem, content_type = "application/problem+json"),
))]
async fn show(State(store): State<Store>, Path(id): Path<String>) -> Response {
    told(StatusCode::OK, ask(store, move |store| store.get(&id)).await)
}

/// Ends a session: its commands are told, then killed.
#[utoipa::path(delete, path = "/api/v1/sessions/{id}", tag = "sessions", params(
    ("id" = String, Path, description = "Its id."),
    ("grace_ms" = Option<u64>, Query, description = "How long its commands have to end."),
), responses(
    (status = 200, description = "It has ended.", body = SessionInfo),
    (status = 400, description = "A parameter cannot be, or several sessions start so.", body = Problem, content_type = "application/problem+json"),
    (status = 404, description = "There is none.", body = Problem, content_type = "application/problem+json"),
    (status = 409, description = "It has ended already, or another recorder has it.", body = Problem, content_type = "application/problem+json"),
    (status = 500, description = "It cannot be ended.", body = Problem, content_type = "application/problem+json"),
    (status = 503, description = "The server shuts down.", body = Problem, content_type = "application/problem+json"),
))]
async fn end(State(store): State<Store>, Path(id): Path<String>, RawQuery(query): RawQuery) -> Response {
    let read = || Parameters::read(query.as_deref(), &["grace_ms"])?.number("grace_ms");
    let grace = match read() {
        Ok(millis) => millis.map(Duration::from_millis),
        Err(problem) => return problem.into_response(),
    };
    told(StatusCode::OK, ask(store, move |store| store.end(&id, grace)).await)
}

/// How many commands were told.
#[derive(Serialize, utoipa::ToSchema)]
struct Signalled {
    /// Commands.
    commands: u32,
}

/// Sends a signal to a command of a session, or to all of them.
#[utoipa::path(post, path = "/api/v1/sessions/{id}/signal", tag = "sessions", params(("id" = String, Path, description = "The session.")),
    request_body = SignalBody, responses(
    (status = 200, description = "So many commands were told.", body = Signalled),
    (status = 400, description = "Something in the body cannot be.", body = Problem, content_type = "application/problem+json"),
    (status = 404, description = "There is no such session or command.", body = Problem, content_type = "application/problem+json"),
    (status = 409, description = "It has ended, or another recorder has it.", body = Problem, content_type = "application/problem+json"),
    (status = 413, description = "The body is too large.", body = Problem, content_type = "application/problem+json"),
    (status = 415, description = "The body is not JSON.", body = Problem, content_type = "application/problem+json"),
    (status = 500, description = "The recorder failed.", body = Problem, content_type = "application/problem+json"),
    (status = 503, description = "The server shuts down.", body = Problem, content_type = "application/problem+json"),
))]
async fn signal(State(store): State<Store>, Path(id): Path<String>, headers: HeaderMap, body: Bytes) -> Response {
    let SignalBody { signal, command_id } = match read(&headers, &body) {
        Ok(body) => body,
        Err(response) => return response,
    };
    let told_to = ask(store, move |store| store.signal(&id, command_id.as_deref(), signal)).await;
    told(StatusCode::OK, told_to.map(|commands| Signalled { commands }))
}
