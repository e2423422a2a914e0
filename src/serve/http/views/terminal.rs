//! What a session's terminal showed, as screens.

use std::ops::ControlFlow;

use axum::extract::{Path, RawQuery, State};
use axum::response::{IntoResponse as _, Response};

use super::shapes::TerminalFrames;
use super::state::Views;
use crate::event::{Kind, Timestamp};
use crate::query::session::StoryError;
use crate::query::{Filter, Reader};
use crate::replay::{Frames, Shown};
use crate::serve::http::Problem;
use crate::serve::http::parameters::Parameters;

/// What the session's terminal showed from one time to another, as screens with at least 33 ms between them, each as what is different
/// from the one before: at most 240, and about 2 MiB. Every answer is made from the session's first output on.
#[utoipa::path(get, path = "/api/v1/sessions/{id}/terminal", tag = "views", params(
    ("id" = String, Path, description = "The session, or the start of its id."),
    ("from_us" = Option<u64>, Query, description = "From this time, µs since 1970: the first screen is what was shown then."),
    ("to_us" = Option<u64>, Query, description = "Before this time, µs since 1970."),
), responses(
    (status = 200, description = "The screens.", body = TerminalFrames),
    (status = 400, description = "A parameter cannot be, or several sessions start so.", body = Problem, content_type = "application/problem+json"),
    (status = 404, description = "There is no such session.", body = Problem, content_type = "application/problem+json"),
    (status = 500, description = "The journal cannot be read.", body = Problem, content_type = "application/problem+json"),
    (status = 503, description = "The journal is busy.", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn terminal_of(State(views): State<Views>, Path(id): Path<String>, RawQuery(query): RawQuery) -> Response {
    let asked = match Parameters::read(query.as_deref(), &["from_us", "to_us"]) {
        Ok(asked) => asked,
        Err(problem) => return problem.into_response(),
    };
    views
        .ask(move |reader, going| {
            let time = |name: &'static str| asked.number(name).map(|micros| micros.and_then(|micros| i64::try_from(micros).ok()));
            let (from, to) = (time("from_us")?, time("to_us")?);
            Ok(shown(reader, reader.session(&id)?, from.unwrap_or(i64::MIN), to, going)?)
        })
        .await
}

fn shown(
    reader: &Reader,
    session: String,
    from_us: i64,
    to_us: Option<i64>,
    going: &(dyn Fn() -> bool + Sync),
) -> Result<Shown, StoryError> {
    let filter = Filter {
        sessions: vec![session],
        kinds: vec![Kind::TerminalOutput, Kind::TerminalResize],
        until: to_us.map(Timestamp::from_micros),
        ..Filter::default()
    };
    let mut frames = Frames::new(from_us);
    reader.rows::<StoryError>(0, &filter.conditions(), |row| {
        let event = row.to_event().map_err(|error| StoryError::Event { seq: row.seq, what: error.to_string() })?;
        Ok(if going() { frames.take(&event) } else { ControlFlow::Break(()) })
    })?;
    Ok(frames.finish())
}
