//! Tests: the shape of the source tree. Every rule has a counter-example that it must reject.

mod crates;
mod forbidden;
mod imports;
mod shape;
mod source;
mod tree;
