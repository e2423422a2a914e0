//! The layer in front of every RPC: who calls, whether they may, and whether the server still takes calls.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use futures_util::future::{Either, Ready, ready};
use http::{Request, Response};
use tonic::Status;
use tonic::body::Body;
use tower::{Layer, Service};

use super::credentials::Shown;
use super::seam::Caller;
use crate::runtime::clock;
use crate::runtime::metrics::metrics;
use crate::serve::auth::{ApiKey, Credentials, Identity, Keys, Peer, Role, SignIns, Unauthorized, rpc_access};
use crate::serve::listen::names_loopback;

/// The call with which drivers of Flight SQL change a key for a token.
const HANDSHAKE: &str = "/arrow.flight.protocol.FlightService/Handshake";

/// The token that a handshake's caller may show from now on, in the place of the key. It stands in the extensions of the request.
#[derive(Clone)]
pub(super) struct SignedIn(pub(super) String);

/// What [`Gate`] looks at.
pub(super) struct Rules {
    pub(super) keys: Arc<Keys>,
    /// What handshakes have given.
    pub(super) sign_ins: SignIns,
    /// The server is about to stop: nothing new begins.
    pub(super) draining: AtomicBool,
}

/// Puts a [`Gate`] in front of a service.
#[derive(Clone)]
pub(super) struct GateLayer(pub(super) Arc<Rules>);

impl<S> Layer<S> for GateLayer {
    type Service = Gate<S>;

    fn layer(&self, inner: S) -> Gate<S> {
        Gate { inner, rules: Arc::clone(&self.0) }
    }
}

/// Lets a call through with its [`Identity`] in the extensions, or answers it.
#[derive(Clone)]
pub(super) struct Gate<S> {
    inner: S,
    rules: Arc<Rules>,
}

impl<S: Service<Request<Body>, Response = Response<Body>>> Service<Request<Body>> for Gate<S> {
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = Either<S::Future, Ready<Result<Response<Body>, S::Error>>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        match self.rules.check(&request) {
            Ok((identity, signed_in)) => {
                if let Some(signed_in) = signed_in {
                    request.extensions_mut().insert(signed_in);
                }
                let caller = Caller {
                    name: identity.proven.then(|| identity.name.clone()),
                    admin: !identity.proven || identity.roles.contains(Role::Admin),
                };
                request.extensions_mut().insert(caller);
                request.extensions_mut().insert(identity);
                Either::Left(self.inner.call(request))
            }
            Err(status) => Either::Right(ready(Ok(status.into_http()))),
        }
    }
}

impl Rules {
    fn check(&self, request: &Request<Body>) -> Result<(Identity, Option<SignedIn>), Status> {
        let path = request.uri().path();
        let access = rpc_access(path).ok_or_else(|| Status::unimplemented(format!("there is no {path}")))?;
        let Some(peer) = request.extensions().get::<Peer>() else {
            return Err(Status::internal("the connection's other end is not known"));
        };
        if !self.keys.are_required() && !is_addressed_locally(request) {
            return Err(Status::permission_denied("the authority must be localhost or a loopback address"));
        }
        // Health is asked until the end: that is how a load balancer learns of it.
        if self.draining.load(Ordering::Acquire) && !path.starts_with("/grpc.health.") {
            return Err(Status::unavailable("the server shuts down"));
        }
        let shown = Shown::of(request.headers());
        let admitted = match &shown {
            Shown::Token(token) => {
                let key = self.sign_ins.find(token, clock::instant());
                self.keys.admit_signed_in(access, peer, key.as_ref(), clock::now())
            }
            Shown::Key(_) | Shown::Nothing => self.keys.admit(access, &Credentials { peer, api_key: shown.key() }, clock::now()),
        };
        let identity = admitted.map_err(|refused| {
            metrics().calls_refused.of("grpc").add(1);
            tracing::info!(peer = %peer.addr, path, reason = %refused, "a call was refused");
            status(&refused)
        })?;
        let signed_in = if path == HANDSHAKE { self.sign_in(&identity, &shown) } else { None };
        Ok((identity, signed_in))
    }

    /// A token for the key that a handshake has shown.
    fn sign_in(&self, identity: &Identity, shown: &Shown) -> Option<SignedIn> {
        let key = ApiKey::parse(shown.key()?).filter(|_| identity.proven)?;
        Some(SignedIn(self.sign_ins.begin(key.proof(), clock::instant())))
    }
}

fn is_addressed_locally(request: &Request<Body>) -> bool {
    match request.uri().authority() {
        Some(authority) => names_loopback(authority.as_str()),
        None => request.headers().get(http::header::HOST).is_none_or(|host| host.to_str().is_ok_and(names_loopback)),
    }
}

fn status(refused: &Unauthorized) -> Status {
    match refused {
        Unauthorized::NoKey
        | Unauthorized::UnknownKey
        | Unauthorized::UnknownCertificate
        | Unauthorized::SignedOut
        | Unauthorized::Expired { .. } => Status::unauthenticated(refused.to_string()),
        Unauthorized::WrongRole { .. } | Unauthorized::Forged => Status::permission_denied(refused.to_string()),
    }
}
