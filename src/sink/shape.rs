//! `Shape`: the form in which an event goes out, ours or OCSF.

use serde::Deserialize;

use crate::encode::{json, ocsf};
use crate::event::JournaledEvent;

/// The form of an event.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Shape {
    /// As `agentsh events --format jsonl` prints it.
    #[default]
    Agentsh,
    /// A record of OCSF 1.8.0.
    Ocsf,
}

/// Writes events in one shape.
#[derive(Clone, Debug)]
pub struct Shaper {
    shape: Shape,
    hostname: String,
}

impl Shaper {
    /// Writes `shape`, with this machine's name where OCSF wants a device.
    #[must_use]
    pub fn new(shape: Shape) -> Self {
        let hostname = nix::unistd::gethostname().ok().and_then(|name| name.into_string().ok());
        Self { shape, hostname: hostname.filter(|name| !name.is_empty()).unwrap_or_else(|| "localhost".to_owned()) }
    }

    /// This machine's name.
    #[must_use]
    pub fn hostname(&self) -> &str {
        &self.hostname
    }

    /// Appends the event's JSON text, without a line's end.
    pub fn put(&self, event: &JournaledEvent, out: &mut Vec<u8>) {
        let written = match self.shape {
            Shape::Agentsh => json::put(event, out),
            Shape::Ocsf => serde_json::to_writer(out, &ocsf::to_json_on(event, &self.hostname)),
        };
        // Writing to a Vec cannot fail, and both shapes have string keys only.
        debug_assert!(written.is_ok(), "{written:?}");
    }
}

/// Position and id of the event in a line of either shape; `None` for what is no such line.
#[must_use]
pub(super) fn identify(line: &[u8]) -> Option<(u64, String)> {
    #[derive(Deserialize)]
    struct Ours {
        seq: u64,
        id: String,
    }
    #[derive(Deserialize)]
    struct Ocsf {
        metadata: Metadata,
    }
    #[derive(Deserialize)]
    struct Metadata {
        sequence: serde_json::Value,
        uid: String,
    }
    if let Ok(Ours { seq, id }) = serde_json::from_slice(line) {
        return Some((seq, id));
    }
    let Ocsf { metadata: Metadata { sequence, uid } } = serde_json::from_slice(line).ok()?;
    let seq = sequence.as_u64().or_else(|| sequence.as_str()?.parse().ok())?;
    Some((seq, uid))
}
