//! A message on each line.

use super::message::Message;
use super::translate::translate;
use crate::capture::import::error::ImportError;
use crate::capture::import::input::Input;
use crate::capture::import::lines::{Lines, MAX_LINE_BYTES, looks_like};
use crate::capture::import::reader::Reader;
use crate::capture::import::record::{Content, Record, Unread};
use crate::event::ImportSource;

/// Reads what `eslogger` wrote.
pub(in crate::capture::import) struct EsloggerReader {
    lines: Lines,
    began: bool,
}

impl EsloggerReader {
    pub(in crate::capture::import) fn open(input: Input) -> Self {
        Self { lines: Lines::new(input), began: false }
    }
}

impl Reader for EsloggerReader {
    fn next(&mut self) -> Result<Option<Record>, ImportError> {
        let Some(line) = self.lines.next()? else { return Ok(None) };
        let number = line.number;
        let unread = |reason: String| Content::Unread(Unread::new(Some(line.offset), reason, line.bytes, line.size));
        if !line.is_whole() {
            let reason = format!("the line has {} bytes, more than the {MAX_LINE_BYTES} that a line may have", line.size);
            return Ok(Some(Record { number, content: unread(reason) }));
        }
        let is_json = line.bytes.trim_ascii_start().starts_with(b"{");
        if !std::mem::replace(&mut self.began, true) && !is_json {
            let (found, remedy) = looks_like(line.bytes);
            let file = self.lines.input().file().to_owned();
            return Err(ImportError::WrongType { file, expected: ImportSource::Eslogger, found, remedy });
        }
        let read = serde_json::from_slice::<Message>(line.bytes).map_err(|error| error.to_string()).and_then(translate);
        Ok(Some(Record { number, content: read.unwrap_or_else(unread) }))
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
