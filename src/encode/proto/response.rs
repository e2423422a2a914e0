//! A response that is bytes already: encoded once, sent to many.

use bytes::{Buf, BufMut, Bytes};
use prost::DecodeError;
use prost::encoding::{DecodeContext, WireType};

/// The bytes of one response message, in parts that lie where they were encoded. It is sent, never read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EncodedResponse {
    parts: Vec<Bytes>,
}

impl EncodedResponse {
    /// A response of these bytes.
    #[must_use]
    pub const fn new(parts: Vec<Bytes>) -> Self {
        Self { parts }
    }

    /// A message of the vocabulary, encoded.
    #[must_use]
    pub fn of(message: &impl prost::Message) -> Self {
        Self { parts: vec![message.encode_to_vec().into()] }
    }

    /// The bytes, one part after the other.
    #[must_use]
    pub fn parts(&self) -> &[Bytes] {
        &self.parts
    }
}

impl prost::Message for EncodedResponse {
    fn encode_raw(&self, buf: &mut impl BufMut) {
        for part in &self.parts {
            buf.put_slice(part);
        }
    }

    fn merge_field(&mut self, tag: u32, wire: WireType, buf: &mut impl Buf, context: DecodeContext) -> Result<(), DecodeError> {
        prost::encoding::skip_field(wire, tag, buf, context)
    }

    fn encoded_len(&self) -> usize {
        self.parts.iter().map(Bytes::len).sum()
    }

    fn clear(&mut self) {
        self.parts.clear();
    }
}
