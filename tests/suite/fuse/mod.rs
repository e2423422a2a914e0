//! The workspace through FUSE: real operations on a real mount, with a double in the channel's place.

mod record;
mod rig;

mod operations;
mod xattrs;
