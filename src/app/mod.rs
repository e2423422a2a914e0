//! COMPOSITION ROOT: build, pipeline, shutdown.

pub mod health;
pub mod journal;
