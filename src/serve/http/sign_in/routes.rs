//! `POST /api/v1/login`, `POST /api/v1/logout` and `GET /api/v1/me`.

use axum::Extension;
use axum::body::Bytes;
use axum::extract::{ConnectInfo, RawQuery, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::time::Duration;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::cookie::{cookies, is_behind_tls, set_cookie};
use crate::runtime::clock;
use crate::runtime::metrics::metrics;
use crate::serve::auth::{ApiKey, Credentials, Identity, LIFETIME, Peer, Unauthorized};
use crate::serve::http::connection::ClientAddr;
use crate::serve::http::parameters::Parameters;
use crate::serve::http::problem::Problem;
use crate::serve::http::routes::answer;
use crate::serve::http::sessions::read_json;
use crate::serve::http::state::HttpState;

/// What it takes to sign in.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Login)]
struct LoginBody {
    /// A key that `agentsh keys create` made.
    key: String,
}

/// Who calls.
#[derive(Serialize, utoipa::ToSchema)]
struct Me {
    /// Name of the key; `local` where nobody is asked for one.
    name: String,
    /// What it may do.
    roles: Vec<&'static str>,
    /// Whether the server asks for keys.
    keys_required: bool,
}

impl Me {
    fn of(state: &HttpState, identity: Identity) -> serde_json::Value {
        let roles = identity.roles.iter().map(|role| role.as_str()).collect();
        json!(Self { name: identity.name, roles, keys_required: state.admission.keys.are_required() })
    }
}

/// The routes.
pub(in crate::serve::http) fn sign_in_routes() -> OpenApiRouter<HttpState> {
    OpenApiRouter::default().routes(routes!(login)).routes(routes!(logout)).routes(routes!(me))
}

/// Signs in: the cookie that is set stands for the key for 12 hours, or until signing out, or until the key is revoked.
#[utoipa::path(post, path = "/api/v1/login", tag = "sign-in", request_body = LoginBody, responses(
    (status = 200, description = "Signed in; the cookie is `agentsh_session`.", body = Me, headers(("set-cookie" = String, description = "The cookie."))),
    (status = 400, description = "The body cannot be read.", body = Problem, content_type = "application/problem+json"),
    (status = 401, description = "The key is not good.", body = Problem, content_type = "application/problem+json"),
    (status = 413, description = "The body is too large.", body = Problem, content_type = "application/problem+json"),
    (status = 415, description = "The body is not JSON.", body = Problem, content_type = "application/problem+json"),
    (status = 429, description = "It failed too often from this address.", body = Problem, content_type = "application/problem+json"),
))]
async fn login(
    State(state): State<HttpState>,
    ConnectInfo(ClientAddr { addr, .. }): ConnectInfo<ClientAddr>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Response> {
    Parameters::read(query.as_deref(), &[]).map_err(Problem::into_response)?;
    let LoginBody { key } = read_json(&headers, &body)?;
    let now = clock::instant();
    state.attempts.may_try(addr.ip(), now).map_err(|refused| {
        tracing::warn!(peer = %addr, "signing in was refused: it failed too often");
        let mut response = Problem::new(StatusCode::TOO_MANY_REQUESTS, refused).into_response();
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(refused.wait.as_secs().max(1)));
        response
    })?;
    let refuse = |reason: Unauthorized| {
        state.attempts.failed(addr.ip(), now);
        metrics().calls_refused.of("http").add(1);
        tracing::info!(peer = %addr, %reason, "signing in was refused");
        Problem::from(&reason).into_response()
    };
    let key = key.trim().as_bytes();
    let peer = Peer { addr, certificate: Vec::new() };
    let shown = Credentials { peer: &peer, api_key: Some(key) };
    let identity = state.admission.keys.authenticate(&shown, clock::now()).map_err(refuse)?;
    let proof = ApiKey::parse(key).map(|key| key.proof()).ok_or_else(|| refuse(Unauthorized::UnknownKey))?;
    tracing::info!(peer = %addr, key = identity.name, "somebody signed in");
    let cookie = set_cookie(&state.sign_ins.begin(proof, now), LIFETIME, is_behind_tls(&headers));
    Ok(with_cookie(answer(StatusCode::OK, &Me::of(&state, identity)), &cookie))
}

/// Signs out: the cookie is good for nothing from then on.
#[utoipa::path(post, path = "/api/v1/logout", tag = "sign-in", responses(
    (status = 204, description = "Signed out.", headers(("set-cookie" = String, description = "Removes the cookie."))),
    (status = 400, description = "The route takes no parameters.", body = Problem, content_type = "application/problem+json"),
    (status = 403, description = "Another page may have made the browser ask.", body = Problem, content_type = "application/problem+json"),
))]
async fn logout(State(state): State<HttpState>, RawQuery(query): RawQuery, headers: HeaderMap) -> Result<Response, Problem> {
    Parameters::read(query.as_deref(), &[])?;
    cookies(&headers).for_each(|cookie| state.sign_ins.end(cookie));
    let cookie = set_cookie("", Duration::ZERO, is_behind_tls(&headers));
    Ok(with_cookie(StatusCode::NO_CONTENT.into_response(), &cookie))
}

/// Who calls, and what they may do.
#[utoipa::path(get, path = "/api/v1/me", tag = "sign-in", responses(
    (status = 200, description = "The caller.", body = Me),
    (status = 400, description = "The route takes no parameters.", body = Problem, content_type = "application/problem+json"),
))]
async fn me(
    State(state): State<HttpState>,
    Extension(identity): Extension<Identity>,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    Parameters::read(query.as_deref(), &[])?;
    Ok(answer(StatusCode::OK, &Me::of(&state, identity)))
}

fn with_cookie(mut response: Response, cookie: &str) -> Response {
    let fields: [(HeaderName, &str); 2] = [(header::SET_COOKIE, cookie), (header::CACHE_CONTROL, "no-store")];
    for (name, value) in fields {
        // It is digits and words of ours.
        if let Ok(value) = HeaderValue::from_str(value) {
            response.headers_mut().insert(name, value);
        }
    }
    response
}
