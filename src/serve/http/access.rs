//! What stands in front of every route: under which name the server was called, who calls, and whether they may.

use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};

use super::connection::ClientAddr;
use super::problem::Problem;
use super::routes::unknown_path;
use super::sign_in::{cookies, is_forged};
use super::state::HttpState;
use crate::runtime::clock;
use crate::runtime::metrics::metrics;
use crate::serve::auth::{Access, Credentials, Identity, Peer, Unauthorized, route_access};
use crate::serve::listen::names_loopback;

/// Lets a request through with its `Identity` in the extensions, or answers it.
pub(super) async fn admit(
    State(state): State<HttpState>,
    ConnectInfo(ClientAddr { addr, .. }): ConnectInfo<ClientAddr>,
    mut request: Request,
    next: Next,
) -> Response {
    let keys = &state.admission.keys;
    // With keys a page of another name learns nothing, since a browser does not have one.
    if !keys.are_required() && !is_addressed_locally(request.headers()) {
        let reason = "the Host header must be localhost or a loopback address";
        return Problem::new(StatusCode::MISDIRECTED_REQUEST, reason).into_response();
    }
    let Some(access) = route_access(request.method().as_str(), request.uri().path()) else { return unknown_path().await };
    let peer = Peer { addr, certificate: Vec::new() };
    match admitted(&state, access, &peer, &request) {
        Ok(identity) => {
            request.extensions_mut().insert(identity);
            next.run(request).await
        }
        Err(refused) => {
            metrics().calls_refused.of("http").add(1);
            tracing::info!(peer = %addr, path = request.uri().path(), reason = %refused, "a call was refused");
            Problem::from(&refused).into_response()
        }
    }
}

/// By the key that is shown, or else by the cookie of somebody who has signed in.
fn admitted(state: &HttpState, access: Access, peer: &Peer, request: &Request) -> Result<Identity, Unauthorized> {
    let (keys, headers) = (&state.admission.keys, request.headers());
    let api_key = headers.get("x-api-key").map(header::HeaderValue::as_bytes);
    let mut cookies = cookies(headers).peekable();
    if api_key.is_some() || !keys.are_required() || cookies.peek().is_none() {
        return keys.admit(access, &Credentials { peer, api_key }, clock::now());
    }
    let now = clock::instant();
    let key = cookies.find_map(|cookie| state.sign_ins.find(cookie, now));
    let identity = keys.admit_signed_in(access, peer, key.as_ref(), clock::now())?;
    if access != Access::Public && is_forged(request.method(), headers) {
        return Err(Unauthorized::Forged);
    }
    Ok(identity)
}

/// Whether the Host header, if there is one (HTTP/1.0 needs none), is `localhost` or a loopback address.
fn is_addressed_locally(headers: &HeaderMap) -> bool {
    let mut hosts = headers.get_all(header::HOST).iter();
    let Some(host) = hosts.next() else { return true };
    hosts.next().is_none() && host.to_str().is_ok_and(names_loopback)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_host_headers_are_not_local() {
        let mut headers = HeaderMap::new();
        assert!(is_addressed_locally(&headers));
        headers.append(header::HOST, header::HeaderValue::from_static("localhost"));
        assert!(is_addressed_locally(&headers));
        headers.append(header::HOST, header::HeaderValue::from_static("evil.test"));
        assert!(!is_addressed_locally(&headers));
    }
}
