//! The recorded terminal as a sequence of screens, each as what is different from the one before.

use std::collections::HashMap;
use std::ops::ControlFlow;

use serde::Serialize;
use vt100::{Cell, Color, Parser, Screen};

use super::terminal::{USUAL, blank, size};
use crate::event::{JournaledEvent, Payload};

/// Screens stand at least so far apart (µs): what is shown faster than that is not seen one by one.
const APART_US: i64 = 33_000;

/// Screens of a page, and bytes of it, about.
const MOST: usize = 240;
const BYTES: usize = 2 << 20;

/// Bytes that a run takes besides its text, about.
const RUN: usize = 24;

/// The first sixteen colours, such that each can be read on a dark ground.
const COLOURS: [u32; 16] = [
    0x3b_4252, 0xf2_777a, 0x8c_c570, 0xe6_c07b, 0x7a_b0f5, 0xd3_94e6, 0x5c_c9d6, 0xd8_dee9, 0x8a_97a8, 0xff_9a92, 0xa8_e08e,
    0xff_d68a, 0xa0_c8ff, 0xe6_b3f5, 0x8a_e6ef, 0xff_ffff,
];

/// A page of screens.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Shown {
    /// In order; the first is what was shown when the page's time begins.
    pub frames: Vec<Frame>,
    /// How runs look.
    pub styles: Vec<Style>,
    /// When the next page begins, µs since 1970, where there is more.
    pub next_us: Option<i64>,
}

/// One screen: what is different from the one before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Frame {
    /// When it was shown, µs since 1970.
    pub time_us: i64,
    /// Position of the event that showed it.
    pub seq: u64,
    /// The command that was at the terminal.
    pub command: Option<String>,
    /// Lines.
    pub rows: u16,
    /// Cells of a line.
    pub columns: u16,
    /// Line and cell of the cursor, from 0; `None` while it is hidden.
    pub cursor: Option<(u16, u16)>,
    /// Whether it is whole, and not what is different.
    pub whole: bool,
    /// Lines that are different.
    pub lines: Vec<Line>,
}

/// One line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Line {
    /// Which, from 0.
    pub row: u16,
    /// What it shows; what is behind the last run is blank.
    pub runs: Vec<TextRun>,
}

/// Cells of one look.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TextRun {
    /// Their text.
    pub text: String,
    /// Place of their look among the page's styles.
    pub style: usize,
}

/// How cells look.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[expect(clippy::struct_excessive_bools, reason = "a terminal's attributes are so many switches")]
pub struct Style {
    /// Colour of the text, `#rrggbb`; `None` for the usual one.
    pub foreground: Option<String>,
    /// Colour behind it.
    pub background: Option<String>,
    /// Bold.
    pub bold: bool,
    /// Dim.
    pub dim: bool,
    /// Italic.
    pub italic: bool,
    /// Underlined.
    pub underline: bool,
    /// Whether the two colours change places.
    pub inverse: bool,
}

/// A cell's colours, as numbers, and its switches.
type Look = (u32, u32, u8);

/// The usual look.
const PLAIN: Look = (USUAL_COLOUR, USUAL_COLOUR, 0);

/// The number of the usual colour; the others are `0xrrggbb`.
const USUAL_COLOUR: u32 = u32::MAX;

/// The looks that a page needs, and where each stands.
#[derive(Default)]
struct Looks {
    places: HashMap<Look, usize>,
    styles: Vec<Style>,
}

/// Makes a page of the screens from a time on, out of the terminal events from the session's first one on, in order.
pub struct Frames {
    from_us: i64,
    parser: Parser,
    command: Option<String>,
    /// The latest time and position that were fed, where any was.
    fed: Option<(i64, u64)>,
    /// When what was fed since the last screen began.
    waits_since: Option<i64>,
    /// Whether the page has its first screen.
    begun: bool,
    /// The lines of the last screen.
    last: Vec<Vec<TextRun>>,
    last_size: (u16, u16),
    looks: Looks,
    shown: Shown,
    bytes: usize,
}

impl Frames {
    /// A page from this time on, µs since 1970.
    #[must_use]
    pub fn new(from_us: i64) -> Self {
        Self {
            from_us,
            parser: blank(USUAL),
            command: None,
            fed: None,
            waits_since: None,
            begun: false,
            last: Vec::new(),
            last_size: (0, 0),
            looks: Looks::default(),
            shown: Shown::default(),
            bytes: 0,
        }
    }

    /// The next event of a terminal; others are passed over. Breaks when the page is full.
    pub fn take(&mut self, event: &JournaledEvent) -> ControlFlow<()> {
        if !matches!(event.event.payload, Payload::TerminalOutput(_) | Payload::TerminalResize(_)) {
            return ControlFlow::Continue(());
        }
        // Clocks of several recorders may differ: time does not go back.
        let own = event.event.time.as_micros();
        let time_us = self.fed.map_or(own, |(latest, _)| own.max(latest));
        if time_us >= self.from_us {
            self.begin();
            if self.waits_since.is_some_and(|since| time_us - since >= APART_US) {
                self.show();
                if self.shown.frames.len() >= MOST || self.bytes >= BYTES {
                    self.shown.next_us = Some(time_us);
                    return ControlFlow::Break(());
                }
            }
            self.waits_since.get_or_insert(time_us);
        }
        self.feed(event);
        self.fed = Some((time_us, event.seq.get()));
        ControlFlow::Continue(())
    }

