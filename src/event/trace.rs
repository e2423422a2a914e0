//! W3C Trace Context, and the ids of traces and spans: every id follows from the journal, so that sending twice sends the same (G-6).
//!
//! An id is the first bytes of SHA-256 over a domain prefix and what it stands for. A session's trace is its caller's, if it gave one
//! (<https://www.w3.org/TR/trace-context/>), and made from the session's name otherwise.

use std::fmt;
use std::str::FromStr;

use sha2::{Digest, Sha256};

use super::ids::{CommandId, EventId, SessionId};

/// Identity of a trace: 16 bytes, not all of them zero.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TraceId([u8; 16]);

/// Identity of a span within its trace: 8 bytes, not all of them zero.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SpanId([u8; 8]);

/// A position in a trace: a span, and the trace that it is part of. Its text form is the value of `traceparent`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TraceParent {
    /// The trace.
    pub trace: TraceId,
    /// The span.
    pub span: SpanId,
    /// Trace flags; bit 0 says that the caller records its spans.
    pub flags: u8,
}

/// Why a text is no `traceparent`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadTraceParent {
    /// It is not made of hex digits in lower case and hyphens where they belong.
    #[error("it has not the form `00-<32 hex digits>-<16 hex digits>-<2 hex digits>`, in lower case")]
    Form,
    /// Version `ff`, which is forbidden.
    #[error("version `ff` is forbidden")]
    Version,
    /// An id of nothing but zeros.
    #[error("its {0} is all zeros")]
    Zero(&'static str),
}

/// Bit 0 of the trace flags (Trace Context §3.2.2.5.1): the caller may have recorded its spans.
pub const SAMPLED: u8 = 1;

impl TraceId {
    /// The 16 bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }

    /// The trace of a session whose caller gave none.
    #[must_use]
    pub fn of_session(session: &SessionId) -> Self {
        Self(digest("trace", &[session.as_str().as_bytes()]))
    }
}

impl SpanId {
    /// The 8 bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 8] {
        &self.0
    }

    /// The span of a whole session.
    #[must_use]
    pub fn of_session(session: &SessionId) -> Self {
        Self(digest("session", &[session.as_str().as_bytes()]))
    }

    /// The span of a command. It follows from names that are known before the command starts, so that the command can be told.
    #[must_use]
    pub fn of_command(session: &SessionId, command: &CommandId) -> Self {
        Self(digest("command", &[session.as_str().as_bytes(), command.as_str().as_bytes()]))
    }

    /// The span that begins with an event: a process with its first exec, an operation with its own event.
    #[must_use]
    pub fn of_event(event: EventId) -> Self {
        Self(digest("event", &[event.as_bytes()]))
    }
}

/// The first `N` bytes of SHA-256 over `agentsh span 1`, what the id is of, and each part behind a zero byte.
fn digest<const N: usize>(of: &str, parts: &[&[u8]]) -> [u8; N] {
    let mut hash = Sha256::new().chain_update(b"agentsh span 1 ").chain_update(of);
    for part in parts {
        hash = hash.chain_update([0]).chain_update(part);
    }
    let mut bytes = [0_u8; N];
    for (to, from) in bytes.iter_mut().zip(hash.finalize().iter()) {
        *to = *from;
    }
    // An id of zeros only is none; no input that gives one is known.
    if bytes == [0; N]
        && let Some(last) = bytes.last_mut()
    {
        *last = 1;
    }
    bytes
}

impl TraceParent {
    /// Where a session's own span stands: in its caller's trace, or in one of its own.
    #[must_use]
    pub fn of_session(session: &SessionId, caller: Option<TraceParent>) -> Self {
        Self {
            trace: caller.map_or_else(|| TraceId::of_session(session), |caller| caller.trace),
            span: SpanId::of_session(session),
            flags: caller.map_or(SAMPLED, |caller| caller.flags),
        }
    }

    /// Where a command's own span stands: in the trace of who asked for the command, else in its session's.
    #[must_use]
    pub fn of_command(session: &SessionId, command: &CommandId, callers: Callers) -> Self {
        let within = callers.command.unwrap_or_else(|| Self::of_session(session, callers.session));
        Self { span: SpanId::of_command(session, command), ..within }
    }

    /// Another span of the same trace.
    #[must_use]
    pub const fn at(self, span: SpanId) -> Self {
        Self { span, ..self }
    }
}

/// The positions that callers gave: who made the session, and who asked for the command.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Callers {
    /// Given with the session.
    pub session: Option<TraceParent>,
    /// Given with the command.
    pub command: Option<TraceParent>,
}

impl FromStr for TraceParent {
    type Err = BadTraceParent;

    fn from_str(text: &str) -> Result<Self, BadTraceParent> {
        let mut parts = text.split('-');
        let version: [u8; 1] = hex(parts.next())?;
        let (trace, span): ([u8; 16], [u8; 8]) = (hex(parts.next())?, hex(parts.next())?);
        let [flags]: [u8; 1] = hex(parts.next())?;
        if version == [0xff] {
            return Err(BadTraceParent::Version);
        }
        // A later version may have more behind a hyphen (§3.2.1); this one has not.
        if version == [0] && parts.next().is_some() {
            return Err(BadTraceParent::Form);
        }
        if trace == [0; 16] {
            return Err(BadTraceParent::Zero("trace id"));
        }
        if span == [0; 8] {
            return Err(BadTraceParent::Zero("parent id"));
        }
        Ok(Self { trace: TraceId(trace), span: SpanId(span), flags })
    }
}

fn hex<const N: usize>(text: Option<&str>) -> Result<[u8; N], BadTraceParent> {
    let text = text.filter(|text| text.len() == 2 * N).ok_or(BadTraceParent::Form)?;
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Ok(byte - b'0'),
        b'a'..=b'f' => Ok(byte - b'a' + 10),
        _ => Err(BadTraceParent::Form),
    };
    let mut bytes = [0_u8; N];
    for (to, pair) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        let [high, low] = *pair else { return Err(BadTraceParent::Form) };
        *to = digit(high)? << 4 | digit(low)?;
    }
    Ok(bytes)
}

impl fmt::Display for TraceParent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // What is passed on is version 00, whatever came (§4.3): flags of a later version may mean something else.
        write!(f, "00-{}-{}-{:02x}", self.trace, self.span, self.flags & SAMPLED)
    }
}

macro_rules! shown_in_hex {
    ($($type:ty),*) => { $(
        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
        }

        impl fmt::Debug for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }
    )* };
}

shown_in_hex!(TraceId, SpanId);
