//! The views of one session.

use axum::extract::{Path, RawQuery, State};
use axum::response::{IntoResponse as _, Response};

use super::parameters::{known, wanted};
use super::shapes::{FileChanges, NetworkHosts, ProcessTree, SessionIndex, Timeline};
use super::state::Views;
use crate::query::session::{changes, index, network, timeline, tree};
use crate::serve::http::Problem;
use crate::serve::http::events::SessionFilter;
use crate::serve::http::parameters::Parameters;

/// Slices of a timeline where none is asked for.
const BUCKETS: u64 = 240;

/// From one position of an index to the next where nothing is asked for.
const EVERY: u64 = 1_000;

/// How much of a session happened when: events, refusals and detections in slices of time.
#[utoipa::path(get, path = "/api/v1/sessions/{id}/timeline", tag = "views", params(
    ("id" = String, Path, description = "The session, or the start of its id."),
    ("buckets" = Option<u64>, Query, description = "Slices, 240 where it is absent, 2,000 at most."),
    SessionFilter,
), responses(
    (status = 200, description = "The timeline.", body = Timeline),
    (status = 400, description = "A parameter cannot be, or several sessions start so.", body = Problem, content_type = "application/problem+json"),
    (status = 404, description = "There is no such session.", body = Problem, content_type = "application/problem+json"),
    (status = 500, description = "The journal cannot be read.", body = Problem, content_type = "application/problem+json"),
    (status = 503, description = "The journal is busy.", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn timeline_of(State(views): State<Views>, Path(id): Path<String>, RawQuery(query): RawQuery) -> Response {
    let asked = match Parameters::read(query.as_deref(), &known(&["buckets"])) {
        Ok(asked) => asked,
        Err(problem) => return problem.into_response(),
    };
    views
        .ask(move |reader, going| {
            let buckets = usize::try_from(asked.number("buckets")?.unwrap_or(BUCKETS)).unwrap_or(usize::MAX);
            Ok(timeline(reader, &wanted(reader, &id, &asked)?, buckets, going)?)
        })
        .await
}

/// Where every so many of the session's events stand, so that any window of them can be read.
#[utoipa::path(get, path = "/api/v1/sessions/{id}/index", tag = "views", params(
    ("id" = String, Path, description = "The session, or the start of its id."),
    ("every" = Option<u64>, Query, description = "Events from one position to the next, 1,000 where it is absent; more where there would be more than 65,536 positions."),
    SessionFilter,
), responses(
    (status = 200, description = "The positions.", body = SessionIndex),
    (status = 400, description = "A parameter cannot be, or several sessions start so.", body = Problem, content_type = "application/problem+json"),
    (status = 404, description = "There is no such session.", body = Problem, content_type = "application/problem+json"),
    (status = 500, description = "The journal cannot be read.", body = Problem, content_type = "application/problem+json"),
    (status = 503, description = "The journal is busy.", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn index_of(State(views): State<Views>, Path(id): Path<String>, RawQuery(query): RawQuery) -> Response {
    let asked = match Parameters::read(query.as_deref(), &known(&["every"])) {
        Ok(asked) => asked,
        Err(problem) => return problem.into_response(),
    };
    views
        .ask(move |reader, going| {
            let every = asked.number("every")?.unwrap_or(EVERY);
            Ok(index(reader, &wanted(reader, &id, &asked)?, every, going)?)
        })
        .await
}

/// The processes of the session: who started whom, how each ended, what was refused and detected.
#[utoipa::path(get, path = "/api/v1/sessions/{id}/tree", tag = "views", params(("id" = String, Path, description = "The session, or the start of its id.")), responses(
    (status = 200, description = "The processes, and the places of those that are roots.", body = ProcessTree),
    (status = 400, description = "Several sessions start so.", body = Problem, content_type = "application/problem+json"),
    (status = 404, description = "There is no such session.", body = Problem, content_type = "application/problem+json"),
    (status = 500, description = "The journal cannot be read.", body = Problem, content_type = "application/problem+json"),
    (status = 503, description = "The journal is busy.", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn tree_of(State(views): State<Views>, Path(id): Path<String>, RawQuery(query): RawQuery) -> Response {
    if let Err(problem) = Parameters::read(query.as_deref(), &[]) {
        return problem.into_response();
    }
    views.ask(move |reader, _| Ok(tree(reader, &reader.session(&id)?)?)).await
}

/// What became of the session's files, net of intermediate steps.
#[utoipa::path(get, path = "/api/v1/sessions/{id}/files", tag = "views", params(("id" = String, Path, description = "The session, or the start of its id.")), responses(
    (status = 200, description = "The changes, by path.", body = FileChanges),
    (status = 400, description = "Several sessions start so.", body = Problem, content_type = "application/problem+json"),
    (status = 404, description = "There is no such session.", body = Problem, content_type = "application/problem+json"),
    (status = 500, description = "The journal cannot be read.", body = Problem, content_type = "application/problem+json"),
    (status = 503, description = "The journal is busy.", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn files_of(State(views): State<Views>, Path(id): Path<String>, RawQuery(query): RawQuery) -> Response {
    if let Err(problem) = Parameters::read(query.as_deref(), &[]) {
        return problem.into_response();
    }
    views.ask(move |reader, _| Ok(changes(reader, &reader.session(&id)?)?)).await
}

/// The hosts that the session had to do with: how often, how many bytes, what was refused.
#[utoipa::path(get, path = "/api/v1/sessions/{id}/network", tag = "views", params(("id" = String, Path, description = "The session, or the start of its id.")), responses(
    (status = 200, description = "The hosts, those with the most bytes first.", body = NetworkHosts),
    (status = 400, description = "Several sessions start so.", body = Problem, content_type = "application/problem+json"),
    (status = 404, description = "There is no such session.", body = Problem, content_type = "application/problem+json"),
    (status = 500, description = "The journal cannot be read.", body = Problem, content_type = "application/problem+json"),
    (status = 503, description = "The journal is busy.", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn network_of(State(views): State<Views>, Path(id): Path<String>, RawQuery(query): RawQuery) -> Response {
    if let Err(problem) = Parameters::read(query.as_deref(), &[]) {
        return problem.into_response();
    }
    let hosts = move |reader: &crate::query::Reader| Ok(serde_json::json!({ "hosts": network(reader, &reader.session(&id)?)? }));
    views.ask(move |reader, _| hosts(reader)).await
}
