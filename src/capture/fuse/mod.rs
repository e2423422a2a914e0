//! The workspace through FUSE.
