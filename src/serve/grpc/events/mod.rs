//! `EventService`: reading the journal as a stream, its named consumers, one page, and what sensors bring.

mod filter;
mod service;
mod status;

pub use service::EventsApi;
pub use status::{JOURNAL_HEAD, READ_ON_AFTER};
