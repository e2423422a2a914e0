//! Tests: replay: a session again, on a terminal and line by line, and how two differ.

mod difference;
mod hostile;
mod model;
mod plain;
mod screens;
mod told;
