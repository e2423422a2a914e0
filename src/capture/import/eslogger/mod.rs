//! JSON lines of macOS' `eslogger(1)`: a message of the Endpoint Security framework on each.

mod message;
mod reader;
mod translate;

pub(super) use reader::EsloggerReader;
