//! The workspace through FUSE: real operations on a real mount, with a double in the channel's place.

mod record;
mod rig;
mod xattrs;

mod actors;
mod differential;
mod lifecycle;
mod namespaces;
mod operations;
mod semantics;
mod tools;
mod translation;