    /// The page.
    #[must_use]
    pub fn finish(mut self) -> Shown {
        self.begin();
        if self.waits_since.is_some() {
            self.show();
        }
        Shown { styles: self.looks.styles, ..self.shown }
    }

    /// What was shown when the page's time began, where anything was.
    fn begin(&mut self) {
        if !self.begun && self.fed.is_some() {
            self.show();
            if let Some(first) = self.shown.frames.first_mut() {
                first.time_us = self.from_us;
            }
        }
        self.begun = true;
    }

    fn feed(&mut self, event: &JournaledEvent) {
        let command = event.event.command_id.as_ref().map(ToString::to_string);
        if self.fed.is_none() || self.command != command {
            self.parser = blank(USUAL);
            self.command = command;
        }
        if let Payload::TerminalOutput(p) = &event.event.payload {
            self.parser.process(p.data.as_bytes());
        } else if let Payload::TerminalResize(p) = &event.event.payload {
            let (rows, columns) = size((p.rows, p.columns));
            self.parser.set_size(rows, columns);
        }
    }

    fn show(&mut self) {
        self.waits_since = None;
        let Some((time_us, seq)) = self.fed else { return };
        let screen = self.parser.screen();
        let (rows, columns) = (screen.size().0.get(), screen.size().1.get());
        let lines: Vec<Vec<TextRun>> = (0..rows).map(|row| line(screen, row, columns, &mut self.looks)).collect();
        let whole = self.last_size != (rows, columns) || self.shown.frames.is_empty();
        let cursor = (!screen.hide_cursor()).then(|| screen.cursor_position());
        let different = (0..rows).zip(&lines).filter(|(row, runs)| {
            let before = self.last.get(usize::from(*row));
            if whole { !runs.is_empty() } else { before != Some(*runs) }
        });
        let different: Vec<Line> = different.map(|(row, runs)| Line { row, runs: runs.clone() }).collect();
        let runs = different.iter().flat_map(|line| &line.runs);
        self.bytes += runs.map(|run| run.text.len() + RUN).sum::<usize>();
        self.last = lines;
        self.last_size = (rows, columns);
        let command = self.command.clone();
        self.shown.frames.push(Frame { time_us, seq, command, rows, columns, cursor, whole, lines: different });
    }
}

/// The runs of one line, without the blanks at its end.
fn line(screen: &Screen, row: u16, columns: u16, looks: &mut Looks) -> Vec<TextRun> {
    let mut runs: Vec<TextRun> = Vec::new();
    let (mut blanks, mut before): (usize, Option<Look>) = (0, None);
    for column in 0..columns {
        let Some(cell) = screen.cell(row, column) else { break };
        if cell.is_wide_continuation() {
            continue;
        }
        let look = look(cell);
        if matches!(cell.contents(), "" | " ") && look == PLAIN {
            blanks += 1;
            continue;
        }
        let blank = (blanks > 0).then(|| (" ".repeat(blanks), PLAIN));
        blanks = 0;
        let text = if cell.has_contents() { cell.contents() } else { " " };
        for (text, look) in blank.iter().map(|(text, look)| (text.as_str(), *look)).chain([(text, look)]) {
            match runs.last_mut() {
                Some(run) if before == Some(look) => run.text.push_str(text),
                _ => runs.push(TextRun { text: text.to_owned(), style: looks.place(look) }),
            }
            before = Some(look);
        }
    }
    runs
}

impl Looks {
    fn place(&mut self, look: Look) -> usize {
        *self.places.entry(look).or_insert_with(|| {
            self.styles.push(style(look));
            self.styles.len() - 1
        })
    }
}

fn look(cell: &Cell) -> Look {
    let switches = [cell.bold(), cell.dim(), cell.italic(), cell.underline(), cell.inverse()];
    let switches = switches.iter().rev().fold(0, |all, switch| (all << 1) | u8::from(*switch));
    (colour(cell.fgcolor()), colour(cell.bgcolor()), switches)
}

fn style((foreground, background, switches): Look) -> Style {
    let colour = |number: u32| (number != USUAL_COLOUR).then(|| format!("#{number:06x}"));
    let switch = |place: u8| switches >> place & 1 == 1;
    Style {
        foreground: colour(foreground),
        background: colour(background),
        bold: switch(0),
        dim: switch(1),
        italic: switch(2),
        underline: switch(3),
        inverse: switch(4),
    }
}

/// A colour as `0xrrggbb`: of the 256, sixteen are our own, then come a cube of 6 × 6 × 6 and 24 greys, as xterm has them.
fn colour(of: Color) -> u32 {
    match of {
        Color::Default => USUAL_COLOUR,
        Color::Rgb(red, green, blue) => u32::from_be_bytes([0, red, green, blue]),
        Color::Idx(index) => match COLOURS.get(usize::from(index)) {
            Some(own) => *own,
            None if index < 232 => {
                let level = |of: u8| u32::from(if of == 0 { 0 } else { 55 + of * 40 });
                let cube = index - 16;
                (level(cube / 36) << 16) | (level(cube / 6 % 6) << 8) | level(cube % 6)
            }
            None => (u32::from(index) - 232) * 0x0a_0a0a + 0x08_0808,
        },
    }
}
