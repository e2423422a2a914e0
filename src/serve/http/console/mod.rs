//! The web console's files: part of the program, served to everybody, since what they show takes a key of its own.
//!
//! Never: a byte of a recording, a script or a style that is not a file of its own, a request to another machine.

mod files;
mod routes;

pub use files::{FILES, File};
pub use routes::console_routes;
