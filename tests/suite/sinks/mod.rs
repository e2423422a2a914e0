//! The deliver loop and the simple places: JSON Lines, webhook, syslog, NATS.

mod delivering;
mod jsonl;
mod killing;
mod rig;
