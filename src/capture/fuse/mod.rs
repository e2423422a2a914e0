//! The workspace through FUSE: every file operation of the session is decided and on record before it happens (G-1).
//!
//! Where what is: `translate` turns raw operations into event payloads and `errno` failures into error numbers, both pure.
//! `workspace` is the file system: semantics over a backing directory, without a word of FUSE, so that another kernel shim can serve
//! it. `shim` is the one on `fuser`. `server` starts and ends it on a device that the session's launcher has mounted by
//! `mount_options`.
//!
//! Guarantees: the backing directory is reached from its own descriptor, one name at a time, so neither a symbolic link nor `..` nor a
//! rename leads out of it; what policy refuses leaves the backing directory as it was; every handle that was opened has one
//! `file_close`; a request that fails, or panics, ends with an error number for its caller and with nothing else.
//! Never: a path of the session is opened as a path, or a lock is held across a system call on the backing file system.
//!
//! The path of an event is put together, when the event is made, from the names by which the session last looked things up. A rename of
//! a directory above at that very moment can make it the old or the new path. A file with several names is looked up by each use, so the
//! name is the one that was used; for `attribute_timeout_ms` after it got its second name it can be the other.

mod config;
pub mod errno;
mod error;
mod gatekeepers;
mod mount;
mod server;
mod shim;
pub mod translate;
mod wire;
mod workspace;

pub use config::{AuditConfig, FileIo, FuseConfig};
pub use error::FuseError;
pub use gatekeepers::Gatekeepers;
pub use mount::{MountOptions, mount_options};
pub use server::{FuseServer, MountedDevice};
