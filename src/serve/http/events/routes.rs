//! The routes: which form of events is wanted.

use std::sync::Arc;

use axum::extract::{Path, RawQuery, State};
use axum::http::HeaderMap;
use axum::response::Response;
use utoipa::openapi::schema::{Array, ObjectBuilder, OneOfBuilder, Schema, SchemaType, Type};
use utoipa::openapi::{Ref, RefOr};
use utoipa::{PartialSchema, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::filter::EventParameters;
use super::live::live;
use super::one;
use super::page::page;
use super::reading::{Asked, Events};
use super::stream::{StreamForm, stream};
use crate::query::DataDir;
use crate::serve::http::accept::negotiate;
use crate::serve::http::parameters::Parameters;
use crate::serve::http::problem::Problem;
use crate::serve::stream::Streams;

const FORMS: &[&str] = &["application/json", "application/x-ndjson", "application/vnd.apache.arrow.stream", "text/event-stream"];

/// A page of events, as the document describes it.
enum EventPage {}

/// One event and the decision on it, as the document describes them.
enum EventAndDecision {}

/// The schema of an event, which stands in the document where the types' own generator puts it.
fn event() -> Ref {
    Ref::from_schema_name("Event")
}

impl PartialSchema for EventPage {
    fn schema() -> RefOr<Schema> {
        let text = SchemaType::from_iter([Type::String, Type::Null]);
        let next = ObjectBuilder::new().schema_type(text).description(Some("`cursor` of the next page.")).build();
        let head = ObjectBuilder::new().schema_type(Type::Integer).description(Some("The journal's last `seq`.")).build();
        let page = ObjectBuilder::new().property("events", Array::new(event())).property("next", next).property("head", head);
        page.required("events").required("next").required("head").build().into()
    }
}

impl ToSchema for EventPage {}

impl PartialSchema for EventAndDecision {
    fn schema() -> RefOr<Schema> {
        let none = ObjectBuilder::new().schema_type(Type::Null).build();
        let decision = OneOfBuilder::new().item(event()).item(none).description(Some("What policy said of it.")).build();
        let both = ObjectBuilder::new().property("event", event()).property("decision", Schema::OneOf(decision));
        both.required("event").required("decision").build().into()
    }
}

impl ToSchema for EventAndDecision {}

/// The routes, answered from the journal in a data directory and its streams.
pub fn event_routes(streams: Arc<Streams>, data_dir: DataDir) -> OpenApiRouter {
    OpenApiRouter::default().routes(routes!(list)).routes(routes!(show)).with_state(Events::new(streams, data_dir))
}

/// Events: a page (`application/json`), all that match (`application/x-ndjson`, `application/vnd.apache.arrow.stream`), or what comes
/// (`text/event-stream`).
#[utoipa::path(get, path = "/api/v1/events", tag = "events", params(
    EventParameters,
    ("Last-Event-ID" = Option<u64>, Header, description = "Live: go on behind this event."),
), responses(
    (status = 200, description = "The events, in the form that `Accept` asks for.", content(
        (EventPage = "application/json"),
        (String = "application/x-ndjson"),
        (String = "application/vnd.apache.arrow.stream"),
        (String = "text/event-stream"),
    )),
    (status = 400, description = "A parameter cannot be; the problem names it.", body = Problem, content_type = "application/problem+json"),
    (status = 404, description = "There is no such session.", body = Problem, content_type = "application/problem+json"),
    (status = 406, description = "There is no such form.", body = Problem, content_type = "application/problem+json"),
    (status = 500, description = "The journal cannot be read.", body = Problem, content_type = "application/problem+json"),
    (status = 503, description = "The journal is busy, or the server shuts down.", body = Problem, content_type = "application/problem+json"),
))]
async fn list(State(events): State<Events>, RawQuery(query): RawQuery, headers: HeaderMap) -> Result<Response, Problem> {
    let form = negotiate(&headers, FORMS)?;
    let asked = Asked::read(query.as_deref())?;
    match form {
        "application/x-ndjson" => stream(&events, asked, StreamForm::Lines).await,
        "application/vnd.apache.arrow.stream" => stream(&events, asked, StreamForm::Arrow).await,
        "text/event-stream" => live(&events, asked, &headers).await,
        _ => page(&events, asked).await,
    }
}

/// One event, with the decision on it.
#[utoipa::path(get, path = "/api/v1/events/{seq}", tag = "events", params(("seq" = u64, Path, description = "Its position.", minimum = 1)), responses(
    (status = 200, description = "The event. It never changes.", body = EventAndDecision),
    (status = 304, description = "The client has it."),
    (status = 400, description = "That is no position.", body = Problem, content_type = "application/problem+json"),
    (status = 404, description = "There is no event there.", body = Problem, content_type = "application/problem+json"),
    (status = 406, description = "There is no such form.", body = Problem, content_type = "application/problem+json"),
    (status = 500, description = "The journal cannot be read.", body = Problem, content_type = "application/problem+json"),
    (status = 503, description = "The journal is busy.", body = Problem, content_type = "application/problem+json"),
))]
async fn show(
    State(events): State<Events>,
    Path(seq): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    negotiate(&headers, &["application/json"])?;
    Parameters::read(query.as_deref(), &[])?;
    let number = seq.parse::<u64>().ok().filter(|number| i64::try_from(*number).is_ok() && number.to_string() == seq);
    let seq = number.ok_or_else(|| Problem::parameter("seq", "it is a position: a whole number from 1"))?;
    one::one(&events, seq, &headers).await
}
