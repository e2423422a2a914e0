//! Tests: sessions that are read from bundles and from files of a lake, and bundles that are not what was exported.

mod bundles;
mod casts;
mod exports;
mod files;
mod forged;
mod lakes;
pub mod rig;
