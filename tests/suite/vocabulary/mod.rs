//! Tests: the vocabulary: names, identities, text, stored forms and their schema.

mod ids;
mod kinds;
mod round_trip;
pub mod samples;
mod schema;
pub mod stored;
mod text;
mod validator;
