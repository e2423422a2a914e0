//! The file system's semantics over a backing directory: what each operation of the session does, which gate it passes, what it
//! leaves on record. It knows nothing of FUSE's wire format.
//!
//! Guarantees and limits: `capture::fuse`. An inode holds one descriptor (`O_PATH`) for as long as the kernel holds the inode, and
//! the kernel is asked to forget some before there are too many (`pressure`); a handle holds one from its open to its release.

mod attributes;
mod credentials;
mod descriptors;
mod directories;
mod file_system;
mod files;
mod handles;
mod inodes;
mod names;
mod pressure;
mod system_calls;
mod xattrs;

pub(super) use directories::{DirectoryEntry, DirectorySink};
pub(super) use file_system::{Attributes, Caller, Entry, Place, Setup, Workspace};
pub(super) use files::{Opened, Write};
pub(super) use system_calls::can_clone_device;
