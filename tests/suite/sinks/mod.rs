//! The deliver loop and the simple places: JSON Lines, webhook, syslog, NATS.

mod again;
mod delivering;
mod http;
mod jsonl;
mod killing;
pub mod rig;
mod serving;
pub mod syslog;
mod webhook;
