//! The one table: which role each RPC and each route takes. What it does not name cannot be called.

use super::role::{Role, Roles};

/// What it takes to call something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Nothing: it says whether the server works, and no more.
    Public,
    /// Nothing from this machine; from another a key with one of these roles.
    Local(Roles),
    /// Any key, where keys are asked for.
    AnyKey,
    /// A key with one of these roles, where keys are asked for.
    Role(Roles),
    /// A key with one of these roles even where the server asks nobody for one: the caller's name becomes part of what is recorded.
    Named(Roles),
}

impl Access {
    /// The roles that it takes, `admin` left out, which may do everything; `None` where a role does not matter.
    #[must_use]
    pub const fn roles(self) -> Option<Roles> {
        match self {
            Access::Public | Access::AnyKey => None,
            Access::Local(roles) | Access::Role(roles) | Access::Named(roles) => Some(roles),
        }
    }
}

const READ: Access = Access::Role(Roles::of(&[Role::Auditor, Role::Operator]));
const OPERATE: Access = Access::Role(Roles::of(&[Role::Operator]));
const SENSE: Access = Access::Named(Roles::of(&[Role::Sensor]));
const WATCH: Access = Access::Local(Roles::of(&[Role::Auditor, Role::Operator]));

/// Every RPC by its path.
pub const RPCS: &[(&str, Access)] = &[
    ("/agentsh.v1.EventService/Subscribe", READ),
    ("/agentsh.v1.EventService/Ack", READ),
    ("/agentsh.v1.EventService/ListConsumers", READ),
    ("/agentsh.v1.EventService/UpdateConsumer", READ),
    ("/agentsh.v1.EventService/Query", READ),
    ("/agentsh.v1.EventService/Ingest", SENSE),
    ("/agentsh.v1.PolicyService/ListPolicies", READ),
    ("/agentsh.v1.PolicyService/GetPolicy", READ),
    ("/agentsh.v1.PolicyService/ValidatePolicy", READ),
    ("/agentsh.v1.PolicyService/Decide", READ),
    ("/agentsh.v1.SessionService/CreateSession", OPERATE),
    ("/agentsh.v1.SessionService/ListSessions", READ),
    ("/agentsh.v1.SessionService/GetSession", READ),
    ("/agentsh.v1.SessionService/EndSession", OPERATE),
    ("/agentsh.v1.SessionService/SignalCommand", OPERATE),
    ("/agentsh.v1.ExecService/Exec", OPERATE),
    ("/arrow.flight.protocol.FlightService/Handshake", READ),
    ("/arrow.flight.protocol.FlightService/ListFlights", READ),
    ("/arrow.flight.protocol.FlightService/GetFlightInfo", READ),
    ("/arrow.flight.protocol.FlightService/PollFlightInfo", READ),
    ("/arrow.flight.protocol.FlightService/GetSchema", READ),
    ("/arrow.flight.protocol.FlightService/DoGet", READ),
    ("/arrow.flight.protocol.FlightService/DoPut", READ),
    ("/arrow.flight.protocol.FlightService/DoExchange", READ),
    ("/arrow.flight.protocol.FlightService/DoAction", READ),
    ("/arrow.flight.protocol.FlightService/ListActions", READ),
    ("/grpc.health.v1.Health/Check", Access::Public),
    ("/grpc.health.v1.Health/Watch", Access::Public),
    ("/grpc.reflection.v1.ServerReflection/ServerReflectionInfo", Access::AnyKey),
    ("/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", Access::AnyKey),
];

/// One HTTP route: methods, path, access. `{name}` stands for one segment of a path. GET covers HEAD.
pub type Route = (&'static str, &'static str, Access);

/// Every HTTP route.
pub const ROUTES: &[Route] = &[
    ("GET", "/", Access::Public),
    ("GET", "/assets/{name}", Access::Public),
    ("GET", "/health/live", Access::Public),
    ("GET", "/health/ready", Access::Public),
    ("GET", "/metrics", WATCH),
    ("GET", "/api/openapi.json", Access::Public),
    ("POST", "/api/v1/login", Access::Public),
    ("POST", "/api/v1/logout", Access::AnyKey),
    ("GET", "/api/v1/me", Access::AnyKey),
    ("GET", "/api/v1/events", READ),
    ("GET", "/api/v1/events/{seq}", READ),
    ("POST", "/api/v1/query", READ),
    ("GET", "/api/v1/policies", READ),
    ("GET", "/api/v1/policies/{name}", READ),
    ("GET", "/api/v1/sensors", READ),
    ("GET", "/api/v1/attack", READ),
    ("GET", "/api/v1/integrity", READ),
    ("GET", "/api/v1/sessions/{id}/files", READ),
    ("GET", "/api/v1/sessions/{id}/index", READ),
    ("GET", "/api/v1/sessions/{id}/network", READ),
    ("GET", "/api/v1/sessions/{id}/report", READ),
    ("GET", "/api/v1/sessions/{id}/timeline", READ),
    ("GET", "/api/v1/sessions/{id}/tree", READ),
    ("GET", "/api/v1/sessions", READ),
    ("POST", "/api/v1/sessions", OPERATE),
    ("GET", "/api/v1/sessions/{id}", READ),
    ("DELETE", "/api/v1/sessions/{id}", OPERATE),
    ("POST", "/api/v1/sessions/{id}/exec", OPERATE),
    ("POST", "/api/v1/sessions/{id}/signal", OPERATE),
];

/// What it takes to call the RPC at this path; `None` when there is none.
#[must_use]
pub fn rpc_access(path: &str) -> Option<Access> {
    RPCS.iter().find(|(known, _)| *known == path).map(|(_, access)| *access)
}

/// What it takes to call the route; `None` when the table has no route at the path. A method that the path does not take has the
/// access of the path's first route: the router answers it.
#[must_use]
pub fn route_access(method: &str, path: &str) -> Option<Access> {
    let method = if method == "HEAD" { "GET" } else { method };
    let mut at_path = ROUTES.iter().filter(|(_, pattern, _)| matches(pattern, path));
    let exact = at_path.clone().find(|(known, _, _)| *known == method);
    exact.or_else(|| at_path.next()).map(|(_, _, access)| *access)
}

fn matches(pattern: &str, path: &str) -> bool {
    let mut segments = path.split('/');
    let all = pattern.split('/').all(|wanted| {
        segments.next().is_some_and(|found| if wanted.starts_with('{') { !found.is_empty() } else { wanted == found })
    });
    all && segments.next().is_none()
}
