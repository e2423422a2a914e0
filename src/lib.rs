//! agentsh: a flight recorder for AI agents and any other command.
//!
//! `docs/architecture.md` is the map; `app` is where the parts are put together.

pub mod app;
pub mod capture;
pub mod channel;
pub mod cli;
pub mod config;
pub mod detect;
pub mod encode;
pub mod event;
pub mod journal;
pub mod policy;
pub mod query;
pub mod replay;
pub mod runtime;
pub mod serve;
pub mod sink;
