//! Windows programs under Wine: their registry operations, from the trace of Wine's server.
//!
//! All registry operations of all programs of a Wine prefix are requests to one process, `wineserver`, which keeps the registry. Started
//! with `-d` it writes each request and each answer to its standard error, in the order in which it serves them. A Wine program starts the
//! server with `-d` when `WINEDEBUG` has `+server` in it (`environment`), and when the server is about to be run, the process layer puts a
//! pipe in the place of its standard error (`capture`). So the trace has a pipe of its own, whatever the program does with its own
//! output, and nothing of it is written by the program or read from it. The channel `reg` of `WINEDEBUG` would be written by each program
//! to its own standard error, without the data of values, and before the outcome is known.
//!
//! `line` reads one line, `state` knows which process has which key open under which handle, `value` puts data into words.
//!
//! Guarantees: one event for one request that did something; bounded memory; no thread or pipe is left behind by `finish`.
//! Never: a wait that reaches a program other than by a pipe that is full.

mod capture;
mod environment;
pub mod line;
pub mod state;
pub mod value;

pub use capture::WineCapture;
pub use environment::{Wine, registry_layer};
