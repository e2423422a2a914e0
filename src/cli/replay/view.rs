//! What the player shows: which pane, which prompt, what was searched.

use crate::cli::output::columns;

/// What stands beside the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pane {
    Event,
    Processes,
    Files,
    Network,
    Terminal,
}

impl Pane {
    pub(super) const ALL: [Pane; 5] = [Pane::Event, Pane::Processes, Pane::Files, Pane::Network, Pane::Terminal];

    pub(super) const fn title(self) -> &'static str {
        match self {
            Pane::Event => "event",
            Pane::Processes => "processes",
            Pane::Files => "files",
            Pane::Network => "network",
            Pane::Terminal => "terminal",
        }
    }

    /// The one behind it.
    pub(super) const fn next(self) -> Self {
        match self {
            Pane::Event => Pane::Processes,
            Pane::Processes => Pane::Files,
            Pane::Files => Pane::Network,
            Pane::Network => Pane::Terminal,
            Pane::Terminal => Pane::Event,
        }
    }

    /// The one before it.
    pub(super) const fn previous(self) -> Self {
        match self {
            Pane::Event => Pane::Terminal,
            Pane::Processes => Pane::Event,
            Pane::Files => Pane::Processes,
            Pane::Network => Pane::Files,
            Pane::Terminal => Pane::Network,
        }
    }
}

/// What is being typed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Prompt {
    /// A text to look for.
    Search(String),
    /// A time or a position to go to.
    Time(String),
}

/// The state of the screen beside the player's.
#[derive(Debug)]
pub(super) struct View {
    pub(super) pane: Pane,
    /// Lines of the pane that are above what is shown.
    pub(super) scroll: usize,
    pub(super) prompt: Option<Prompt>,
    pub(super) help: bool,
    /// What the last key had to say.
    pub(super) message: String,
    pub(super) found: Found,
}

/// What was found.
#[derive(Clone, Debug, Default)]
pub(super) struct Found {
    pub(super) text: String,
    /// Places, ascending.
    pub(super) places: Vec<usize>,
}

impl Default for View {
    fn default() -> Self {
        Self { pane: Pane::Event, scroll: 0, prompt: None, help: false, message: String::new(), found: Found::default() }
    }
}

/// Microseconds since the session's start as hours, minutes and seconds.
pub(super) fn clock(micros: u64) -> String {
    let millis = micros / 1_000;
    let seconds = millis / 1_000;
    format!("{:02}:{:02}:{:02}.{:03}", seconds / 3_600, seconds / 60 % 60, seconds % 60, millis % 1_000)
}

/// Microseconds that a text stands for: `90`, `1:30`, `0:01:30.5`.
pub(super) fn parse_clock(text: &str) -> Option<u64> {
    let mut micros = 0_u64;
    let mut parts = text.split(':').peekable();
    while let Some(part) = parts.next() {
        micros = micros.checked_mul(60)?;
        let (whole, fraction) = part.split_once('.').unwrap_or((part, ""));
        if !fraction.is_empty() && parts.peek().is_some() {
            return None;
        }
        micros = micros.checked_add(whole.parse::<u64>().ok()?.checked_mul(1_000_000)?)?;
        if !fraction.is_empty() {
            let digits = format!("{fraction:0<6}");
            micros = micros.checked_add(digits.get(..6)?.parse().ok()?)?;
        }
    }
    Some(micros)
}

/// The text in exactly so many columns: cut at its end, with `…`, or filled with spaces.
pub(super) fn fitted(text: &str, width: usize) -> String {
    let fits = columns(text) <= width;
    let room = if fits { width } else { width.saturating_sub(1) };
    let mut shown = String::new();
    let mut used = 0;
    for ch in text.chars() {
        let wide = columns(ch.encode_utf8(&mut [0; 4]));
        if used + wide > room {
            break;
        }
        used += wide;
        shown.push(ch);
    }
    if !fits && width > 0 {
        shown.push('…');
        used += 1;
    }
    shown.push_str(&" ".repeat(width.saturating_sub(used)));
    shown
}
