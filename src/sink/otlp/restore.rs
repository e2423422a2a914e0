//! After a restart: the spans that were open where the sink stands, made again from the journal.
//!
//! The cursor runs ahead of spans whose end has not come. That loses nothing: what is open follows from the events before the cursor, so
//! they are read once more, and not sent. Bound: what tells sessions, commands and processes is read as a whole, single operations only
//! from the last [`OPERATIONS`] events. An operation that was open for longer ends with what its end says (`agentsh.span.incomplete`).

use std::ops::ControlFlow;
use std::path::Path;

use crate::encode::otel::{Bounds, Tracer};
use crate::event::Kind;
use crate::journal::{Condition, JournalError, JournalRow, ReaderStore, StoreError};

/// Events before the cursor in which open operations are looked for.
const OPERATIONS: u64 = 200_000;

/// What tells sessions, commands and processes.
const STRUCTURE: [Kind; 6] =
    [Kind::SessionCreated, Kind::SessionEnded, Kind::CommandStarted, Kind::CommandFinished, Kind::ProcessExec, Kind::ProcessExit];

/// Why the journal could not be read.
#[derive(Debug, thiserror::Error)]
pub(super) enum RestoreError {
    /// It could not be opened.
    #[error(transparent)]
    Open(#[from] JournalError),
    /// It could not be read.
    #[error(transparent)]
    Read(#[from] StoreError),
}

/// A tracer that knows what one knew which had taken every event up to `cursor`.
pub(super) fn tracer_at(journal: &Path, cursor: u64, bounds: Bounds) -> Result<Tracer, RestoreError> {
    let mut tracer = Tracer::new(bounds);
    if cursor == 0 {
        return Ok(tracer);
    }
    let store = ReaderStore::open(journal)?;
    let mut sessions = store.sessions()?;
    sessions.retain(|session| session.seqs.0 <= cursor && (session.ended_us.is_none() || session.seqs.1 > cursor));
    // The last ones, in order.
    sessions.sort_by_key(|session| session.seqs.1);
    let first = sessions.len().saturating_sub(bounds.sessions);
    let needed: Vec<Kind> = Kind::ALL.iter().copied().filter(|kind| Tracer::needs(*kind)).collect();
    let border = cursor.saturating_sub(OPERATIONS);
    for session in sessions.iter().skip(first) {
        let mut take = |after: u64, to: u64, kinds: Vec<Kind>| {
            let conditions = [Condition::Session(session.session_id.clone()), Condition::Kinds(kinds)];
            let mut sent_before = Vec::new();
            store.rows(after, &conditions, None, |row: &JournalRow<'_>| {
                if row.seq > to {
                    return Ok::<_, StoreError>(ControlFlow::Break(()));
                }
                // What cannot be read could not be read before either.
                if let Ok(event) = row.to_event() {
                    let _at = tracer.take(&event, &mut sent_before);
                    sent_before.clear();
                }
                Ok(ControlFlow::Continue(()))
            })
        };
        let before = session.seqs.0.saturating_sub(1);
        if before < border {
            take(before, border, STRUCTURE.to_vec())?;
        }
        take(before.max(border), cursor, needed.clone())?;
    }
    Ok(tracer)
}
