//! `Services`: what the gRPC server answers with, put together by `app`.

use tonic::service::RoutesBuilder;

use super::config::GrpcConfig;
use super::flight::{FlightApi, FlightServer};
use super::{event_service_server, exec_service_server, policy_service_server, session_service_server};
use event_service_server::{EventService, EventServiceServer};
use exec_service_server::{ExecService, ExecServiceServer};
use policy_service_server::{PolicyService, PolicyServiceServer};
use session_service_server::{SessionService, SessionServiceServer};

/// The name of Flight's service.
const FLIGHT: &str = "arrow.flight.protocol.FlightService";

/// Lets a service speak both compressions; the generated types share no trait that could.
macro_rules! compressed {
    ($server:expr) => {
        $server
            .accept_compressed(tonic::codec::CompressionEncoding::Gzip)
            .accept_compressed(tonic::codec::CompressionEncoding::Zstd)
            .send_compressed(tonic::codec::CompressionEncoding::Gzip)
            .send_compressed(tonic::codec::CompressionEncoding::Zstd)
    };
}
pub(super) use compressed;

/// Sets what all of our own services have alike.
macro_rules! configured {
    ($server:expr, $limit:expr) => {
        compressed!($server).max_decoding_message_size($limit)
    };
}

/// The services by name, each with its implementation.
pub struct Services {
    max_message_bytes: usize,
    routes: RoutesBuilder,
    names: Vec<&'static str>,
}

impl Services {
    /// None yet.
    #[must_use]
    pub fn new(config: &GrpcConfig) -> Self {
        let max_message_bytes = usize::try_from(config.max_message_bytes).unwrap_or(usize::MAX);
        Self { max_message_bytes, routes: RoutesBuilder::default(), names: Vec::new() }
    }

    /// With `EventService`.
    #[must_use]
    pub fn with_events<T: EventService>(mut self, events: T) -> Self {
        self.routes.add_service(configured!(EventServiceServer::new(events), self.max_message_bytes));
        self.names.push(event_service_server::SERVICE_NAME);
        self
    }

    /// With `PolicyService`.
    #[must_use]
    pub fn with_policies<T: PolicyService>(mut self, policies: T) -> Self {
        self.routes.add_service(configured!(PolicyServiceServer::new(policies), self.max_message_bytes));
        self.names.push(policy_service_server::SERVICE_NAME);
        self
    }

    /// With `SessionService`.
    #[must_use]
    pub fn with_sessions<T: SessionService>(mut self, sessions: T) -> Self {
        self.routes.add_service(configured!(SessionServiceServer::new(sessions), self.max_message_bytes));
        self.names.push(session_service_server::SERVICE_NAME);
        self
    }

    /// With `ExecService`.
    #[must_use]
    pub fn with_exec<T: ExecService>(mut self, exec: T) -> Self {
        self.routes.add_service(configured!(ExecServiceServer::new(exec), self.max_message_bytes));
        self.names.push(exec_service_server::SERVICE_NAME);
        self
    }

    /// With Arrow Flight SQL.
    #[must_use]
    pub fn with_flight(mut self, flight: FlightApi) -> Self {
        self.routes.add_service(configured!(FlightServer::new(flight), self.max_message_bytes));
        self.names.push(FLIGHT);
        self
    }

    pub(super) fn into_parts(self) -> (RoutesBuilder, Vec<&'static str>) {
        (self.routes, self.names)
    }
}
