//! The questions that are ready to be asked.

use axum::extract::RawQuery;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Serialize;
use serde_json::json;

use crate::query::sql::questions;
use crate::serve::http::Problem;
use crate::serve::http::parameters::Parameters;
use crate::serve::http::routes::answer;

/// Every question.
#[derive(Serialize, utoipa::ToSchema)]
struct ReadyQuestions {
    /// In the order in which an investigation asks them.
    questions: Vec<ReadyQuestion>,
}

/// A question.
#[derive(Serialize, utoipa::ToSchema)]
struct ReadyQuestion {
    /// Its short name.
    name: &'static str,
    /// What it answers.
    title: &'static str,
    /// The SQL for `POST /api/v1/query`; a parameter stands as `:name` in it, where a text in quotation marks is to stand.
    sql: String,
    /// The values that it needs.
    parameters: Vec<QuestionParameter>,
}

/// A value that a question needs.
#[derive(Serialize, utoipa::ToSchema)]
struct QuestionParameter {
    /// Its name.
    name: &'static str,
    /// What it is.
    about: &'static str,
    /// A value, for a look.
    example: &'static str,
}

/// The questions of `agentsh query --examples`: what a security analyst asks, as SQL.
#[utoipa::path(get, path = "/api/v1/questions", tag = "query", responses(
    (status = 200, description = "The questions.", body = ReadyQuestions),
    (status = 400, description = "There are no parameters.", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn ready(RawQuery(query): RawQuery) -> Result<Response, Problem> {
    Parameters::read(query.as_deref(), &[])?;
    let parameters = |question: &crate::query::sql::Question| {
        let all = question.parameters();
        all.map(|one| QuestionParameter { name: one.name, about: one.about, example: one.example }).collect()
    };
    let ready = questions().iter().map(|question| ReadyQuestion {
        name: question.name,
        title: question.title(),
        sql: question.template(),
        parameters: parameters(question),
    });
    Ok(answer(StatusCode::OK, &json!(ReadyQuestions { questions: ready.collect() })))
}
