//! Third-party clients and collectors. `make test-peers` installs them; without that each test says that it is skipped, and why.

mod console;
mod exports;
mod flight;
mod grpc;
mod lake;
mod nats;
mod nats_limits;
mod nats_security;
pub mod nats_server;
mod ocsf;
mod otel;
mod prometheus;
mod s3;
mod s3_parts;
pub mod s3_server;
mod schemathesis;

use std::path::{Path, PathBuf};
use std::process::Command;

/// The Python that has the packages (`scripts/peers.sh`), if it has `module`. Says why not otherwise.
#[allow(dead_code, reason = "each area of peers brings its own use")]
pub fn python_with(test: &str, module: &str) -> Option<PathBuf> {
    let folder =
        std::env::var_os("TEST_PEERS").map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("target/peers"), PathBuf::from);
    let python = folder.join("bin/python");
    let found = Command::new(&python).args(["-c", &format!("import {module}")]).output();
    if found.is_ok_and(|output| output.status.success()) {
        return Some(python);
    }
    eprintln!("skipped: {test}: the Python package `{module}` is not there; `make test-peers` installs it");
    None
}

/// A script of `tests/peers`.
#[allow(dead_code, reason = "each area of peers brings its own use")]
pub fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers").join(name)
}
