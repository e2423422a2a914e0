//! Sessions on the server: opening them, running commands in them, their timeouts and their end.
//!
//! A session is held by one launcher, which owns its namespaces and the workspace's mount; each command has a launcher of its own that
//! has joined them. Read `manager` first.
//!
//! Guarantees: a session that was announced has one end on record, also when the server dies (then the next start puts it there);
//! when a session has ended nothing of it runs. Bounds: `sessions.max_sessions` and `sessions.max_commands`; a thread for each command
//! and one for each session that is ending. Never: a command outlives its session or the server.

mod command;
mod end;
mod live;
mod manager;
mod open;
mod records;
mod request;
mod table;
mod timer;

pub use manager::Sessions;
