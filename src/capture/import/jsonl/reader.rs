//! Which of its dialects a line is in.

use serde::Deserialize;

use super::ours;
use crate::capture::import::error::ImportError;
use crate::capture::import::evtx::Pairs;
use crate::capture::import::input::Input;
use crate::capture::import::lines::Lines;
use crate::capture::import::reader::Reader;
use crate::capture::import::record::{Content, Record, Unread};
use crate::capture::import::text;
use crate::capture::import::windows::{Handles, Header, translate};
use crate::event::{ImportSource, Timestamp};

/// Reads JSON lines.
pub(in crate::capture::import) struct JsonlReader {
    lines: Lines,
    host: String,
    handles: Handles,
    began: bool,
}

impl JsonlReader {
    pub(in crate::capture::import) fn open(input: Input) -> Self {
        Self { lines: Lines::new(input), host: String::new(), handles: Handles::default(), began: false }
    }
}

/// A line that wraps the event's fields (`{"category": …, "event": {…}}`).
#[derive(Deserialize)]
struct Wrapped<'a> {
    #[serde(borrow)]
    event: Pairs<'a>,
}

impl Reader for JsonlReader {
    fn next(&mut self) -> Result<Option<Record>, ImportError> {
        let Some(line) = self.lines.next()? else { return Ok(None) };
        let number = line.number;
        if !line.is_whole() {
            let reason =
                format!("the line has {} bytes, more than the {} that a line may have", line.size, super::super::MAX_LINE_BYTES);
            return Ok(Some(Record {
                number,
                content: Content::Unread(Unread::new(Some(line.offset), reason, line.bytes, line.size)),
            }));
        }
        let is_json = line.bytes.trim_ascii_start().starts_with(b"{");
        if !std::mem::replace(&mut self.began, true) && !is_json {
            let found = super::super::lines::looks_like(line.bytes);
            return Err(ImportError::WrongType {
                file: self.lines.input().file().to_owned(),
                expected: ImportSource::Jsonl,
                found: found.0,
                remedy: found.1,
            });
        }
        let content = read(line.bytes, &mut self.host, &mut self.handles);
        let content =
            content.unwrap_or_else(|reason| Content::Unread(Unread::new(Some(line.offset), reason, line.bytes, line.size)));
        Ok(Some(Record { number, content }))
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

fn read(bytes: &[u8], host: &mut String, handles: &mut Handles) -> Result<Content, String> {
    // Ours have a kind and a payload; a line of Sysmon's has neither.
    let pairs: Pairs<'_> = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
    if pairs.0.raw("kind").is_some() && pairs.0.raw("time_us").is_some() {
        return ours::read(bytes, host).map_err(|error| error.to_string());
    }
    let inner = if pairs.0.raw("event").is_some() && pairs.0.raw("EventID").is_none() {
        serde_json::from_slice::<Wrapped<'_>>(bytes).map_err(|error| error.to_string())?.event
    } else {
        pairs
    };
    let fields = inner.0;
    let code = fields.text("EventID").ok_or("it has neither `kind` and `time_us` (agentsh) nor `EventID` (Sysmon)")?;
    let provider = fields.text("SourceName").or_else(|| fields.text("Provider")).unwrap_or("Microsoft-Windows-Sysmon");
    let written =
        ["UtcTime", "@timestamp", "EventTime", "TimeCreated"].into_iter().find_map(|name| fields.text(name).and_then(text::time));
    let header = Header {
        provider,
        code,
        host: fields.text("Computer").or_else(|| fields.text("Hostname")).unwrap_or_default(),
        keywords: fields.text("Keywords").unwrap_or_default(),
        // A sample without times: the earliest that there is, which is no time that anything happened at.
        time: written.or_else(|| fields.text("CreationUtcTime").and_then(text::time)).unwrap_or(Timestamp::from_micros(0)),
    };
    Ok(match translate(&header, &fields, handles) {
        Some(told) => Content::Told(told),
        None => Content::Unmapped(format!("{provider} {code}").into()),
    })
}
