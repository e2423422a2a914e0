//! Bytes of the messages of a stream, put together around events that are encoded already.

use crate::encode::proto::{EncodedResponse, Event, Mask, QueryResponse, put_entry, put_event};
use crate::encode::stored::Columns;
use crate::event::EventId;

/// Appends an event as a field of a batch. One whose payload cannot be encoded (a newer version wrote it) is sent as its envelope without
/// a kind, so that no position is silently left out.
pub(super) fn put_field(seq: u64, columns: &Columns<'_>, mask: &Mask, scratch: &mut Vec<u8>, out: &mut Vec<u8>) {
    scratch.clear();
    if let Err(error) = put_event(seq, columns, mask, scratch) {
        tracing::warn!(seq, %error, "an event is sent without its payload: it cannot be encoded");
        scratch.clear();
        let id = <[u8; 16]>::try_from(columns.id).map(|id| EventId::from_bytes(id).to_string()).unwrap_or_default();
        let event = Event {
            seq,
            id,
            time_us: columns.time_us,
            session_id: columns.session_id.map(str::to_owned),
            subject: columns.subject.map(str::to_owned),
            ..Event::default()
        };
        scratch.extend_from_slice(&EncodedResponse::of(&event).0);
    }
    put_entry(scratch, out);
}

/// A `QueryResponse` with these events.
pub(super) fn page(mut events: Vec<u8>, next_after_seq: Option<u64>, head_seq: u64) -> EncodedResponse {
    let rest = QueryResponse { events: Vec::new(), next_after_seq, head_seq };
    events.extend_from_slice(&EncodedResponse::of(&rest).0);
    EncodedResponse(events.into())
}
