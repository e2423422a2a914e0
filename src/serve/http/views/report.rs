//! The report of a session, in each of its forms.

use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse as _, Response};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, Schema};
use utoipa::{PartialSchema, ToSchema};

use super::state::Views;
use crate::detect::attack::{attack, tactic_title};
use crate::encode::document::{html, markdown, text};
use crate::query::report::{ReportError, document, report};
use crate::serve::http::Problem;
use crate::serve::http::accept::negotiate;
use crate::serve::http::parameters::Parameters;

/// The forms by the name that the parameter has, with their media types; the first is for who asks for none.
const FORMS: [(&str, &str); 4] =
    [("json", "application/json"), ("html", "text/html"), ("md", "text/markdown"), ("text", "text/plain")];

/// An HTML report is a page of its own: it fetches nothing and runs nothing, whatever stands in it.
const POLICY: &str =
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; sandbox";

/// The JSON form, as the document names it; its schema is put there by the types' own generator.
enum Report {}

impl PartialSchema for Report {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new().build().into()
    }
}

impl ToSchema for Report {}

/// What a session was, over all of its events: `agentsh report`. The JSON form is described by `schemas/report.schema.json`.
#[utoipa::path(get, path = "/api/v1/sessions/{id}/report", tag = "views", params(
    ("id" = String, Path, description = "The session, or the start of its id."),
    ("format" = Option<String>, Query, description = "`json`, `html`, `md` or `text`; where it is absent, the `Accept` header decides."),
), responses(
    (status = 200, description = "The report.", content((Report = "application/json"), (String = "text/html"), (String = "text/markdown"), (String = "text/plain"))),
    (status = 400, description = "A parameter cannot be, or several sessions start so.", body = Problem, content_type = "application/problem+json"),
    (status = 404, description = "There is no such session.", body = Problem, content_type = "application/problem+json"),
    (status = 406, description = "There is no such form.", body = Problem, content_type = "application/problem+json"),
    (status = 500, description = "The journal cannot be read.", body = Problem, content_type = "application/problem+json"),
    (status = 503, description = "The journal is busy.", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn report_of(
    State(views): State<Views>,
    Path(id): Path<String>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Response {
    let media = match form(query.as_deref(), &headers) {
        Ok(media) => media,
        Err(problem) => return problem.into_response(),
    };
    let data_dir = views.data_dir.clone();
    let made = views.make(move |reader, _| {
        let session = reader.session(&id)?;
        let made = report(&data_dir, &session, false, |_, _| {})?;
        let technique = |id: &str| attack().current(id).map(|technique| technique.name.to_owned());
        let tactic = |id: &str| tactic_title(id).map(str::to_owned);
        match media {
            "application/json" => serde_json::to_string_pretty(&made).map(|text| text + "\n").map_err(Problem::fault),
            "text/html" => Ok(html(&document(&made, &technique, &tactic))),
            "text/markdown" => Ok(markdown(&document(&made, &technique, &tactic))),
            _ => Ok(text(&document(&made, &technique, &tactic))),
        }
    });
    match made.await {
        Ok(text) => {
            let content_type = if media == "application/json" { media.to_owned() } else { format!("{media}; charset=utf-8") };
            let head = [
                (header::CONTENT_TYPE, content_type),
                (header::CACHE_CONTROL, "no-store".to_owned()),
                (header::CONTENT_SECURITY_POLICY, POLICY.to_owned()),
                (header::X_CONTENT_TYPE_OPTIONS, "nosniff".to_owned()),
            ];
            (head, text).into_response()
        }
        Err(problem) => problem.into_response(),
    }
}

fn form(query: Option<&str>, headers: &HeaderMap) -> Result<&'static str, Problem> {
    let asked = Parameters::read(query, &["format"])?;
    match asked.one("format")? {
        Some(name) => {
            let found = FORMS.iter().find(|(known, _)| *known == name).map(|(_, media)| *media);
            found.ok_or_else(|| Problem::parameter("format", "there are json, html, md and text"))
        }
        None => negotiate(headers, &FORMS.map(|(_, media)| media)),
    }
}

impl From<ReportError> for Problem {
    fn from(error: ReportError) -> Self {
        match error {
            ReportError::Journal(error) => error.into(),
            ReportError::Story(error) => error.into(),
            ReportError::Store(error) => error.into(),
        }
    }
}
