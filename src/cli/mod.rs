//! TYPE: the command line, a file for each subcommand. The only place that prints.
//!
//! Guarantees: the wrapped command's own output and exit code pass through untouched; 125 means that agentsh itself failed, 126 that
//! policy refused, 127 that there is no such program; an error says what, why and what to do. Never: a rule, or work that a
//! library user could not do too.

mod arguments;
mod demo;
pub mod detect;
mod dispatch;
pub mod doctor;
pub mod events;
pub mod evidence;
mod exec;
pub mod export;
mod import;
pub mod journal;
pub mod keys;
pub mod output;
pub mod policy;
mod query;
pub mod replay;
pub mod report;
mod run;
mod server;
mod session;
pub mod sinks;
pub mod tell;
pub mod verify;

pub use dispatch::main;
