//! The recorder's own state: numbers on the wire.

use super::super::form::messages;
use crate::event::OsText;

messages! {
    JournalOpened { events_before: u64 = 1, events_recovered: u64 = 2, intakes_drained: u64 = 3, torn_bytes: u64 = 4, checkpoint_missing: bool = 5, created: bool = 6, agentsh_version: String = 7 }
    JournalCheckpoint { tree_size: u64 = 1, root_hash: String = 2, note: String = 3 }
    EventsLost { hop: String = 1, reason: String = 2, count: u64 = 3, from_us: i64 = 4, to_us: i64 = 5, intake: Option<String> = 6 }
    PolicyLoaded { name: String = 1, digest: String = 2, source: String = 3, text: String = 4, rules: u64 = 5 }
    SinkStalled { sink: String = 1, delivered: u64 = 2, reason: String = 3 }
    SinkRecovered { sink: String = 1, delivered: u64 = 2, stalled_us: u64 = 3 }
    RecordUnread { file: OsText = 1, offset: Option<u64> = 2, reason: String = 3, raw: OsText = 4, raw_size: u64 = 5 }
}
