//! `application/vnd.agentsh.exec.v1`: a command's streams in one body, each way.
//!
//! A frame is eight bytes and its data: the stream, three zero bytes, the length of the data as an unsigned big-endian number of 32
//! bits. Streams are numbered as descriptors are: 0 standard input, 1 standard output, 2 standard error; 3 is control, whose data is one
//! JSON object.
//!
//! From the client: control `{"start": {"command": [...]}}` first; then frames of stream 0, control `{"stdin_closed": true}`,
//! `{"signal": 15}`. From the server: control `{"started": {...}}`, frames of 1 and 2, `{"running": true}` while nothing else is said,
//! `{"finished": {...}}` last. Unknown members of a control object are ignored, an unknown stream is an error.

use bytes::{Buf as _, BufMut as _, Bytes, BytesMut};

/// The type of such a body.
pub const MEDIA_TYPE: &str = "application/vnd.agentsh.exec.v1";

/// Bytes in front of the data.
pub const HEAD_BYTES: usize = 8;

/// Data of one frame, at most; a sender splits what is longer. Control frames hold arguments and environment, so it is generous.
pub const LARGEST_FRAME: usize = 4 << 20;

/// One frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Frame {
    /// For the command's standard input.
    Stdin(Bytes),
    /// From its standard output.
    Stdout(Bytes),
    /// From its standard error.
    Stderr(Bytes),
    /// One JSON object.
    Control(Bytes),
}

/// Why bytes are no frames. Nothing after them can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// There is no such stream, or the bytes after its number are not zero.
    #[error("a frame begins with {head:02x?}, which names no stream: 0 to 3 and three zero bytes")]
    Head {
        /// The first four bytes.
        head: [u8; 4],
    },
    /// The length is out of bounds.
    #[error("a frame of {length} bytes is longer than {LARGEST_FRAME}")]
    TooLong {
        /// The length.
        length: u32,
    },
    /// The body ends within a frame.
    #[error("the body ends within a frame")]
    Torn,
}

impl Frame {
    /// The frame as it goes over the wire.
    #[must_use]
    pub fn encode(&self) -> Bytes {
        let (stream, data) = match self {
            Frame::Stdin(data) => (0, data),
            Frame::Stdout(data) => (1, data),
            Frame::Stderr(data) => (2, data),
            Frame::Control(data) => (3, data),
        };
        let mut bytes = BytesMut::with_capacity(HEAD_BYTES + data.len());
        bytes.put_u8(stream);
        bytes.put_bytes(0, 3);
        bytes.put_u32(u32::try_from(data.len()).unwrap_or(u32::MAX));
        bytes.put_slice(data);
        bytes.freeze()
    }

    /// A control frame.
    #[must_use]
    pub fn control(object: &serde_json::Value) -> Self {
        Frame::Control(object.to_string().into())
    }
}

/// Bytes as they come, cut into frames. Holds at most one frame that is not complete.
#[derive(Debug, Default)]
pub struct Frames(BytesMut);

impl Frames {
    /// Takes bytes in.
    pub fn push(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    /// The next frame, if it is complete.
    ///
    /// # Errors
    /// [`FrameError`].
    pub fn next_frame(&mut self) -> Result<Option<Frame>, FrameError> {
        let Some((head, length)) = self.0.first_chunk::<HEAD_BYTES>().map(|head| {
            let [a, b, c, d, rest @ ..] = *head;
            ([a, b, c, d], u32::from_be_bytes(rest))
        }) else {
            return Ok(None);
        };
        let make: fn(Bytes) -> Frame = match head {
            [0, 0, 0, 0] => Frame::Stdin,
            [1, 0, 0, 0] => Frame::Stdout,
            [2, 0, 0, 0] => Frame::Stderr,
            [3, 0, 0, 0] => Frame::Control,
            _ => return Err(FrameError::Head { head }),
        };
        let size = usize::try_from(length).unwrap_or(usize::MAX);
        if size > LARGEST_FRAME {
            return Err(FrameError::TooLong { length });
        }
        if self.0.len() < HEAD_BYTES + size {
            return Ok(None);
        }
        self.0.advance(HEAD_BYTES);
        Ok(Some(make(self.0.split_to(size).freeze())))
    }

    /// Whether nothing is left over: what a body may end with.
    ///
    /// # Errors
    /// [`FrameError::Torn`].
    pub fn finish(&self) -> Result<(), FrameError> {
        if self.0.is_empty() { Ok(()) } else { Err(FrameError::Torn) }
    }
}
