//! The one integration-test binary: one module for each subject, guarantees by their numbers.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    clippy::print_stderr,
    missing_docs,
    unreachable_pub,
    reason = "a test that cannot go on fails, and says where"
)]

mod api;
mod architecture;
mod channel;
mod config;
mod conservation;
mod console;
mod detect;
mod evidence;
mod flight;
mod fuse;
mod golden;
mod grpc;
mod import;
mod journal;
mod lake;
mod metrics;
mod ocsf;
mod otel;
mod peers;
mod policy;
mod process;
mod proxy;
mod readers;
mod redaction;
mod registry;
mod replay;
mod report;

mod run;
mod server;
mod sessions;
mod setup;
mod sinks;
mod sql;
mod streams;
mod support;
mod telemetry;
mod tell;
mod vocabulary;
mod wire;
