//! The route.

use axum::body::Bytes;
use axum::extract::{ConnectInfo, RawQuery, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse as _, Response};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::body::{QueryAnswer, QueryBody};
use super::writing::{Written, written};
use crate::query::sql::Form;
use crate::serve::http::accept::negotiate;
use crate::serve::http::connection::{ClientAddr, Patience};
use crate::serve::http::parameters::Parameters;
use crate::serve::http::problem::Problem;
use crate::serve::http::sessions::read_json;
use crate::serve::questions::Questions;

const JSON: &str = "application/json";
const LINES: &str = "application/x-ndjson";
const CSV: &str = "text/csv";
const ARROW: &str = "application/vnd.apache.arrow.stream";
const PARQUET: &str = "application/vnd.apache.parquet";

const FORMS: &[&str] = &[JSON, LINES, CSV, ARROW, PARQUET];

/// The route, answered by an engine.
pub fn query_routes(questions: Questions) -> OpenApiRouter {
    OpenApiRouter::default().routes(routes!(query)).with_state(questions)
}

/// Asks a question in SQL, over everything that was recorded. One object (`application/json`), an object for each row
/// (`application/x-ndjson`), a table (`text/csv`), Arrow's IPC stream or a Parquet file. Only the object can say that it was cut at `limit`; where no
/// `limit` is given and there are more rows than the server gives, another form's body has no end.
#[utoipa::path(post, path = "/api/v1/query", tag = "query", request_body = QueryBody, responses(
    (status = 200, description = "The answer, in the form that `Accept` asks for.", content(
        (QueryAnswer = "application/json"),
        (String = "application/x-ndjson"),
        (String = "text/csv"),
        (String = "application/vnd.apache.arrow.stream"),
        (String = "application/vnd.apache.parquet"),
    )),
    (status = 400, description = "The body cannot be read, or the question cannot be answered: `position` is the place in it.", body = Problem, content_type = "application/problem+json"),
    (status = 406, description = "There is no such form.", body = Problem, content_type = "application/problem+json"),
    (status = 413, description = "The body is too large.", body = Problem, content_type = "application/problem+json"),
    (status = 415, description = "The body is not JSON.", body = Problem, content_type = "application/problem+json"),
    (status = 422, description = "The question needs more memory or more time than it may take (`parameter` is `timeout_ms` then).", body = Problem, content_type = "application/problem+json"),
    (status = 500, description = "The journal or the lake cannot be read.", body = Problem, content_type = "application/problem+json"),
    (status = 503, description = "Too many questions are worked on, or the journal is busy; `Retry-After` says when to ask again.", body = Problem, content_type = "application/problem+json"),
))]
async fn query(
    State(questions): State<Questions>,
    ConnectInfo(client): ConnectInfo<ClientAddr>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Response> {
    let refused = Problem::into_response;
    Parameters::read(query.as_deref(), &[]).map_err(refused)?;
    let media = negotiate(&headers, FORMS).map_err(refused)?;
    let body: QueryBody = read_json(&headers, &body)?;
    let asked = body.asked(questions.most()).map_err(refused)?;
    let written = Written { form: form(media), media, patience: Patience::of(&client) };
    self::written(&questions, &body.sql, asked, written).await.map_err(refused)
}

fn form(media: &str) -> Form {
    match media {
        LINES => Form::JsonLines,
        CSV => Form::Csv,
        ARROW => Form::Arrow,
        PARQUET => Form::Parquet,
        _ => Form::Json,
    }
}
