//! Arrow Flight SQL: the rows of the engine, what can be asked about, keys and roles, what is refused, and how questions end.

pub mod ends;
mod keys;
mod metadata;
mod refusals;
mod rig;
mod rows;
