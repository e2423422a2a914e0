//! `SessionService` and `ExecService`: the messages' side of `serve::sessions`.

pub(super) mod convert;
mod exec;
mod service;

pub use exec::Exec;
pub use service::SessionCalls;
