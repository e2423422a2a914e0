//! `POST /api/v1/query`: a question in SQL, answered in the form that the client asks for.
//!
//! Bounds: rows, time and memory of a question and how many are worked on at once (`query.*`), pieces of an answer that wait for the client (then
//! the work waits). A client that goes away ends the work. Never: a part of an answer that looks like the whole.

mod body;
mod routes;
mod writing;

pub use routes::query_routes;
