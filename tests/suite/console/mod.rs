//! Tests: the web console's files as they are served and written, and the views that it asks.

mod files;
mod sources;
mod views;
