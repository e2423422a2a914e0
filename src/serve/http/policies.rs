//! `GET /api/v1/policies` and `/policies/{name}`: the policies that there are, and their texts.

use std::sync::Arc;

use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde::Serialize;
use serde_json::json;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::etag::{Keep, tagged};
use super::parameters::Parameters;
use super::problem::Problem;
use super::routes::answer;
use crate::serve::policies::{LookupError, PolicyFacts, PolicyFolder};

/// What can be said of a policy. One that does not compile has no rules.
#[derive(Serialize, utoipa::ToSchema)]
struct PolicyEntry {
    /// The name that a session asks for.
    name: String,
    /// SHA-256 of its text; empty where it does not compile.
    digest: String,
    /// The file, or `built-in`.
    source: String,
    /// How many rules it has.
    rules: u32,
    /// Whether sessions get it unless they ask for another.
    is_default: bool,
}

/// All policies.
#[derive(Serialize, utoipa::ToSchema)]
struct PolicyList {
    /// The built-in one first, then by name.
    policies: Vec<PolicyEntry>,
}

/// One policy.
#[derive(Serialize, utoipa::ToSchema)]
struct PolicyText {
    /// What can be said of it.
    policy: PolicyEntry,
    /// Its text, YAML.
    text: String,
}

type Folder = Arc<PolicyFolder>;

impl From<PolicyFacts> for PolicyEntry {
    fn from(facts: PolicyFacts) -> Self {
        let PolicyFacts { name, digest, source, rules, is_default } = facts;
        Self { name, digest, source, rules, is_default }
    }
}

impl From<LookupError> for Problem {
    fn from(error: LookupError) -> Self {
        let status = match &error {
            LookupError::BadName(_) => StatusCode::BAD_REQUEST,
            LookupError::Missing(_) => StatusCode::NOT_FOUND,
            LookupError::Folder(_) | LookupError::Unreadable { .. } => StatusCode::SERVICE_UNAVAILABLE,
            LookupError::Invalid(_) => StatusCode::CONFLICT,
        };
        Self::new(status, error)
    }
}

/// The routes, answered from a folder of policies, which is read anew each time.
pub fn policy_routes(folder: PolicyFolder) -> OpenApiRouter {
    OpenApiRouter::default().routes(routes!(list)).routes(routes!(show)).with_state(Arc::new(folder))
}

/// Runs what reads files on a thread that may wait.
async fn read<T: Send + 'static>(
    folder: Folder,
    work: impl FnOnce(&PolicyFolder) -> Result<T, LookupError> + Send + 'static,
) -> Result<T, Problem> {
    let done = tokio::task::spawn_blocking(move || work(&folder)).await;
    Ok(done.map_err(|_panic| Problem::fault("the policies could not be looked at"))??)
}

/// The policies that sessions may ask for.
#[utoipa::path(get, path = "/api/v1/policies", tag = "policies", responses(
    (status = 200, description = "All of them.", body = PolicyList),
    (status = 400, description = "The route takes no parameters.", body = Problem, content_type = "application/problem+json"),
    (status = 500, description = "The server failed.", body = Problem, content_type = "application/problem+json"),
    (status = 503, description = "`policies.dir` cannot be read.", body = Problem, content_type = "application/problem+json"),
))]
async fn list(State(folder): State<Folder>, RawQuery(query): RawQuery) -> Result<Response, Problem> {
    Parameters::read(query.as_deref(), &[])?;
    let policies = read(folder, PolicyFolder::list).await?;
    Ok(answer(StatusCode::OK, &json!(PolicyList { policies: policies.into_iter().map(PolicyEntry::from).collect() })))
}

/// One policy with its text.
#[utoipa::path(get, path = "/api/v1/policies/{name}", tag = "policies", params(("name" = String, Path, description = "Its name.")), responses(
    (status = 200, description = "The policy.", body = PolicyText),
    (status = 304, description = "It is the one that the client has."),
    (status = 400, description = "That is no name of a policy.", body = Problem, content_type = "application/problem+json"),
    (status = 404, description = "There is none of that name.", body = Problem, content_type = "application/problem+json"),
    (status = 500, description = "The server failed.", body = Problem, content_type = "application/problem+json"),
    (status = 503, description = "Its file cannot be read.", body = Problem, content_type = "application/problem+json"),
))]
async fn show(
    State(folder): State<Folder>,
    Path(name): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    Parameters::read(query.as_deref(), &[])?;
    let (facts, text) = read(folder, move |folder| folder.policy(&name)).await?;
    let body = format!("{}\n", json!(PolicyText { policy: facts.into(), text }));
    Ok(tagged(&headers, "application/json", body.into_bytes(), Keep::Revalidate))
}
