//! The bounds of what streams keep in memory, and the defaults of what a subscriber may ask for.

use std::time::Duration;

/// Bounds and defaults. All memory of the streams is bounded by them: what they keep for all subscribers together, and one batch for each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the newest events that are kept in memory. When there are more the oldest go, and who is not there yet reads the journal.
    pub ring_bytes: usize,
    /// Bytes of blocks of history that are kept for the next subscriber. When there are more, those that were not used for longest go.
    pub cache_bytes: usize,
    /// Events of one block of history. A block also ends after about 1 MiB.
    pub block_events: u32,
    /// Shortest time between two looks at the journal while events keep coming; what came in between is one block.
    pub pace: Duration,
    /// Reads of history at a time. Others wait.
    pub readers: usize,
    /// Events of one batch, unless a subscriber says otherwise.
    pub batch_events: usize,
    /// The most that a subscriber may ask for.
    pub most_batch_events: usize,
    /// Bytes of events after which a batch is full. A larger event goes alone.
    pub batch_bytes: usize,
    /// Longest silence, unless a subscriber says otherwise.
    pub heartbeat: Duration,
    /// Events that a consumer may leave unacknowledged, unless it says otherwise.
    pub ack_pending: u32,
    /// The most that a consumer may ask for.
    pub most_ack_pending: u32,
    /// Time within which acknowledgements are written together.
    pub ack_interval: Duration,
    /// Consumers that the journal keeps. When there are so many, a new name is refused.
    pub consumers: usize,
    /// Events of one page of a query, unless it says otherwise.
    pub page_events: u32,
    /// The most that a query may ask for.
    pub most_page_events: u32,
    /// Bytes of events after which a page is full.
    pub page_bytes: usize,
    /// Reads of the journal from end to end at a time: pages, and the search for a time. Others wait; history is read beside them.
    pub searches: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            ring_bytes: 32 << 20,
            cache_bytes: 64 << 20,
            block_events: 2048,
            pace: Duration::from_millis(2),
            readers: 2,
            batch_events: 1024,
            most_batch_events: 16_384,
            batch_bytes: 256 << 10,
            heartbeat: Duration::from_secs(10),
            ack_pending: 16_384,
            most_ack_pending: 1 << 20,
            ack_interval: Duration::from_millis(50),
            consumers: 10_000,
            page_events: 500,
            most_page_events: 10_000,
            page_bytes: 3 << 20,
            searches: 2,
        }
    }
}
