//! What an HTTP answer means for a batch: one exhaustive table.

use crate::sink::batch::Answer;
use crate::sink::destination::DeliverError;
use crate::sink::retry_after::wait;

/// Bytes of an answer's body that a reason quotes.
const QUOTED: usize = 200;

/// The meaning of a status: 2xx is taken, what passes is tried again, what is about these events is refused, and the rest is for a person.
pub(super) fn meaning(status: u16, retry_after: Option<&str>, body: &[u8]) -> Result<Answer, DeliverError> {
    let said = || {
        let text = String::from_utf8_lossy(body.get(..body.len().min(QUOTED)).unwrap_or_default());
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        if text.is_empty() { format!("HTTP {status}") } else { format!("HTTP {status}: {text}") }
    };
    match status {
        200..=299 => Ok(Answer::Taken),
        400 | 413 | 422 => Ok(Answer::Refused(said())),
        408 | 425 | 429 | 500..=599 => Err(DeliverError::Unavailable { reason: said(), retry_after: retry_after.and_then(wait) }),
        401 | 403 => Err(DeliverError::Misconfigured { reason: format!("{}: check its credentials", said()) }),
        300..=399 => Err(DeliverError::Misconfigured {
            reason: format!("{}: redirects are not followed: set the address that it leads to", said()),
        }),
        402 | 404..=407 | 409..=412 | 414..=421 | 423 | 424 | 426..=428 | 430..=499 => {
            Err(DeliverError::Misconfigured { reason: format!("{}: check its address", said()) })
        }
        // Not final or no status at all.
        0..=199 | 600.. => Err(DeliverError::Unavailable { reason: said(), retry_after: None }),
    }
}
