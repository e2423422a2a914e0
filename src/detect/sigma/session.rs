//! What is at hand of each session: tables and counts, of a bounded number of sessions.

use std::collections::{BTreeMap, BTreeSet};

use super::correlate::{Correlations, Counts};
use crate::detect::engine::SessionState;
use crate::detect::processes::Processes;
use crate::detect::requests::Requests;

/// Sessions at hand. For a further one, that which was quiet for longest is put away: its tables are made anew when it comes back.
const MOST: usize = 1_024;

/// One session.
#[derive(Default)]
pub(super) struct Session {
    pub(super) processes: Processes,
    pub(super) requests: Requests,
    pub(super) counts: Option<Counts>,
    /// Its counts are not what was last handed out.
    pub(super) changed: bool,
    /// Position of its last event.
    last: u64,
}

/// The sessions at hand.
#[derive(Default)]
pub(super) struct Sessions {
    at_hand: BTreeMap<String, Session>,
    /// States of sessions that were put away since states were last handed out.
    put_away: BTreeMap<String, Option<String>>,
    ended: BTreeSet<String>,
}

impl Sessions {
    pub(super) fn knows(&self, session: &str) -> bool {
        self.at_hand.contains_key(session)
    }

    /// Begins with a session. `false` when its state cannot be read.
    pub(super) fn take_up(&mut self, correlations: &Correlations, session: &str, state: Option<&str>) -> bool {
        if self.at_hand.len() >= MOST
            && let Some(quiet) = self.at_hand.iter().min_by_key(|(_, known)| known.last).map(|(name, _)| name.clone())
            && let Some(known) = self.at_hand.remove(&quiet)
            && known.changed
        {
            self.put_away.insert(quiet, known.counts.and_then(|counts| counts.state()));
        }
        // What was not handed out yet is newer than what was kept.
        let (state, changed) = match self.put_away.remove(session) {
            Some(newer) => (newer, true),
            None if self.ended.contains(session) => (None, false),
            None => (state.map(str::to_owned), false),
        };
        let counts = state.as_deref().map(|state| Counts::new(correlations, Some(state)));
        let readable = !matches!(counts, Some(None));
        let begun = Session { counts: counts.flatten(), changed, ..Session::default() };
        self.at_hand.insert(session.to_owned(), begun);
        readable
    }

    /// The session, which is begun if it is not at hand.
    pub(super) fn of(&mut self, correlations: &Correlations, session: &str, seq: u64) -> Option<&mut Session> {
        if !self.at_hand.contains_key(session) {
            self.take_up(correlations, session, None);
        }
        let known = self.at_hand.get_mut(session)?;
        known.last = known.last.max(seq);
        Some(known)
    }

    /// The session has ended: nothing of it is kept.
    pub(super) fn end(&mut self, session: &str) {
        self.put_away.remove(session);
        self.at_hand.remove(session);
        self.ended.insert(session.to_owned());
    }

    /// The states that changed since the last call.
    pub(super) fn changed(&mut self) -> Vec<SessionState> {
        let mut states: BTreeMap<String, Option<String>> = std::mem::take(&mut self.put_away);
        for session in std::mem::take(&mut self.ended) {
            states.entry(session).or_insert(None);
        }
        for (name, session) in self.at_hand.iter_mut().filter(|(_, session)| session.changed) {
            session.changed = false;
            states.insert(name.clone(), session.counts.as_ref().and_then(Counts::state));
        }
        states.into_iter().map(|(session, state)| SessionState { session, state }).collect()
    }
}
