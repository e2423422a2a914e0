//! What is kept of every event, 24 bytes, and the histories that the panes are read from.

use std::str::FromStr as _;

use super::error::ReplayError;
use super::files::Files;
use super::network::Network;
use super::processes::Processes;
use super::source::{Source, typed};
use crate::event::{ApprovalOutcome, Decision, Kind, Payload};
use crate::journal::JournalRow;

/// Why an event is jumped to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// It was refused.
    Refused,
    /// A rule recognised something.
    Detected,
}

/// One event; a decision that stands right behind its operation is part of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Position.
    pub seq: u64,
    /// When it was seen, in microseconds since 1970.
    pub time_us: i64,
    /// What kind it is.
    pub kind: Kind,
    /// Policy's verdict, where there is one.
    pub verdict: Option<Decision>,
    /// Why it is jumped to.
    pub mark: Option<Mark>,
}

/// The session, as far as it was read.
#[derive(Debug, Default)]
pub struct Index {
    entries: Vec<Entry>,
    marked: Vec<usize>,
    terminal: Vec<(usize, u32)>,
    commands: Vec<Option<String>>,
    last_seq: u64,
    /// Id of the last entry: its decision names it as its cause.
    last_id: Vec<u8>,
    ended: bool,
    /// Who ran what.
    pub processes: Processes,
    /// What became of files.
    pub files: Files,
    /// What was asked of whom.
    pub network: Network,
}

impl Index {
    /// Reads what came since the last call. Returns how many events that were.
    ///
    /// # Errors
    /// What the source says; what was read before is kept.
    pub fn read(&mut self, source: &dyn Source) -> Result<usize, ReplayError> {
        let before = self.entries.len();
        source.scan(self.last_seq, &mut |row| self.take(row))?;
        self.files.settle();
        Ok(self.entries.len() - before)
    }

    fn take(&mut self, row: &JournalRow<'_>) -> Result<(), ReplayError> {
        let columns = &row.columns;
        let unknown = |error: crate::event::UnknownKind| ReplayError::Event { seq: row.seq, what: error.to_string() };
        let kind = Kind::from_str(columns.kind).map_err(unknown)?;
        let judges = kind == Kind::PolicyDecision && columns.cause == Some(self.last_id.as_slice());
        self.last_seq = row.seq;
        if judges && let Some(entry) = self.entries.last_mut() {
            entry.verdict = columns.decision.and_then(Decision::from_word);
            // Quotation marks within a text are escaped: this stands nowhere else.
            let enforced = !columns.payload.contains("\"enforced\":false");
            if entry.verdict == Some(Decision::Deny) && enforced {
                entry.mark = Some(Mark::Refused);
                self.marked.push(self.entries.len() - 1);
                self.files.refused();
            }
            let at = self.entries.len() - 1;
            if let Some(verdict) = self.entries.last().and_then(|entry| entry.verdict) {
                self.processes.judged(at, verdict);
                self.network.judged(at, verdict);
            }
            return Ok(());
        }
        let at = self.entries.len();
        let mut mark = (kind == Kind::Detection).then_some(Mark::Detected);
        if kind == Kind::ApprovalResolved
            && let Payload::ApprovalResolved(p) = typed(row)?.event.payload
            && p.outcome != ApprovalOutcome::Allowed
        {
            mark = Some(Mark::Refused);
        }
        self.entries.push(Entry { seq: row.seq, time_us: columns.time_us, kind, verdict: None, mark });
        self.marked.extend(mark.map(|_| at));
        self.last_id.clear();
        self.last_id.extend_from_slice(columns.id);
        self.ended |= kind == Kind::SessionEnded;
        if matches!(kind, Kind::TerminalOutput | Kind::TerminalInput | Kind::TerminalResize) {
            let command = self.command(columns.command_id);
            self.terminal.push((at, command));
        }
        self.files.take(at, kind, row)?;
        self.processes.take(at, kind, row)?;
        self.network.take(at, kind, row)
    }

    fn command(&mut self, name: Option<&str>) -> u32 {
        let at = self.commands.iter().rposition(|known| known.as_deref() == name).unwrap_or_else(|| {
            self.commands.push(name.map(str::to_owned));
            self.commands.len() - 1
        });
        u32::try_from(at).unwrap_or(u32::MAX)
    }

    /// How many events there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Whether the session's end was seen.
    #[must_use]
    pub const fn has_ended(&self) -> bool {
        self.ended
    }

    /// One event.
    #[must_use]
    pub fn get(&self, at: usize) -> Option<&Entry> {
        self.entries.get(at)
    }

    /// Those of a range that are there.
    #[must_use]
    pub fn range(&self, from: usize, to: usize) -> &[Entry] {
        self.entries.get(from.min(self.entries.len())..to.min(self.entries.len())).unwrap_or_default()
    }

    /// Microseconds from the first event to this one; an event that was seen before the first is at 0.
    #[must_use]
    pub fn since_start(&self, at: usize) -> u64 {
        let (Some(first), Some(entry)) = (self.entries.first(), self.entries.get(at)) else { return 0 };
        u64::try_from(entry.time_us.saturating_sub(first.time_us)).unwrap_or(0)
    }

    /// Places of refusals and detections, ascending.
    #[must_use]
    pub fn marked(&self) -> &[usize] {
        &self.marked
    }

    /// Places of what a terminal showed, took or became, with the command's number, ascending.
    #[must_use]
    pub fn terminal(&self) -> &[(usize, u32)] {
        &self.terminal
    }

    /// The place of the event at this position, or of the one before it.
    #[must_use]
    pub fn place_of(&self, seq: u64) -> usize {
        self.entries.partition_point(|entry| entry.seq <= seq).saturating_sub(1)
    }

    /// The place of the last event that was seen not later than so many microseconds behind the first.
    #[must_use]
    pub fn place_at(&self, micros: u64) -> usize {
        let Some(first) = self.entries.first() else { return 0 };
        let time = first.time_us.saturating_add(i64::try_from(micros).unwrap_or(i64::MAX));
        self.entries.partition_point(|entry| entry.time_us <= time).saturating_sub(1)
    }
}
