//! Messages that are encoded once and sent to many: batches of events that are bytes already.

use bytes::{Buf, BufMut, Bytes, BytesMut};
use prost::encoding::{DecodeContext, WireType, decode_varint, encode_key, encode_varint};
use prost::{DecodeError, Message};

use super::error::EncodeError;
use super::mask::Mask;
use super::messages::{SubscribeResponse, subscribe_response};
use super::put::{put_bytes, put_event, put_number, put_varint, varint_len};
use crate::encode::stored::Columns;

/// Numbers of `EventBatch` and of the batch within `SubscribeResponse`.
const EVENTS: u32 = 1;
const THROUGH_SEQ: u32 = 2;
const HEAD_SEQ: u32 = 3;
const REDELIVERED: u32 = 4;
const BATCH: u32 = 1;

/// A message that is encoded already, of whatever type: its bytes are sent as they are. Servers answer `Subscribe` with it, so that
/// what is encoded once is shared by every stream that wants the same.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EncodedResponse(pub Bytes);

impl EncodedResponse {
    /// The bytes of a message.
    #[must_use]
    pub fn of(message: &impl Message) -> Self {
        Self(message.encode_to_vec().into())
    }

    /// What it says, read as an answer of `Subscribe`.
    ///
    /// # Errors
    /// When it is no such answer.
    pub fn message(&self) -> Result<Option<subscribe_response::Message>, DecodeError> {
        SubscribeResponse::decode(self.0.clone()).map(|response| response.message)
    }
}

impl Message for EncodedResponse {
    fn encode_raw(&self, buf: &mut impl BufMut) {
        buf.put_slice(&self.0);
    }

    fn merge_field(&mut self, tag: u32, wire_type: WireType, buf: &mut impl Buf, _: DecodeContext) -> Result<(), DecodeError> {
        let mut whole = BytesMut::from(std::mem::take(&mut self.0));
        encode_key(tag, wire_type, &mut whole);
        let merged = copy_value(wire_type, buf, &mut whole);
        self.0 = whole.freeze();
        merged
    }

    fn encoded_len(&self) -> usize {
        self.0.len()
    }

    fn clear(&mut self) {
        self.0.clear();
    }
}

/// Copies a value as it stands. A length that the message has not is refused by decoding it as prost does.
fn copy_value(wire_type: WireType, buf: &mut impl Buf, whole: &mut BytesMut) -> Result<(), DecodeError> {
    let len = match wire_type {
        WireType::Varint => {
            encode_varint(decode_varint(buf)?, whole);
            return Ok(());
        }
        WireType::SixtyFourBit => 8,
        WireType::ThirtyTwoBit => 4,
        WireType::LengthDelimited => {
            let len = decode_varint(buf)?;
            encode_varint(len, whole);
            len
        }
        WireType::StartGroup | WireType::EndGroup => {
            return prost::encoding::skip_field(wire_type, 1, buf, DecodeContext::default());
        }
    };
    match usize::try_from(len) {
        Ok(len) if len <= buf.remaining() => {
            whole.put(buf.take(len));
            Ok(())
        }
        // More than there is: reading a value of this length says so.
        _ => decode_varint(&mut [].as_slice()).map(|_| ()),
    }
}

/// What a batch says beside its events.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BatchMarks {
    /// Everything up to this seq was looked at.
    pub through_seq: u64,
    /// The journal's last seq when the batch was made.
    pub head_seq: u64,
    /// Whether the events were sent before and not acknowledged.
    pub redelivered: bool,
}

/// Appends the `events` entry of a batch (or of a page) for an event that is encoded already.
pub fn put_entry(event: &[u8], out: &mut Vec<u8>) {
    put_bytes(EVENTS, event, out);
}

/// Appends the `events` entry of a batch for a row. `scratch` is emptied and used again, so that a stream allocates nothing for an event.
///
/// # Errors
/// As [`put_event`]; then nothing was appended.
pub fn put_event_entry(
    seq: u64,
    columns: &Columns<'_>,
    mask: &Mask,
    scratch: &mut Vec<u8>,
    out: &mut Vec<u8>,
) -> Result<(), EncodeError> {
    scratch.clear();
    put_event(seq, columns, mask, scratch)?;
    put_entry(scratch, out);
    Ok(())
}

/// Appends a `SubscribeResponse` that is a batch. `entries` are the batch's events, each as [`put_entry`] or [`put_event_entry`] wrote
/// it, one behind the other; they may come in several pieces.
pub fn put_batch<'a, E>(entries: E, marks: BatchMarks, out: &mut Vec<u8>)
where
    E: IntoIterator<Item = &'a [u8]>,
    E::IntoIter: Clone,
{
    let entries = entries.into_iter();
    let mut rest = Vec::with_capacity(32);
    put_number(THROUGH_SEQ, marks.through_seq, &mut rest);
    put_number(HEAD_SEQ, marks.head_seq, &mut rest);
    put_number(REDELIVERED, marks.redelivered.into(), &mut rest);
    let len = entries.clone().map(<[u8]>::len).sum::<usize>() + rest.len();
    out.reserve(len + varint_len(len as u64) + 1);
    put_varint((BATCH << 3 | WireType::LengthDelimited as u32).into(), out);
    put_varint(len as u64, out);
    for entry in entries {
        out.extend_from_slice(entry);
    }
    out.extend_from_slice(&rest);
}
