//! The workspace through FUSE: real operations on a real mount, with a double in the channel's place.

mod record;
mod rig;
mod xattrs;

mod actors;
mod content;
mod differential;
mod latencies;
mod lifecycle;
mod names;
mod namespaces;
mod operations;

mod tools;
mod translation;
mod users;
