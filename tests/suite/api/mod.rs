//! Tests: the HTTP API: its document, events in all forms, refusals, roles, and what may be kept or compressed.

mod document;
mod live;
mod pages;
mod query;
mod query_ends;
mod requests;
pub mod rig;
mod roles;
mod shapes;
mod sign_in;
mod streams;
