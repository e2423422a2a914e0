//! The recorded terminal as of any moment: what was shown is fed to an emulator; snapshots make going back quick.

use std::num::NonZeroU16;

use vt100::Parser;
pub use vt100::Screen;

use super::error::ReplayError;
use super::index::Index;
use super::source::Source;
use crate::event::Payload;

/// Rows and columns of a terminal that does not say how many it has, and the most that are taken.
pub(super) const USUAL: (u16, u16) = (24, 80);
const LARGEST: (u16, u16) = (300, 500);

/// Bytes of memory that snapshots may take, about, and bytes that a cell takes.
const BUDGET: usize = 32 << 20;
const CELL: usize = 32;

/// Events between two snapshots, at first.
const SPACING: usize = 64;

/// Events that are read at once.
const PAGE: usize = 256;

/// A terminal that can be asked for any moment.
pub struct Terminal {
    parser: Parser,
    command: Option<u32>,
    /// How many of the session's terminal events were considered.
    considered: usize,
    snapshots: Vec<(usize, u32, Screen)>,
    spacing: usize,
    since_snapshot: usize,
}

impl Default for Terminal {
    fn default() -> Self {
        Self { parser: blank(USUAL), command: None, considered: 0, snapshots: Vec::new(), spacing: SPACING, since_snapshot: 0 }
    }
}

impl Terminal {
    /// What the terminal that was last written to showed as of an event; `None` where none was recorded by then.
    ///
    /// # Errors
    /// What the source says.
    pub fn as_of(&mut self, at: usize, index: &Index, source: &dyn Source) -> Result<Option<&Screen>, ReplayError> {
        let all = index.terminal();
        let target = all.partition_point(|(place, _)| *place <= at);
        let Some((_, command)) = target.checked_sub(1).and_then(|last| all.get(last)).copied() else { return Ok(None) };
        if self.command != Some(command) || target < self.considered {
            self.go_back(command, target);
        }
        while self.considered < target {
            let until = target.min(self.considered + PAGE);
            let chunk = all.get(self.considered..until).unwrap_or_default();
            self.feed(chunk, command, index, source)?;
            self.considered = until;
        }
        Ok(Some(self.parser.screen()))
    }

    /// How many snapshots are kept.
    #[must_use]
    pub const fn snapshots(&self) -> usize {
        self.snapshots.len()
    }

    fn go_back(&mut self, command: u32, target: usize) {
        self.command = Some(command);
        self.since_snapshot = 0;
        let nearest = self.snapshots.iter().filter(|(at, of, _)| *of == command && *at <= target).max_by_key(|(at, ..)| *at);
        if let Some((at, _, screen)) = nearest {
            let (rows, columns) = screen.size();
            self.parser = Parser::new(rows, columns, 0);
            *self.parser.screen_mut() = screen.clone();
            self.considered = *at;
        } else {
            self.parser = blank(USUAL);
            self.considered = 0;
        }
    }

    fn feed(&mut self, chunk: &[(usize, u32)], command: u32, index: &Index, source: &dyn Source) -> Result<(), ReplayError> {
        for (offset, (place, of)) in chunk.iter().enumerate() {
            if *of != command {
                continue;
            }
            let Some(entry) = index.get(*place) else { continue };
            for event in source.events(entry.seq, entry.seq, 1)? {
                let mut whole = true;
                if let Payload::TerminalOutput(p) = &event.event.payload {
                    let bytes = p.data.as_bytes();
                    self.parser.process(bytes);
                    whole = ends_whole(bytes);
                } else if let Payload::TerminalResize(p) = &event.event.payload {
                    let (rows, columns) = size((p.rows, p.columns));
                    self.parser.set_size(rows, columns);
                }
                self.since_snapshot += 1;
                if whole && self.since_snapshot >= self.spacing {
                    self.keep(self.considered + offset + 1, command);
                }
            }
        }
        Ok(())
    }

    fn keep(&mut self, at: usize, command: u32) {
        self.since_snapshot = 0;
        if self.snapshots.iter().any(|(kept, of, _)| *kept == at && *of == command) {
            return;
        }
        let (rows, columns) = self.parser.screen().size();
        let bytes = usize::from(rows.get()) * usize::from(columns.get()) * CELL * 2;
        if (self.snapshots.len() + 1).saturating_mul(bytes) > BUDGET {
            let mut kept = false;
            self.snapshots.retain(|_| {
                kept = !kept;
                kept
            });
            self.spacing = self.spacing.saturating_mul(2);
        }
        self.snapshots.push((at, command, self.parser.screen().clone()));
    }
}

/// Whether no escape sequence is open behind these bytes: a snapshot keeps the screen and not what the parser waits for.
fn ends_whole(bytes: &[u8]) -> bool {
    let ends_a_line = bytes.ends_with(b"\n");
    let last_escape = bytes.iter().rposition(|byte| *byte == 0x1b);
    ends_a_line && last_escape.is_none_or(|escape| bytes.len() - escape > 64)
}

pub(super) fn size((rows, columns): (u16, u16)) -> (NonZeroU16, NonZeroU16) {
    let bounded = |given: u16, most: u16| NonZeroU16::new(given.min(most)).unwrap_or(NonZeroU16::MIN);
    (bounded(rows, LARGEST.0), bounded(columns, LARGEST.1))
}

pub(super) fn blank(of: (u16, u16)) -> Parser {
    let (rows, columns) = size(of);
    Parser::new(rows, columns, 0)
}
