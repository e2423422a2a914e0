//! How the sinks stand: cursor, what is behind it, dead letters, and the stall that has not ended.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use serde::Serialize;

use crate::event::Kind;
use crate::journal::{Condition, ReaderStore, StoreError};

pub use crate::journal::DeadLetterRow as DeadLetter;

/// What the names of sinks' cursors begin with.
const PREFIX: &str = "sink/";

/// How one sink stands.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct SinkStatus {
    /// Its name.
    pub name: String,
    /// Every event up to this one is with its peer or a dead letter; 0 before the first.
    pub delivered: u64,
    /// Events behind that, up to the journal's head.
    pub behind: u64,
    /// When the cursor was written last, µs since 1970; absent before the first time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub updated_us: Option<i64>,
    /// Events that its peer refused for good.
    pub dead_letters: u64,
    /// Why it cannot deliver, if its last word was a stall.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stalled: Option<String>,
}

/// Every sink that has a cursor, a dead letter or a stall on record, by name.
///
/// # Errors
/// What the journal says.
pub(super) fn sinks(store: &ReaderStore, head: u64) -> Result<Vec<SinkStatus>, StoreError> {
    let mut found: BTreeMap<String, SinkStatus> = BTreeMap::new();
    for row in store.cursors()? {
        if let Some(name) = row.name.strip_prefix(PREFIX) {
            let sink = found.entry(name.to_owned()).or_default();
            (sink.delivered, sink.updated_us) = (row.seq, Some(row.updated_us));
        }
    }
    for (name, count) in store.count_dead_letters()? {
        found.entry(name).or_default().dead_letters = count;
    }
    #[derive(serde::Deserialize)]
    struct Told {
        sink: String,
        reason: Option<String>,
    }
    let told = [Condition::Kinds(vec![Kind::SinkStalled, Kind::SinkRecovered])];
    store.rows::<StoreError>(0, &told, None, |row| {
        let told: Told = serde_json::from_str(row.columns.payload).map_err(|error| {
            StoreError::Damaged(format!("the {} at seq {} cannot be read: {error}", row.columns.kind, row.seq))
        })?;
        found.entry(told.sink).or_default().stalled = told.reason;
        Ok(ControlFlow::Continue(()))
    })?;
    let named = found.into_iter().map(|(name, sink)| SinkStatus { behind: head.saturating_sub(sink.delivered), name, ..sink });
    Ok(named.collect())
}
