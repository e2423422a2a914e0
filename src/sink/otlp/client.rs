//! The way to the collector.

use super::answer::{Fault, Taken};
use super::config::{OtlpConfig, OtlpConfigError, Signal, Transport};
use super::grpc::GrpcClient;
use super::http::HttpClient;

/// The way to the collector.
pub(super) enum Client {
    Grpc(GrpcClient),
    Http(HttpClient),
}

impl Client {
    /// Makes one; it connects with the first request, and again whenever the connection is lost. Within a runtime.
    pub(super) fn new(config: &OtlpConfig) -> Result<Self, OtlpConfigError> {
        match config.protocol {
            Transport::Grpc => GrpcClient::new(config).map(Self::Grpc),
            Transport::Http => HttpClient::new(config).map(Self::Http),
        }
    }

    pub(super) async fn send(&mut self, signal: Signal, request: Vec<u8>) -> Result<Taken, Fault> {
        match self {
            Self::Grpc(client) => client.send(signal, request).await,
            Self::Http(client) => client.send(signal, request).await,
        }
    }
}
