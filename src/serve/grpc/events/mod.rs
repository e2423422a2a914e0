//! `EventService`: reading the journal as a stream, its named consumers, one page, and what sensors bring.

mod service;

pub use service::EventsApi;
