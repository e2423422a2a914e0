//! Why a request got no answer from upstream: the status and the text for the client, the error for the event.

use std::net::SocketAddr;
use std::time::Duration;

use hyper::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use hyper::{Response, StatusCode};

use super::dns::Unresolved;
use super::http::ProxyBody;
use crate::channel::{Refusal, RefusedBy};

/// Names the rule that refused a request, beside the 403.
static RULE: HeaderName = HeaderName::from_static("x-agentsh-rule");

/// Why a request or a tunnel failed in the proxy.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    /// The policy, or the recorder itself, refused it.
    #[error("{}", refused(.0))]
    Refused(Refusal),
    /// The destination is this proxy.
    #[error("{0} is this proxy itself")]
    Loop(SocketAddr),
    /// The name has no address.
    #[error("{0}")]
    Unresolved(#[from] Unresolved),
    /// No address could be connected to.
    #[error("cannot connect to {address}: {reason}")]
    Unreachable {
        /// The address that was tried last.
        address: SocketAddr,
        /// Why not.
        reason: std::io::Error,
    },
    /// The address took too long to accept.
    #[error("{address} did not accept the connection within {} ms", .after.as_millis())]
    ConnectTimeout {
        /// The address that was tried last.
        address: SocketAddr,
        /// The limit.
        after: Duration,
    },
    /// The upstream did not answer.
    #[error("the upstream sent no response within {} ms of the request", .after.as_millis())]
    HeadTimeout {
        /// The limit.
        after: Duration,
    },
    /// The client did not send the rest of its body.
    #[error("the client did not send the rest of the request's body: {reason}")]
    ClientBody {
        /// What it did instead.
        reason: String,
    },
    /// The upstream broke off or sent what is not HTTP.
    #[error("the upstream broke off before it answered: {reason}")]
    Upstream {
        /// What was seen.
        reason: String,
    },
    /// The request cannot be proxied.
    #[error("{0}")]
    Request(#[from] super::http::BadRequest),
}

/// The reason as the client reads it: `refused by agentsh: rule "x": reason`.
fn refused(refusal: &Refusal) -> String {
    match &refusal.rule {
        Some(rule) => format!("refused by agentsh: rule \"{rule}\": {}", refusal.reason),
        None => format!("refused by agentsh: {}", refusal.reason),
    }
}

impl Failure {
    pub(super) fn status(&self) -> StatusCode {
        match self {
            Failure::Refused(refusal) => match refusal.by {
                RefusedBy::Policy => StatusCode::FORBIDDEN,
                RefusedBy::AuditFailure | RefusedBy::Overload => StatusCode::SERVICE_UNAVAILABLE,
            },
            Failure::Loop(_) => StatusCode::LOOP_DETECTED,
            Failure::Unresolved(_) | Failure::Unreachable { .. } | Failure::Upstream { .. } => StatusCode::BAD_GATEWAY,
            Failure::ConnectTimeout { .. } | Failure::HeadTimeout { .. } => StatusCode::GATEWAY_TIMEOUT,
            Failure::ClientBody { .. } => StatusCode::BAD_REQUEST,
            Failure::Request(request) => request.status(),
        }
    }

    /// The answer that the client gets.
    pub(super) fn response(&self) -> Response<ProxyBody> {
        let mut response = Response::new(ProxyBody::text(format!("{self}\n")));
        *response.status_mut() = self.status();
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
        if let Failure::Refused(Refusal { rule: Some(rule), .. }) = self
            && let Ok(rule) = HeaderValue::from_bytes(rule.as_bytes())
        {
            response.headers_mut().insert(RULE.clone(), rule);
        }
        response
    }
}
