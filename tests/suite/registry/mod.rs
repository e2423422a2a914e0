//! The registry: sensors that ask, and Windows programs under Wine.

mod example;
#[path = "../../../examples/registry_sensor/main.rs"]
#[allow(dead_code, reason = "the example is a program: its `main` is run as one")]
mod program;
mod sensor;
mod trace;
mod wine;
