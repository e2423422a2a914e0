//! The workspace through FUSE: real operations on a real mount, with a double in the channel's place.

mod record;
mod rig;

mod differential;
mod operations;
mod semantics;
mod xattrs;
