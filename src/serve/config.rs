//! Section `server` of the configuration.

use serde::Deserialize;

use super::grpc::GrpcConfig;
use super::http::HttpConfig;
use crate::runtime::units::Millis;

/// What the server answers, and where.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ServerConfig {
    /// The HTTP service.
    pub http: HttpConfig,
    /// The gRPC service.
    pub grpc: GrpcConfig,
    /// How long calls that have begun may take once the server is told to stop; then their connections are cut.
    pub shutdown_timeout: Millis,
}

impl Default for ServerConfig {
    fn default() -> Self {
        Self { http: HttpConfig::default(), grpc: GrpcConfig::default(), shutdown_timeout: Millis::new(5_000) }
    }
}
