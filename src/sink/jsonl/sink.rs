//! `JsonlSink`: the destination.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Read as _};
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use super::codec::Tail;
use super::config::{Compression, Fsync, JsonlConfig};
use super::file::Active;
use super::place::Place;
use crate::event::EventId;
use crate::journal::{DataDir, Page, ReaderStore, StoreError};
use crate::runtime::clock;
use crate::sink::batch::{Readable, readable};
use crate::sink::destination::{DeliverError, Destination, Flush};
use crate::sink::shape::{Shaper, identify};

/// Bytes of lines that are compressed at once, and how long they may be gathered for it.
const MEMBER_BYTES: usize = 1 << 20;
const MEMBER_AGE: Duration = Duration::from_secs(1);

/// Appends events to a file.
pub struct JsonlSink {
    config: JsonlConfig,
    data_dir: DataDir,
    place: Place,
    shaper: Shaper,
    active: Option<Active>,
    /// Lines that are not written yet; with compression those of several pages.
    lines: Vec<u8>,
    gathered_since: Instant,
    /// The last event in `lines`, and the last in the file.
    gathered: u64,
    written: u64,
}

impl JsonlSink {
    /// A sink to the file of the configuration. Nothing is touched before the loop begins.
    #[must_use]
    pub fn new(config: JsonlConfig, data_dir: DataDir) -> Self {
        let path = config.path.clone().unwrap_or_default();
        Self {
            place: Place::new(&path, config.compression),
            shaper: Shaper::new(config.format),
            config,
            data_dir,
            active: None,
            lines: Vec::new(),
            gathered_since: clock::instant(),
            gathered: 0,
            written: 0,
        }
    }

    /// Opens the file and finds the last event that is in it, or in the newest full one.
    fn open(&mut self) -> Result<Option<u64>, DeliverError> {
        let (mut active, Tail { whole, last_line }) =
            Active::open(&self.place, self.config.compression).map_err(|error| self.trouble(&error))?;
        let last = match last_line {
            Some(line) => Some(self.known(&line)?),
            None if whole > 0 || (active.is_torn() && self.is_foreign()) => return Err(self.foreign()),
            None => None,
        };
        active.mend().map_err(|error| self.trouble(&error))?;
        let fulls = self.place.fulls().map_err(|error| self.trouble(&error))?;
        self.active = Some(active);
        Ok(last.max(fulls.last().map(|(seq, _)| *seq)))
    }

    /// The `seq` of a line that is an event of this journal.
    fn known(&self, line: &[u8]) -> Result<u64, DeliverError> {
        let (seq, id) = identify(line).ok_or_else(|| self.foreign())?;
        let unreadable = |error: String| DeliverError::Unavailable { reason: error, retry_after: None };
        let store = ReaderStore::open(&self.data_dir.journal()).map_err(|error| unreadable(error.to_string()))?;
        let mut same = None;
        let read = store.rows::<StoreError>(seq.saturating_sub(1), &[], Some(1), |row| {
            let own = <[u8; 16]>::try_from(row.columns.id).map(|id| EventId::from_bytes(id).to_string());
            same = (row.seq == seq).then(|| own.is_ok_and(|own| own == id));
            Ok(ControlFlow::Break(()))
        });
        read.map_err(|error| unreadable(error.to_string()))?;
        // An event that retention has dropped cannot be compared; one beyond the head is seen by the loop.
        if same == Some(false) { Err(self.of_another_journal()) } else { Ok(seq) }
    }

    /// Whether a file without a whole line is none of ours.
    fn is_foreign(&self) -> bool {
        let begin: &[u8] = match self.config.compression {
            Compression::None => b"{\"",
            Compression::Gzip => &[0x1f, 0x8b],
            Compression::Zstd => &[0x28, 0xb5],
        };
        let mut found = Vec::new();
        let read = File::open(self.place.active()).and_then(|file| file.take(2).read_to_end(&mut found));
        read.is_ok() && !found.iter().zip(begin).all(|(found, ours)| found == ours)
    }

    fn foreign(&self) -> DeliverError {
        let path = self.place.active().display();
        let reason =
            format!("{path} holds something else than this sink's lines; it was not touched: move it away or set another path");
        DeliverError::Misconfigured { reason }
    }

    fn of_another_journal(&self) -> DeliverError {
        let path = self.place.active().display();
        let reason = format!("{path} holds the events of another journal; it was not touched: move it away or set another path");
        DeliverError::Misconfigured { reason }
    }

