//! What the console shows of many events at once: timeline, index, processes, files, network, ATT&CK, integrity.
//!
//! Bounds: four answers are worked on at once, further ones wait; work whose client has gone ends. Never: a claim that a journal is whole
//! beyond what was verified.

mod attack;
mod integrity;
mod parameters;
mod report;
mod session;
mod shapes;
mod state;

pub use state::{Views, view_routes};
