//! Why a stream cannot be opened or go on.

use crate::journal::{JournalError, StoreError};

/// Why the streams do not do something. The journal is untouched.
#[derive(Debug, thiserror::Error)]
pub enum StreamsError {
    /// The journal cannot be opened.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The journal cannot be read or written now.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The reader's thread cannot be started.
    #[error("no thread can be started: {0}")]
    Thread(std::io::Error),
    /// The server shuts down.
    #[error("the server shuts down")]
    Ended,
    /// Neither a place to start from nor a consumer was named.
    #[error("say where to begin: after_seq, from_start, from_now or since_us; or name a consumer")]
    NoStart,
    /// A position behind the end.
    #[error("after_seq {asked} lies in the future: the journal's last seq is {head}")]
    Future {
        /// What was asked for.
        asked: u64,
        /// The journal's last seq.
        head: u64,
    },
    /// A position whose events are gone.
    #[error("the events behind seq {asked} are no longer kept: the first one is {first}; read on with after_seq {}", first.saturating_sub(1))]
    Expired {
        /// What was asked for.
        asked: u64,
        /// The first event that is kept.
        first: u64,
    },
    /// Ending with a session needs one.
    #[error("end_with_session needs session_ids in the filter")]
    NoSession,
    /// No consumer has that name.
    #[error("there is no consumer named `{name}`")]
    UnknownConsumer {
        /// The name.
        name: String,
    },
    /// The name cannot be one.
    #[error("a consumer's name has 1 to 128 characters out of letters, digits, `.`, `-`, `_` and `:`")]
    BadName,
    /// Somebody else made the consumer.
    #[error("consumer `{name}` belongs to another key")]
    NotYours {
        /// The name.
        name: String,
    },
    /// An acknowledgement of what was never sent.
    #[error("seq {asked} was not delivered to consumer `{name}` yet: the last that was is {delivered}")]
    NotDelivered {
        /// The name.
        name: String,
        /// What was acknowledged.
        asked: u64,
        /// The last that was delivered.
        delivered: u64,
    },
    /// So many consumers are kept.
    #[error("there are {most} consumers already: delete one first")]
    TooManyConsumers {
        /// The bound.
        most: usize,
    },
    /// A number of a request is larger than allowed.
    #[error("{field} {asked} is more than {most}")]
    TooLarge {
        /// Its name.
        field: &'static str,
        /// What was asked for.
        asked: u64,
        /// The most.
        most: u64,
    },
}
