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

mod architecture;
mod channel;
mod fuse;
mod journal;
mod policy;
mod process;
mod proxy;
mod redaction;
mod support;
mod vocabulary;
