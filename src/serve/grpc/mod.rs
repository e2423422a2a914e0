//! gRPC: the services of `proto/agentsh/v1`.

mod events;
mod seam;

#[expect(clippy::all, clippy::pedantic, clippy::restriction, reason = "made by tonic from proto/, where the comments are")]
mod services {
    include!(concat!(env!("OUT_DIR"), "/services/agentsh.v1.rs"));
}

#[expect(clippy::all, clippy::pedantic, clippy::restriction, reason = "made by tonic from proto/, where the comments are")]
mod clients {
    include!(concat!(env!("OUT_DIR"), "/clients/agentsh.v1.rs"));
}

pub use clients::*;
pub use events::{EventsApi, JOURNAL_HEAD, READ_ON_AFTER};
pub use seam::{BoxFuture, BoxStream, Caller, IngestHandler, NoIngest};
pub use services::*;