    /// What an error of the file system means for the loop.
    fn trouble(&self, error: &io::Error) -> DeliverError {
        let path = self.place.active().display();
        match error.kind() {
            ErrorKind::PermissionDenied
            | ErrorKind::NotADirectory
            | ErrorKind::IsADirectory
            | ErrorKind::InvalidInput
            | ErrorKind::InvalidFilename
            | ErrorKind::ReadOnlyFilesystem => DeliverError::Misconfigured {
                reason: format!("{path} cannot be written: {error}: set another path or its permissions"),
            },
            ErrorKind::InvalidData => {
                DeliverError::Misconfigured { reason: format!("{path}: {error}; it was not touched: move it away") }
            }
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
                DeliverError::Unavailable { reason: format!("{path}: the disk is full: make room"), retry_after: None }
            }
            _ => DeliverError::Unavailable { reason: format!("{path}: {error}"), retry_after: None },
        }
    }

    /// Writes what was gathered as one batch, and begins a new file where it is time.
    fn seal(&mut self) -> Result<(), DeliverError> {
        if self.active.as_ref().is_some_and(|active| !active.is_in_place(&self.place)) {
            // Moved away by somebody: what is in it stays theirs, and a new file is begun.
            self.active = None;
        }
        if self.active.is_none() {
            self.open()?;
        }
        let batch = self.config.compression.pack(&self.lines).map_err(|error| self.trouble(&error))?;
        if let Some(active) = &mut self.active
            && !batch.is_empty()
        {
            let appended = active.append(&batch, self.config.fsync == Fsync::Batch);
            appended.map_err(|error| self.trouble(&error))?;
        }
        self.lines.clear();
        self.written = self.gathered;
        self.rotate_when_due()
    }

    fn rotate_when_due(&mut self) -> Result<(), DeliverError> {
        let Some(active) = &self.active else { return Ok(()) };
        let JsonlConfig { rotate_bytes, rotate_age, .. } = self.config;
        let age = rotate_age.duration().as_micros();
        let due = (rotate_bytes > 0 && active.length() >= rotate_bytes) || (age > 0 && u128::from(active.age_us()) >= age);
        if !due || active.length() == 0 {
            return Ok(());
        }
        if let Err(error) = self.rotate() {
            // What was written counts; the file is only larger than it should be, and this is tried after the next batch.
            tracing::warn!(path = %self.place.active().display(), %error, "a new file could not be begun");
        }
        Ok(())
    }

    fn rotate(&mut self) -> io::Result<()> {
        let Some(active) = &self.active else { return Ok(()) };
        if self.config.fsync != Fsync::Never {
            active.sync()?;
        }
        let full = self.place.full(self.written);
        if full.exists() {
            return Err(io::Error::new(ErrorKind::AlreadyExists, format!("{} is there already", full.display())));
        }
        fs::rename(self.place.active(), &full)?;
        self.active = None;
        if self.config.fsync != Fsync::Never {
            File::open(self.place.folder())?.sync_all()?;
        }
        let keep = usize::try_from(self.config.keep_files).unwrap_or(usize::MAX);
        if keep > 0 {
            let fulls = self.place.fulls()?;
            for (_, path) in fulls.iter().take(fulls.len().saturating_sub(keep)) {
                fs::remove_file(path)?;
            }
        }
        Ok(())
    }
}

impl Destination for JsonlSink {
    async fn resume(&mut self, cursor: u64) -> Result<u64, DeliverError> {
        (self.active, self.lines) = (None, Vec::new());
        let last = self.open()?;
        let position = last.unwrap_or(cursor);
        (self.gathered, self.written) = (position, position);
        Ok(position)
    }

    async fn deliver(&mut self, page: &Page) -> Result<u64, DeliverError> {
        let (length, gathered) = (self.lines.len(), self.gathered);
        if length == 0 {
            self.gathered_since = clock::instant();
        }
        let Readable { events, refused } = readable(page);
        for event in &events {
            self.shaper.put(event, &mut self.lines);
            self.lines.push(b'\n');
        }
        self.gathered = page.last_seq().unwrap_or(gathered);
        if (self.config.compression == Compression::None || self.lines.len() >= MEMBER_BYTES)
            && let Err(error) = self.seal()
        {
            self.lines.truncate(length);
            self.gathered = gathered;
            return Err(error);
        }
        if refused.is_empty() { Ok(self.written) } else { Err(DeliverError::Refused { refused, safe: self.written }) }
    }

    async fn flush(&mut self, why: Flush) -> Result<u64, DeliverError> {
        let close = why == Flush::Close;
        let old = clock::instant().saturating_duration_since(self.gathered_since) >= MEMBER_AGE;
        if !self.lines.is_empty() && (close || old) {
            self.seal()?;
        } else {
            self.rotate_when_due()?;
        }
        if close
            && self.config.fsync != Fsync::Never
            && let Some(active) = &self.active
        {
            active.sync().map_err(|error| self.trouble(&error))?;
        }
        Ok(self.written)
    }
}
