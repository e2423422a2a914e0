//! What destinations share: the events of a page that can be read, and finding the few that a peer will not take.

use std::future::Future;

use super::destination::{DeliverError, Refused};
use crate::event::JournaledEvent;
use crate::journal::Page;

/// So many single events that are refused one after another, with nothing taken of the page, are no bad events: the peer takes
/// nothing at all, and making all of them dead letters would empty the journal into nowhere.
const ALL_REFUSED: usize = 10;

/// The events of a page, and those that hold what no recorder of this version writes.
#[derive(Debug, Default)]
pub struct Readable {
    /// The events, in order.
    pub events: Vec<JournaledEvent>,
    /// What cannot be read, to be made dead letters.
    pub refused: Vec<Refused>,
}

/// The typed events of a page. A row that was changed or is of a newer version must not keep the rest from being delivered.
#[must_use]
pub fn readable(page: &Page) -> Readable {
    let mut found = Readable::default();
    for (seq, row) in page.seqs().zip(page.iter()) {
        let event = row.map_err(|error| error.to_string()).and_then(|row| row.to_event().map_err(|error| error.to_string()));
        match event {
            Ok(event) => found.events.push(event),
            Err(reason) => found.refused.push(Refused { seq, reason: format!("cannot be read: {reason}") }),
        }
    }
    found
}

/// What a peer said to some events.
#[derive(Debug)]
pub enum Answer {
    /// It has them.
    Taken,
    /// It will not take them, all of them together; by halves it may take most.
    Refused(String),
}

/// Hands `items` over with `send`. What the peer refuses is sent again by halves, down to single items; those that are refused alone are
/// returned with what the peer said, and everything else is with the peer.
///
/// # Errors
/// What `send` fails with; and [`DeliverError::Misconfigured`] when the peer refuses one single item after another and has taken none.
pub async fn by_halves<'i, T, F>(
    items: &'i [T],
    seq: impl Fn(&T) -> u64,
    mut send: impl FnMut(&'i [T]) -> F,
) -> Result<Vec<Refused>, DeliverError>
where
    F: Future<Output = Result<Answer, DeliverError>>,
{
    let mut refused = Vec::new();
    let mut taken = false;
    // Depth first and in order; it holds at most one half for each halving.
    let mut left = vec![items];
    while let Some(part) = left.pop() {
        if part.is_empty() {
            continue;
        }
        match send(part).await? {
            Answer::Taken => taken = true,
            Answer::Refused(reason) => match part {
                [one] => {
                    refused.push(Refused { seq: seq(one), reason });
                    // Others further on may be good: what is taken here is sent once more in its turn.
                    let probe = items.get(items.len() - 1..).unwrap_or_default();
                    if !taken
                        && refused.len() == ALL_REFUSED
                        && let Answer::Refused(reason) = send(probe).await?
                    {
                        let reason = format!("the peer refuses every event, so it is not the events: {reason}");
                        return Err(DeliverError::Misconfigured { reason });
                    }
                }
                _ => {
                    let (front, back) = part.split_at(part.len() / 2);
                    left.push(back);
                    left.push(front);
                }
            },
        }
    }
    Ok(refused)
}
