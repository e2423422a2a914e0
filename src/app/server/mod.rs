//! `agentsh server`: keeps the journal open and answers over HTTP and gRPC until it is told to stop. Read `build` first: it is everything
//! that the server consists of, and how it ends.

mod build;
mod console;
mod error;
mod gauges;
mod run;

pub use build::{Listening, Running};
pub use error::ServerError;
pub use run::serve;
