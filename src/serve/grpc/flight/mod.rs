//! Arrow Flight SQL: questions for ADBC, JDBC and what builds on them, with the bounds of `POST /api/v1/query`.
//!
//! Guarantees: a ticket and a prepared statement hold the text of a question and nothing else, which is read and checked again when it is asked, so that
//! one that was made up gives nothing more than asking does; a stream that is dropped ends the work. Never: a write, a transaction, or rows that are left out in
//! silence.

mod answer;
mod command;
mod info;
mod keys;
mod service;
mod status;
mod tables;
mod type_info;

pub(super) use arrow_flight::flight_service_server::FlightServiceServer as FlightServer;
pub use service::FlightApi;
