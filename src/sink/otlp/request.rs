//! Requests, made of items that are encoded once: an item that is sent again, alone or with others, is not encoded again.
//!
//! The three requests of OTLP have one form, field by field (`opentelemetry/proto/collector/*/v1/*_service.proto`):
//!
//! ```text
//! request  := resource_x = 1          ResourceX := resource = 1, scope_x = 2, schema_url = 3
//! ScopeX   := scope = 1, item = 2 …, schema_url = 3
//! ```

use prost::Message;
use prost::encoding::{encode_varint, encoded_len_varint};

use super::config::Signal;
use crate::encode::otel;

/// Keys of length-delimited fields 1, 2 and 3 (wire type 2).
const FIELD_1: u8 = 0x0a;
const FIELD_2: u8 = 0x12;
const FIELD_3: u8 = 0x1a;

/// Encoded items of one signal, in the order of their events.
#[derive(Clone, Debug)]
pub(super) struct Batch {
    pub(super) signal: Signal,
    /// Each item as field 2 of its scope.
    bytes: Vec<u8>,
    /// The event of each item, and where the item ends.
    items: Vec<(u64, usize)>,
}

impl Batch {
    pub(super) const fn new(signal: Signal) -> Self {
        Self { signal, bytes: Vec::new(), items: Vec::new() }
    }

    pub(super) fn push(&mut self, seq: u64, item: &impl Message) {
        put(&mut self.bytes, FIELD_2, item.encoded_len(), |bytes| {
            // A Vec has room.
            let encoded = item.encode(bytes);
            debug_assert!(encoded.is_ok(), "{encoded:?}");
        });
        self.items.push((seq, self.bytes.len()));
    }

    pub(super) const fn len(&self) -> usize {
        self.items.len()
    }

    pub(super) const fn size(&self) -> usize {
        self.bytes.len()
    }

    pub(super) fn seqs(&self) -> impl Iterator<Item = u64> {
        self.items.iter().map(|(seq, _)| *seq)
    }

    /// The two halves of a batch of more than one item.
    pub(super) fn halves(mut self) -> (Self, Self) {
        let front = self.items.len() / 2;
        let border = front.checked_sub(1).and_then(|last| self.items.get(last)).map_or(0, |(_, end)| *end);
        let bytes = self.bytes.split_off(border);
        let items = self.items.split_off(front).into_iter().map(|(seq, end)| (seq, end - border)).collect();
        let back = Self { signal: self.signal, bytes, items };
        (self, back)
    }
}

/// What stands around the items of each request.
#[derive(Debug)]
pub(super) struct Frame {
    resource: Vec<u8>,
    scope: Vec<u8>,
}

impl Frame {
    pub(super) fn new(resource: &impl Message, scope: &impl Message) -> Self {
        Self { resource: resource.encode_to_vec(), scope: scope.encode_to_vec() }
    }

    /// The whole request.
    pub(super) fn request(&self, batch: &Batch) -> Vec<u8> {
        let schema = otel::SCHEMA_URL.as_bytes();
        let scope_len = field_len(self.scope.len()) + batch.bytes.len() + field_len(schema.len());
        let resource_len = field_len(self.resource.len()) + field_len(scope_len) + field_len(schema.len());
        let mut request = Vec::with_capacity(field_len(resource_len));
        put(&mut request, FIELD_1, resource_len, |request| {
            put(request, FIELD_1, self.resource.len(), |request| request.extend_from_slice(&self.resource));
            put(request, FIELD_2, scope_len, |request| {
                put(request, FIELD_1, self.scope.len(), |request| request.extend_from_slice(&self.scope));
                request.extend_from_slice(&batch.bytes);
                put(request, FIELD_3, schema.len(), |request| request.extend_from_slice(schema));
            });
            put(request, FIELD_3, schema.len(), |request| request.extend_from_slice(schema));
        });
        request
    }
}

/// A field with its key and length.
fn field_len(len: usize) -> usize {
    1 + encoded_len_varint(wide(len)) + len
}

fn put(bytes: &mut Vec<u8>, key: u8, len: usize, write: impl FnOnce(&mut Vec<u8>)) {
    bytes.push(key);
    encode_varint(wide(len), bytes);
    write(bytes);
}

fn wide(len: usize) -> u64 {
    u64::try_from(len).unwrap_or(u64::MAX)
}
