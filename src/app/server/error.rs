//! Why there is no server.

use crate::app::RunError;
use crate::app::detect::DetectError;
use crate::app::telemetry::TelemetryError;
use crate::journal::JournalError;
use crate::query::sql::SqlError;
use crate::serve::auth::KeyFileError;
use crate::serve::grpc::GrpcError;
use crate::serve::http::ServeError;
use crate::serve::stream::StreamsError;
use crate::sink::DeliverStartError;

/// Why there is no server. Nothing listens any more.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// The journal cannot be opened or closed.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The keys cannot be read.
    #[error(transparent)]
    Keys(#[from] KeyFileError),
    /// The policy that sensors' questions are answered from cannot be used.
    #[error(transparent)]
    Policy(#[from] RunError),
    /// The HTTP address is refused or taken.
    #[error(transparent)]
    Http(#[from] ServeError),
    /// The gRPC service cannot be started.
    #[error(transparent)]
    Grpc(#[from] GrpcError),
    /// The streams of the journal cannot be started.
    #[error(transparent)]
    Streams(#[from] StreamsError),
    /// The server's own spans cannot be exported.
    #[error(transparent)]
    Telemetry(#[from] TelemetryError),
    /// The engine that answers questions cannot be started.
    #[error(transparent)]
    Sql(#[from] SqlError),
    /// A sink cannot be started.
    #[error(transparent)]
    Sinks(#[from] DeliverStartError),
    /// The detector cannot be started.
    #[error(transparent)]
    Detect(#[from] DetectError),
    /// The runtime or its signals cannot be had.
    #[error("the server cannot be started: {0}")]
    Runtime(#[from] std::io::Error),
}
