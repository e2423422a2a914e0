//! The demo: a real session in a temporary workspace, and what it caught.

mod site;
mod stage;

pub use stage::{DemoError, Stage};
