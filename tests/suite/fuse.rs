//! Tests: fuse.
