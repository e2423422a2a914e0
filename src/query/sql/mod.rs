//! SQL over everything: one table `events` and its views, over the live journal and the sealed Parquet of a lake together.
//!
//! ```text
//! question ─▶ guard ─▶ plan ─▶ EventsTable ─┬▶ lake    files that are sealed, kept open while they are read
//!                                           └▶ live    what no file holds, from SQLite, page by page
//! ```
//!
//! Guarantees: an answer is of one moment (the journal's head when it was asked) and has each event once, whether a file is sealed, put
//! together or removed meanwhile. It ends at its bounds of rows, time and memory, and when nobody reads it any more. Never: a write, a file
//! that a question names, or a spill to a disk.

mod answer;
mod cells;
mod config;
mod engine;
mod error;
mod forms;
mod functions;
mod guard;
mod lake;
mod limits;
mod live;
mod plain;
mod push_down;
mod questions;
mod reader;
mod table;
mod tables;
mod task;
mod views;

pub use answer::{Answer, Batch, Columns};
pub use config::QueryConfig;
pub use engine::{Engine, Held, Lake};
pub use error::SqlError;
pub use forms::{AnswerWriter, Form, texts};
pub use functions::Techniques;
pub use limits::Limits;
pub use plain::{plain, plain_columns};
pub use questions::{Parameter, Question, questions};
pub use tables::{ColumnInfo, TableInfo, TableKind};
