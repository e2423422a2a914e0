//! The vocabulary: the envelope, every event kind and its typed payload.
//!
//! Guarantees: kinds are a closed list and their names are stable; a derived event's id follows from its cause alone (G-6);
//! paths and arguments keep every byte. Never: I/O, a clock, randomness, or an import of another module of this crate.

mod envelope;
mod ids;
mod kind;
mod payload;
mod printable;
pub mod redact;
mod registry_key;
mod schema;
mod subject;
mod text;
pub mod trace;

pub use envelope::{Actor, Event, ImportOrigin, ImportSource, JournaledEvent, SensorOrigin};
pub use ids::{CommandId, EventId, Seq, SessionId, Severity, TechniqueId, Timestamp};
pub use kind::{Family, Kind, Payload, UnknownKind};
pub use payload::*;
pub use printable::printable;
pub use registry_key::{RegistryHive, registry_key};
pub use schema::json_schema;
pub use text::{BadEscape, OsText};
