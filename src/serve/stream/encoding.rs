//! Bytes of the messages of a stream, put together around events that are encoded already.

use bytes::Bytes;
use prost::Message;

use crate::encode::proto::{EncodedResponse, Event};
use crate::encode::stored::Columns;
use crate::event::EventId;

pub(super) use stand_in::{Mask, put_event};

/// Tag of a length-delimited field with number 1: `EventBatch.events`, `SubscribeResponse.batch`, `QueryResponse.events`.
const FIRST: u8 = 0x0A;

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
        scratch.extend_from_slice(&event.encode_to_vec());
    }
    out.push(FIRST);
    put_varint(scratch.len() as u64, out);
    out.extend_from_slice(scratch);
}

/// A `SubscribeResponse` with a batch of these events.
pub(super) fn batch(mut events: Vec<Bytes>, through_seq: u64, head_seq: u64, redelivered: bool) -> EncodedResponse {
    let mut tail = Vec::with_capacity(24);
    put_number(2, through_seq, &mut tail);
    put_number(3, head_seq, &mut tail);
    put_number(4, u64::from(redelivered), &mut tail);
    let length = events.iter().map(Bytes::len).sum::<usize>() + tail.len();
    let mut head = Vec::with_capacity(12);
    head.push(FIRST);
    put_varint(length as u64, &mut head);
    events.insert(0, head.into());
    events.push(tail.into());
    EncodedResponse::new(events)
}

/// A `QueryResponse` with these events.
pub(super) fn page(events: Vec<u8>, next_after_seq: Option<u64>, head_seq: u64) -> EncodedResponse {
    let mut tail = Vec::with_capacity(24);
    if let Some(next) = next_after_seq {
        // Present also where it is 0.
        tail.push(2 << 3);
        put_varint(next, &mut tail);
    }
    put_number(3, head_seq, &mut tail);
    EncodedResponse::new(vec![events.into(), tail.into()])
}

/// A field of a whole number, unless it is 0.
fn put_number(field: u8, number: u64, out: &mut Vec<u8>) {
    if number > 0 {
        out.push(field << 3);
        put_varint(number, out);
    }
}

fn put_varint(mut number: u64, out: &mut Vec<u8>) {
    while number >= 0x80 {
        out.push((number & 0x7F) as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

mod stand_in {
    use prost::Message;

    use crate::encode::proto;
    use crate::encode::stored::{Columns, DecodeError};

    /// Fields to send.
    #[derive(Clone, Debug)]
    pub(crate) struct Mask(Option<Vec<String>>);

    /// A path of a mask that is no field.
    #[derive(Debug, thiserror::Error)]
    #[error("there is no field `{path}`")]
    pub(crate) struct UnknownField {
        pub(crate) path: String,
        pub(crate) nearest: Option<String>,
    }

    impl Mask {
        pub(crate) fn all() -> Self {
            Self(None)
        }

        pub(crate) fn compile<S: AsRef<str>>(paths: &[S]) -> Result<Self, UnknownField> {
            for path in paths {
                if !["seq", "id", "subject", "session_id", "time_us"].contains(&path.as_ref()) {
                    return Err(UnknownField { path: path.as_ref().to_owned(), nearest: None });
                }
            }
            Ok(Self((!paths.is_empty()).then(|| paths.iter().map(|path| path.as_ref().to_owned()).collect())))
        }
    }

    pub(crate) fn put_event(seq: u64, columns: &Columns<'_>, mask: &Mask, out: &mut Vec<u8>) -> Result<(), DecodeError> {
        let has = |name: &str| mask.0.as_ref().is_none_or(|paths| paths.iter().any(|path| path == name));
        let text = |name: &str, value: Option<&str>| value.filter(|_| has(name)).map(str::to_owned);
        let event = proto::Event {
            seq,
            id: if has("id") { crate::event::EventId::from_bytes(columns.id.try_into().unwrap_or_default()).to_string() } else { String::new() },
            time_us: if has("time_us") { columns.time_us } else { 0 },
            session_id: text("session_id", columns.session_id),
            subject: text("subject", columns.subject),
            ..proto::Event::default()
        };
        out.extend_from_slice(&event.encode_to_vec());
        Ok(())
    }
}
