//! The registry: sensors that ask, and Windows programs under Wine.

mod sensor;
mod trace;
mod wine;
