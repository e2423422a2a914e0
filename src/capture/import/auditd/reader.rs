//! Lines to events. An event is told when the kernel has written its last record, or when it can have none any more: its time is two
//! seconds behind, or too many others are open. Events are told in the order of their first lines.

use std::collections::VecDeque;

use super::event::{AuditEvent, MOST_LINES};
use super::line::AuditLine;
use super::translate::translate;
use crate::capture::import::error::ImportError;
use crate::capture::import::input::Input;
use crate::capture::import::lines::{Lines, MAX_LINE_BYTES, looks_like};
use crate::capture::import::reader::Reader;
use crate::capture::import::record::{Content, Record, Unread};
use crate::event::ImportSource;

/// Events that may be open at once; the oldest is told when there is one more.
const MOST_OPEN: usize = 256;
/// How long records of one event may be apart, in microseconds.
const APART: i64 = 2_000_000;

/// Reads an audit log.
pub(in crate::capture::import) struct AuditdReader {
    lines: Lines,
    open: VecDeque<Entry>,
    newest: i64,
    began: bool,
    ended: bool,
}

struct Entry {
    number: u64,
    what: What,
}

enum What {
    Event(AuditEvent),
    Unread(Unread),
}

impl AuditdReader {
    pub(in crate::capture::import) fn open(input: Input) -> Self {
        Self { lines: Lines::new(input), open: VecDeque::new(), newest: i64::MIN, began: false, ended: false }
    }

    /// The oldest entry, if nothing can come to it any more.
    fn finished(&mut self) -> Option<Record> {
        let is_finished = match &self.open.front()?.what {
            What::Unread(_) => true,
            What::Event(event) => {
                let old = event.lines.first().is_some_and(|line| line.time.as_micros() < self.newest.saturating_sub(APART));
                event.complete || old || self.ended || self.open.len() > MOST_OPEN
            }
        };
        let entry = if is_finished { self.open.pop_front()? } else { return None };
        let content = match entry.what {
            What::Unread(unread) => Content::Unread(unread),
            What::Event(event) => translate(&event),
        };
        Some(Record { number: entry.number, content })
    }

    fn read_line(&mut self) -> Result<(), ImportError> {
        let Some(line) = self.lines.next()? else {
            self.ended = true;
            return Ok(());
        };
        let number = line.number;
        let parsed = if line.is_whole() {
            AuditLine::parse(line.bytes).map_err(str::to_owned)
        } else {
            Err(format!("the line has {} bytes, more than the {MAX_LINE_BYTES} that a line may have", line.size))
        };
        let is_first = !std::mem::replace(&mut self.began, true);
        match parsed {
            Ok(line) => self.add(number, line),
            Err(_) if is_first && line.is_whole() && !line.bytes.starts_with(b"type=") && !line.bytes.starts_with(b"node=") => {
                let (found, remedy) = looks_like(line.bytes);
                let file = self.lines.input().file().to_owned();
                return Err(ImportError::WrongType { file, expected: ImportSource::Auditd, found, remedy });
            }
            Err(reason) => {
                let unread = Unread::new(Some(line.offset), reason, line.bytes, line.size);
                self.open.push_back(Entry { number, what: What::Unread(unread) });
            }
        }
        Ok(())
    }

    fn add(&mut self, number: u64, line: AuditLine) {
        self.newest = self.newest.max(line.time.as_micros());
        let is_its = |entry: &&mut Entry| match &entry.what {
            What::Event(event) => event.lines.first().is_some_and(|first| {
                (first.serial, first.time, &first.node) == (line.serial, line.time, &line.node) && event.lines.len() < MOST_LINES
            }),
            What::Unread(_) => false,
        };
        // The event's own records come one after the other, nearly always.
        match self.open.iter_mut().rev().find(is_its) {
            Some(Entry { what: What::Event(event), .. }) => event.add(line),
            _ => self.open.push_back(Entry { number, what: What::Event(AuditEvent::new(line)) }),
        }
    }
}

impl Reader for AuditdReader {
    fn next(&mut self) -> Result<Option<Record>, ImportError> {
        loop {
            if let Some(record) = self.finished() {
                return Ok(Some(record));
            }
            if self.ended {
                return Ok(None);
            }
            self.read_line()?;
        }
    }

    fn rolling_digest(&self) -> Option<String> {
        self.lines.rolling()
    }

    fn position(&self) -> u64 {
        self.lines.position()
    }

    fn input(&self) -> &Input {
        self.lines.input()
    }
}
