//! OCSF 1.8.0 (<https://schema.ocsf.io/1.8.0>): each event as one record of one of eight classes, with the profiles `host` and
//! `security_control`.
//!
//! Guarantee: every kind has a class, and a record holds the whole event: what OCSF has no attribute for, and the payload as it
//! was, stand under `unmapped`, so that the event can be read back from the record alone.
//! Never: a value that the strict JSON Schema of the class refuses.

mod about;
mod activity;
mod class;
mod control;
mod entities;
mod file;
mod finding;
mod network;
mod object;
mod process;
mod record;
mod registry;
mod web;

pub use activity::{activities, class};
pub use class::{Class, Mapping};
pub use record::{OCSF_VERSION, to_json, to_json_on};
