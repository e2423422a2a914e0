//! `Object`: a JSON object that leaves out what is absent.

use serde_json::{Map, Value};

/// A JSON object under construction; keys keep their order.
#[derive(Clone, Debug, Default)]
pub(super) struct Object(Map<String, Value>);

impl Object {
    pub(super) fn new() -> Self {
        Self::default()
    }

    pub(super) fn with(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.0.insert(key.to_owned(), value.into());
        self
    }

    pub(super) fn maybe<V: Into<Value>>(self, key: &str, value: Option<V>) -> Self {
        match value {
            Some(value) => self.with(key, value),
            None => self,
        }
    }

    /// A list that says nothing is left out.
    pub(super) fn list<V: Into<Value>>(self, key: &str, values: impl IntoIterator<Item = V>) -> Self {
        let values: Vec<Value> = values.into_iter().map(Into::into).collect();
        if values.is_empty() { self } else { self.with(key, values) }
    }

    pub(super) fn and(mut self, other: Object) -> Self {
        self.0.extend(other.0);
        self
    }
}

impl From<Object> for Value {
    fn from(object: Object) -> Value {
        Value::Object(object.0)
    }
}

/// OCSF's `long_t` is signed: a count beyond it stays at its largest value, and is whole under `unmapped`.
pub(super) fn long(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// Microseconds as OCSF's milliseconds, rounded down.
pub(super) fn millis(micros: u64) -> i64 {
    long(micros / 1_000)
}

/// A time in microseconds as OCSF's `timestamp_t`: milliseconds since 1970, rounded down.
pub(super) const fn timestamp(micros: i64) -> i64 {
    micros.div_euclid(1_000)
}
