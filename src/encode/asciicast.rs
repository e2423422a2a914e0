//! A recorded terminal as asciicast, version 2: a header, then a line for each thing that was shown or typed, and marks to jump to.
//!
//! Guarantee: the text of the file obeys nothing where it is printed (`cat`, a pager): what a terminal would obey stands in it as an escape of JSON, from
//! which a player gets it back.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::event::{CommandId, Decision, JournaledEvent, Kind, Payload, TerminalStream, Timestamp, printable};

/// Rows and columns of a terminal that does not say how many it has.
pub const USUAL_SIZE: (u16, u16) = (24, 80);

/// The kinds of which a line may be made.
pub const CAST_KINDS: [Kind; 6] = [
    Kind::TerminalOutput,
    Kind::TerminalInput,
    Kind::TerminalResize,
    Kind::CommandStarted,
    Kind::PolicyDecision,
    Kind::Detection,
];

/// Writes the lines of one cast.
#[derive(Debug)]
pub struct Cast {
    began_us: i64,
    /// Where the last line stands: those of several commands may come a little out of order, and a player's time only goes on.
    last_us: u64,
    /// Beginnings of characters whose rest has not come yet, of each command's streams; at most three bytes each.
    unfinished: BTreeMap<(Option<CommandId>, u8), Vec<u8>>,
}

impl Cast {
    /// A cast whose time 0 is `began`.
    #[must_use]
    pub const fn new(began: Timestamp) -> Self {
        Self { began_us: began.as_micros(), last_us: 0, unfinished: BTreeMap::new() }
    }

    /// Its first line, for a terminal of so many rows and columns.
    #[must_use]
    pub fn header(&self, title: &str, (rows, columns): (u16, u16)) -> String {
        let (width, height) = (columns.max(1), rows.max(1));
        let seconds = self.began_us.div_euclid(1_000_000);
        format!(
            "{{\"version\":2,\"width\":{width},\"height\":{height},\"timestamp\":{seconds},\"title\":{}}}\n",
            json_text(title)
        )
    }

    /// The line of an event; `None` where it has none.
    pub fn line(&mut self, event: &JournaledEvent) -> Option<String> {
        let (code, text) = self.form(event).filter(|(_, text)| !text.is_empty())?;
        let since = event.event.time.as_micros().saturating_sub(self.began_us);
        self.last_us = self.last_us.max(u64::try_from(since).unwrap_or(0));
        Some(format!("[{}.{:06},\"{code}\",{}]\n", self.last_us / 1_000_000, self.last_us % 1_000_000, json_text(&text)))
    }

    fn form(&mut self, event: &JournaledEvent) -> Option<(char, String)> {
        let command = || event.event.command_id.clone();
        if let Payload::TerminalOutput(p) = &event.event.payload {
            let text = self.text((command(), p.stream as u8), p.data.as_bytes());
            // What went to a pipe has no carriage returns: a terminal would have added them.
            let text = if p.stream == TerminalStream::Tty { text } else { text.replace('\n', "\r\n") };
            return Some(('o', text));
        }
        if let Payload::TerminalInput(p) = &event.event.payload {
            return Some(('i', self.text((command(), u8::MAX), p.data.as_bytes())));
        }
        if let Payload::TerminalResize(p) = &event.event.payload {
            return Some(('r', format!("{}x{}", p.columns.max(1), p.rows.max(1))));
        }
        if let Payload::CommandStarted(p) = &event.event.payload {
            let words: Vec<Cow<'_, str>> = p.argv.iter().map(|word| word.as_text()).collect();
            return Some(('m', printable(&words.join(" ")).into_owned()));
        }
        if let Payload::Detection(p) = &event.event.payload {
            return Some(('m', format!("detected: {}", printable(&p.title))));
        }
        if let Payload::PolicyDecision(p) = &event.event.payload
            && p.decision == Decision::Deny
            && p.enforced != Some(false)
        {
            let subject = printable(p.subject.as_deref().unwrap_or_default()).into_owned();
            return Some(('m', format!("refused: {} {subject}", p.operation.as_str())));
        }
        None
    }

    /// The bytes as text, with what was left of the stream's last ones before it: a character may come in two parts. What is no UTF-8 becomes `�`.
    fn text(&mut self, stream: (Option<CommandId>, u8), bytes: &[u8]) -> String {
        let mut whole = self.unfinished.remove(&stream).unwrap_or_default();
        whole.extend_from_slice(bytes);
        let mut text = String::with_capacity(whole.len());
        let mut rest = whole.utf8_chunks().peekable();
        while let Some(chunk) = rest.next() {
            text.push_str(chunk.valid());
            let cut_off = || std::str::from_utf8(chunk.invalid()).is_err_and(|error| error.error_len().is_none());
            if chunk.invalid().is_empty() {
                continue;
            }
            if rest.peek().is_none() && cut_off() {
                self.unfinished.insert(stream, chunk.invalid().to_vec());
                break;
            }
            text.push(char::REPLACEMENT_CHARACTER);
        }
        text
    }
}

/// The text as JSON, every character that a terminal would obey as an escape.
fn json_text(text: &str) -> String {
    // A text always has a JSON form.
    let quoted = serde_json::to_string(text).unwrap_or_default();
    if matches!(printable(&quoted), Cow::Borrowed(_)) {
        return quoted;
    }
    let mut inert = String::with_capacity(quoted.len() + 16);
    for ch in quoted.chars() {
        if matches!(printable(ch.encode_utf8(&mut [0; 4])), Cow::Borrowed(_)) {
            inert.push(ch);
            continue;
        }
        for unit in ch.encode_utf16(&mut [0; 2]) {
            // Writing to a String cannot fail.
            let _infallible = write!(inert, "\\u{unit:04x}");
        }
    }
    inert
}
