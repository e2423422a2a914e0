//! Why a row has no wire form, and why a message is no event.

use crate::event::{BadEscape, Kind, UnknownKind};

/// Where text is not the JSON that it should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("byte {at}: expected {expected}")]
pub struct Malformed {
    /// Offset in the column, in bytes.
    pub at: usize,
    /// What should stand there.
    pub expected: &'static str,
}

/// Why a row has no wire form. Nothing was appended.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EncodeError {
    /// The kind is not known to this version.
    #[error("event {seq}: {source}")]
    Kind {
        /// The row.
        seq: u64,
        /// The name that stands there.
        source: UnknownKind,
    },
    /// A column does not hold a value of its type.
    #[error("event {seq}: column `{column}` does not hold a value of its type")]
    Value {
        /// The row.
        seq: u64,
        /// The column.
        column: &'static str,
    },
    /// A column is not the JSON that it should be.
    #[error("event {seq}: column `{column}`, {source}")]
    Json {
        /// The row.
        seq: u64,
        /// The column.
        column: &'static str,
        /// Where, and what should stand there.
        source: Malformed,
    },
}

/// Why a message is not an event of the vocabulary.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{field}` {problem}")]
pub struct FromWireError {
    /// The field, as a mask would name it, with the place in a list (`http_request.headers[2].name`).
    pub field: String,
    /// What is wrong with it.
    pub problem: WireProblem,
}

/// What is wrong with a field of a message.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WireProblem {
    /// Nothing is there, and nothing may not be.
    #[error("is not set")]
    NotSet,
    /// The number is none of the enum's.
    #[error("is {number}, which this version does not know")]
    UnknownNumber {
        /// The number.
        number: i32,
    },
    /// The number is larger than the field can be.
    #[error("is {number}, and at most {most} is possible")]
    TooLarge {
        /// The number.
        number: u64,
        /// The largest that is possible.
        most: u64,
    },
    /// Not the text form of a UUID.
    #[error("is not a UUID")]
    NotAnId,
    /// Not the text form of an IP address.
    #[error("is not an IP address")]
    NotAnAddress,
    /// A path or an argument with a backslash that starts no escape.
    #[error("is not text of the operating system: {0}")]
    BadEscape(#[from] BadEscape),
    /// The kind is not that of the payload.
    #[error("is `{}`, and the payload is that of a `{}`", .kind.as_str(), .payload.as_str())]
    OtherKind {
        /// What `kind` says.
        kind: Kind,
        /// What the payload is.
        payload: Kind,
    },
}
