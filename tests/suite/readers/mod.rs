//! The readers: `events`, `verify`, `journal`, `doctor`, run as functions on journals that were really recorded.

pub mod recorded;

mod doctor;
mod filters;
mod follow;
mod formats;
mod status;
mod table;
mod times;
pub mod verification;
