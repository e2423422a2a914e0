//! JSON lines in files, exactly once: the file itself says what it has.
//!
//! The file `path` is appended to; each page is one write (with compression one gzip member or zstd frame), so that a kill leaves at most a
//! torn tail, which is cut off by the next start. When it is large or old enough it is renamed to `<stem>-<last seq>.<extension>`, so
//! that the last `seq` is known even while the new file is empty. Going on, the sink takes its place from the last whole line and not
//! from the journal's cursor; so a kill between the write and the cursor repeats nothing.

mod codec;
mod config;
mod file;
mod place;
mod sink;

pub use config::{Compression, Fsync, JsonlConfig};
pub use sink::JsonlSink;
