//! The envelope's keys within a stored payload, which stand in front of the payload's own: `{"sensor":…,"imported":…,"actor":…,` each
//! only where the event has it. What stands so is read once, from the front to the end.

use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::event::{Actor, ImportOrigin, Kind, Payload, SensorOrigin};

/// The key of what is known of the sensor.
pub(super) const SENSOR: &str = "\"sensor\":";
/// The key of where an imported event stood.
pub(super) const IMPORTED: &str = "\"imported\":";
/// The key of the process.
pub(super) const ACTOR: &str = "\"actor\":";

/// What the envelope's keys hold.
#[derive(Deserialize)]
pub(super) struct InPayload {
    #[serde(default)]
    pub(super) actor: Option<Actor>,
    #[serde(default)]
    pub(super) sensor: Option<SensorOrigin>,
    #[serde(default)]
    pub(super) imported: Option<ImportOrigin>,
}

/// Envelope and payload of a stored payload that stands as a recorder writes it; `None` for any other, and for one in which something
/// cannot be read: the general way reads those, or says what is wrong.
pub(super) fn read(kind: Kind, json: &str) -> Option<(InPayload, Payload)> {
    let mut front = Front { rest: json.strip_prefix('{')? };
    // In the order in which they stand.
    let (sensor, imported, actor) = (front.value(SENSOR)?, front.value(IMPORTED)?, front.value(ACTOR)?);
    // Within a JSON text, a quote that is no part of a string is not escaped, so that nothing else can look like a key.
    if [SENSOR, IMPORTED, ACTOR].iter().any(|key| front.rest.contains(key)) {
        return None;
    }
    let payload = if front.rest.len() + 1 == json.len() {
        Payload::from_json(kind, json)
    } else {
        let mut own = String::with_capacity(front.rest.len() + 1);
        own.push('{');
        own.push_str(front.rest);
        Payload::from_json(kind, &own)
    };
    Some((InPayload { actor, sensor, imported }, payload.ok()?))
}

/// What is not read yet, behind the brace or a comma.
struct Front<'a> {
    rest: &'a str,
}

impl Front<'_> {
    /// The value of a key that stands next; the inner `None` where another one does, the outer where it cannot be read.
    fn value<T: DeserializeOwned>(&mut self, key: &str) -> Option<Option<T>> {
        let Some(text) = self.rest.strip_prefix(key) else { return Some(None) };
        let mut values = serde_json::Deserializer::from_str(text).into_iter::<T>();
        let value = values.next()?.ok()?;
        let behind = text.get(values.byte_offset()..)?;
        // The brace that closes the whole stays, as the end of a payload without keys.
        let next = behind.strip_prefix(',').filter(|next| next.starts_with('"'));
        self.rest = next.or_else(|| (behind == "}").then_some(behind))?;
        Some(Some(value))
    }
}
