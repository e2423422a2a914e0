//! A second look at how requests are framed. Pure.
//!
//! RFC 9112 §6.3 lets a server take a request that has both `Transfer-Encoding` and `Content-Length` by the former alone, and the HTTP
//! library does so without a trace. Such a request is an attempt to make two hops disagree on where it ends (request smuggling), so it is
//! refused and recorded. This follows the bytes of a connection from head to head, as little as that takes; when it loses the thread, it
//! stops looking, since the library still checks everything else.

/// Follows the requests of one connection.
#[derive(Debug, Default)]
pub(super) struct Framing {
    state: State,
    head: Head,
    line: Vec<u8>,
}

/// What a head has said so far.
#[derive(Clone, Copy, Debug, Default)]
struct Head {
    started: bool,
    connect: bool,
    chunked: bool,
    coded: bool,
    length: Option<u64>,
    has_length: bool,
}

#[derive(Clone, Copy, Debug, Default)]
enum State {
    /// In a head, or before one.
    #[default]
    Head,
    /// So many bytes of a body are left.
    Body(u64),
    /// In the line before a chunk.
    ChunkSize,
    /// So many bytes of a chunk, with the line end after it, are left.
    Chunk(u64),
    /// After the last chunk.
    Trailers,
    /// No longer looking: a tunnel, or something that the library will refuse.
    Lost,
}

/// Bytes of a line that are kept. Longer lines are none of those that count here.
const LINE: usize = 160;

impl Framing {
    /// Follows more bytes. Where a head ends that has both fields, its last byte is overwritten, so that the library refuses it; the answer
    /// is `true` then.
    pub(super) fn follow(&mut self, bytes: &mut [u8]) -> bool {
        let mut at = 0;
        while let Some(byte) = bytes.get(at).copied() {
            match self.state {
                State::Lost => return false,
                State::Body(left) | State::Chunk(left) => {
                    let available = u64::try_from(bytes.len() - at).unwrap_or(u64::MAX);
                    let taken = left.min(available);
                    self.state = match (self.state, left - taken) {
                        (State::Body(_), 0) => State::Head,
                        (State::Body(_), left) => State::Body(left),
                        (_, 0) => State::ChunkSize,
                        (_, left) => State::Chunk(left),
                    };
                    at += usize::try_from(taken).unwrap_or(usize::MAX);
                }
                State::Head | State::ChunkSize | State::Trailers => {
                    if byte != b'\n' {
                        if self.line.len() < LINE {
                            self.line.push(byte);
                        }
                    } else if self.line_ends() {
                        self.state = State::Lost;
                        if let Some(last) = bytes.get_mut(at) {
                            // No line may hold this byte (RFC 9110 §5.5).
                            *last = 0;
                        }
                        return true;
                    }
                    at += 1;
                }
            }
        }
        false
    }

    /// Whether bytes of a head have come, but not all of it.
    pub(super) fn is_within_head(&self) -> bool {
        matches!(self.state, State::Head) && (self.head.started || !self.line.is_empty())
    }

    /// Takes the line that ends here; `true` if it ends a head that has both fields.
    fn line_ends(&mut self) -> bool {
        let line = std::mem::take(&mut self.line);
        let text = line.strip_suffix(b"\r").unwrap_or(&line);
        match self.state {
            State::Head if text.is_empty() && !self.head.started => {}
            State::Head if text.is_empty() => {
                let head = std::mem::take(&mut self.head);
                if head.coded && head.has_length {
                    return true;
                }
                self.state = match head {
                    Head { connect: true, .. } => State::Lost,
                    Head { chunked: true, .. } => State::ChunkSize,
                    Head { coded: true, .. } => State::Lost,
                    Head { has_length: true, length: None, .. } => State::Lost,
                    Head { length: Some(length @ 1..), .. } => State::Body(length),
                    _ => State::Head,
                };
            }
            State::Head if !self.head.started => {
                self.head.started = true;
                self.head.connect = text.starts_with(b"CONNECT ");
            }
            State::Head => self.field(text),
            State::ChunkSize => self.state = after_size(text),
            State::Trailers if text.is_empty() => self.state = State::Head,
            State::Trailers | State::Body(_) | State::Chunk(_) | State::Lost => {}
        }
        // The buffer is used again.
        self.line = line;
        self.line.clear();
        false
    }

    fn field(&mut self, line: &[u8]) {
        let mut parts = line.splitn(2, |byte| *byte == b':');
        let (Some(name), Some(value)) = (parts.next(), parts.next()) else { return };
        let (name, value) = (name.trim_ascii(), value.trim_ascii());
        if name.eq_ignore_ascii_case(b"transfer-encoding") {
            self.head.coded = true;
            let last = value.rsplit(|byte| *byte == b',').next().unwrap_or_default();
            self.head.chunked = last.trim_ascii().eq_ignore_ascii_case(b"chunked");
        } else if name.eq_ignore_ascii_case(b"content-length") {
            self.head.has_length = true;
            self.head.length = number(value, 10);
        }
    }
}

/// The state after the line that gives a chunk's size.
fn after_size(line: &[u8]) -> State {
    let digits = line.split(|byte| *byte == b';').next().unwrap_or_default();
    match number(digits.trim_ascii(), 16) {
        Some(0) => State::Trailers,
        Some(size) => match size.checked_add(2) {
            Some(with_line_end) => State::Chunk(with_line_end),
            None => State::Lost,
        },
        None => State::Lost,
    }
}

/// Digits only: no sign, no space.
fn number(digits: &[u8], radix: u32) -> Option<u64> {
    let text = std::str::from_utf8(digits).ok()?;
    if !text.chars().all(|digit| digit.is_digit(radix)) {
        return None;
    }
    u64::from_str_radix(text, radix).ok()
}
