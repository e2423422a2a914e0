//! The names of the lake's files, which say what each holds. Pure: who writes and who reads them need the same rules and nothing else.

mod date;
mod name;

pub use date::Date;
pub use name::{FileName, Sealed, is_leftover, without_covered};
