//! The one integration-test binary: one module for each subject, guarantees by their numbers.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on fails, and says where"
)]

mod architecture;
mod fuse;
mod policy;
mod process;
mod proxy;
mod redaction;
mod vocabulary;
