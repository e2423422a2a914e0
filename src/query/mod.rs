//! ASK: which events of the journal, and how the journal stands.
//!
//! Guarantees: a filter means the same wherever it is asked (command line, service); what is read is in the order of `seq`, without
//! gap or repeat (G-5). Never: a write to the journal, or a table or a terminal in its answers.

mod cel;
mod filter;
mod glob;
mod matcher;
mod reader;
pub mod report;
pub mod session;
mod sinks;
pub mod sql;
mod status;
mod time;
mod words;

pub use cel::{Cel, CelError, CelFailure, cel_variables};
pub use filter::{Filter, Limit};
pub use matcher::Matcher;
pub use reader::{Reader, SessionError, Verdict};
pub use sinks::{DeadLetter, SinkStatus};
pub use status::{Accounts, CheckpointStatus, IntakeStatus, JournalStatus, SessionCounts, status};
pub use time::{TimeError, parse_time, parse_time_utc};
pub use words::{UnknownWord, decision, family, kind};

pub use crate::journal::{
    DataDir, Finding, Follower, JournalError, JournalRow, NoteError, PublicKey, SensorRow, StoreError, Verification, verify,
};
