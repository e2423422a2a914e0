//! Tests: replay: a session again, on a terminal and line by line, and how two differ.

mod difference;
mod frames;
mod hostile;
mod model;
mod plain;
mod screens;
pub mod told;
