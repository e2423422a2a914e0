//! Evidence from other systems: files of Windows, macOS and Linux become events of the vocabulary.
//!
//! Guarantees: memory is bounded whatever the file is; a record is an event, is counted under its type where no kind fits it, or becomes
//! a `record_unread` with what stood there (never dropped in silence); the same file gives the same events, with the same ids; no secret
//! gets into an event (G-7). Never: an event gets this machine's time or name, or a reader decides what is done with it.

mod ahead;
mod auditd;
mod error;
mod eslogger;
mod evtx;
mod input;
mod jsonl;
mod lines;
mod reader;
mod record;
mod text;
mod windows;

pub use ahead::ReadAhead;
pub use error::ImportError;
pub use input::{Digest, Input, MAX_EXPANSION};
pub use jsonl::{LineError, read_line};
pub use lines::MAX_LINE_BYTES;
pub use reader::{Reader, open};
pub use record::{Content, Failure, MAX_RAW_BYTES, Record, Told, Unread, failed_event, put_event, unread_event};
