//! Tests: sessions that are read from bundles and from files of a lake, and bundles that are not what was exported.

mod bundles;
mod exports;
mod forged;
mod lakes;
mod rig;
