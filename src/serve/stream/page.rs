//! One page of events: `EventService.Query`.

use std::collections::VecDeque;
use std::ops::ControlFlow;

use super::encoding;
use super::error::StreamsError;
use crate::encode::proto::{EncodedResponse, Mask};
use crate::journal::{Condition, ReaderStore};
use crate::query::Matcher;

/// What a page is asked for.
#[derive(Debug)]
pub struct PageRequest {
    /// Which events: what the database looks at.
    pub conditions: Vec<Condition>,
    /// What it does not: the expression.
    pub matcher: Matcher,
    /// Which of their fields.
    pub mask: Mask,
    /// Behind this position.
    pub after: u64,
    /// Most events.
    pub limit: u32,
    /// The last instead of the first.
    pub newest: bool,
}

/// Reads a page: the first events that match, or the last, at most so many bytes of them.
pub(super) fn read_page(store: &ReaderStore, request: &PageRequest, bytes: usize) -> Result<EncodedResponse, StreamsError> {
    let head = store.head()?;
    let limit = usize::try_from(request.limit.max(1)).unwrap_or(usize::MAX);
    let mut events: VecDeque<(u64, Vec<u8>)> = VecDeque::new();
    let (mut size, mut more) = (0, false);
    let (mut scratch, mut event) = (Vec::new(), Vec::new());
    // Where the database alone decides it can say where the last events begin.
    let after = if request.newest && !request.matcher.has_cel() {
        store.before_last(u64::from(request.limit.max(1)), request.after, &request.conditions)?
    } else {
        request.after
    };
    store.rows::<StreamsError>(after, &request.conditions, None, |row| {
        if row.seq > head {
            return Ok(ControlFlow::Break(()));
        }
        if !request.matcher.cel_holds(row.seq, &row.columns) {
            return Ok(ControlFlow::Continue(()));
        }
        event.clear();
        encoding::put_field(row.seq, &row.columns, &request.mask, &mut scratch, &mut event);
        let full =
            |events: &VecDeque<_>, size: usize| !events.is_empty() && (events.len() >= limit || size + event.len() > bytes);
        if !request.newest && full(&events, size) {
            more = true;
            return Ok(ControlFlow::Break(()));
        }
        while full(&events, size) {
            size -= events.pop_front().map_or(0, |(_, event): (u64, Vec<u8>)| event.len());
        }
        size += event.len();
        events.push_back((row.seq, std::mem::take(&mut event)));
        Ok(ControlFlow::Continue(()))
    })?;
    let next = events.back().map(|(seq, _)| *seq).filter(|_| more);
    let bytes = events.into_iter().flat_map(|(_, event)| event).collect();
    Ok(encoding::page(bytes, next, head))
}
