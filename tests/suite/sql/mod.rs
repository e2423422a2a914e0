//! SQL: answers over the journal, over sealed files and over both; what is refused; bounds; the command line.

mod agreement;
mod answers;
mod bounds;
mod command_line;
mod known;
mod refusals;
pub mod rig;
