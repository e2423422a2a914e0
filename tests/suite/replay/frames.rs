//! The recorded terminal as pages of screens, put together as a browser does.

use std::ops::ControlFlow;

use agentsh::event::TerminalResize;
use agentsh::replay::{Frames, Index, JournalSource, Shown, Source, Terminal};

use super::told::Tale;
use crate::readers::recorded::{Recorded, record};

const SESSION: &str = "s-frames";

fn told(tell: impl FnOnce(&mut Tale<'_>)) -> Recorded {
    record(|scribe| tell(Tale::new(scribe, SESSION).command("c-frames")))
}

fn page(recorded: &Recorded, from_us: i64) -> Shown {
    let source = JournalSource::open(&recorded.data_dir, SESSION).unwrap();
    let mut frames = Frames::new(from_us);
    for event in source.events(1, u64::MAX, u64::MAX >> 1).unwrap() {
        if frames.take(&event) == ControlFlow::Break(()) {
            break;
        }
    }
    frames.finish()
}

/// What is shown behind the last of these screens.
fn together(shown: &Shown, upto: usize) -> Vec<String> {
    let mut lines = Vec::new();
    for frame in &shown.frames[..upto] {
        if frame.whole {
            lines = vec![String::new(); usize::from(frame.rows)];
        }
        for line in &frame.lines {
            lines[usize::from(line.row)] = line.runs.iter().map(|run| run.text.as_str()).collect();
        }
    }
    lines
}

fn text(lines: &[String]) -> String {
    lines.iter().map(|line| line.trim_end()).collect::<Vec<_>>().join("\n").trim_end().to_owned()
}

/// Screens that are filled, turned over, cut in the middle of a sequence, and of another size on the way.
fn long() -> Recorded {
    told(|tale| {
        tale.then(TerminalResize { rows: 5, columns: 40, ..TerminalResize::default() });
        for line in 0..700 {
            tale.later(20).shows(&format!("\u{1b}[3{}mline {line}\u{1b}[0m \u{754c}\u{1b}[", line % 8));
            tale.shows(&format!("1;{}Hx\r\n", line % 40));
            if line == 300 {
                tale.then(TerminalResize { rows: 8, columns: 30, ..TerminalResize::default() });
            }
        }
    })
}

#[test]
fn pages_that_follow_each_other_show_at_every_moment_what_the_emulator_shows() {
    let recorded = long();
    let source = JournalSource::open(&recorded.data_dir, SESSION).unwrap();
    let mut index = Index::default();
    index.read(&source).unwrap();
    let mut terminal = Terminal::default();
    let (mut from, mut pages, mut screens) = (i64::MIN, 0, 0);
    loop {
        let shown = page(&recorded, from);
        pages += 1;
        assert!(shown.frames.len() <= 241, "{}", shown.frames.len());
        for (place, frame) in shown.frames.iter().enumerate() {
            let at = index.place_of(frame.seq);
            let emulated = terminal.as_of(at, &index, &source).unwrap().unwrap().contents();
            let emulated: Vec<String> = emulated.lines().map(str::to_owned).collect();
            assert_eq!(text(&together(&shown, place + 1)), text(&emulated), "event {}", frame.seq);
            screens += 1;
        }
        let Some(next) = shown.next_us else { break };
        assert!(next > from);
        from = next;
    }
    assert!(pages >= 2 && screens > 300, "{pages} pages, {screens} screens");
}

#[test]
fn screens_that_nobody_could_tell_apart_are_one() {
    let recorded = told(|tale| {
        for part in 0..1_000 {
            tale.shows(&format!("\rpart {part}"));
        }
        tale.later(1_000).shows("\r\nlater");
    });
    let shown = page(&recorded, i64::MIN);
    assert_eq!(shown.frames.len(), 2);
    assert_eq!(text(&together(&shown, 1)), "part 999");
    assert_eq!(text(&together(&shown, 2)), "part 999\nlater");
    // The second is what is different.
    assert!(!shown.frames[1].whole);
    assert_eq!(shown.frames[1].lines.len(), 1);
}

#[test]
fn a_page_from_the_middle_begins_with_what_was_shown_then() {
    let recorded = long();
    let first = page(&recorded, i64::MIN);
    let (middle, after) = (first.frames[100].time_us, &first.frames[100]);
    let shown = page(&recorded, middle + 1);
    assert_eq!((shown.frames[0].time_us, shown.frames[0].seq), (middle + 1, after.seq));
    assert_eq!(together(&shown, 1), together(&first, 101));
    assert_eq!(page(&recorded, i64::MAX).frames.len(), 1, "what was shown last");
}

#[test]
fn colours_and_switches_are_told_once_and_blanks_at_the_end_are_not_told() {
    let recorded = told(|tale| {
        tale.shows("\u{1b}[31ma\u{1b}[1;4mb\u{1b}[0m  c\u{1b}[48;2;1;2;3m \u{1b}[0m   \r\n\u{1b}[31ma\u{1b}[38;5;196md\u{1b}[38;5;255me\u{1b}[7mf");
    });
    let shown = page(&recorded, i64::MIN);
    let runs = |line: usize| {
        let runs = shown.frames[0].lines[line].runs.iter();
        runs.map(|run| (run.text.as_str(), run.style)).collect::<Vec<_>>()
    };
    assert_eq!(runs(0), [("a", 0), ("b", 1), ("  c", 2), (" ", 3)]);
    assert_eq!(runs(1), [("a", 0), ("d", 4), ("e", 5), ("f", 6)]);
    let style = |place: usize| &shown.styles[place];
    assert_eq!((style(0).foreground.as_deref(), style(0).bold), (Some("#f2777a"), false));
    assert!(style(1).bold && style(1).underline && !style(1).italic && !style(1).dim);
    assert_eq!(*style(2), agentsh::replay::Style::default());
    assert_eq!(style(3).background.as_deref(), Some("#010203"));
    assert_eq!((style(4).foreground.as_deref(), style(5).foreground.as_deref()), (Some("#ff0000"), Some("#eeeeee")));
    assert!(style(6).inverse);
}

#[test]
fn a_session_without_a_terminal_has_no_screen() {
    let recorded = told(|tale| {
        tale.then(agentsh::event::SessionCreated::default());
    });
    assert_eq!(page(&recorded, i64::MIN), Shown::default());
    assert_eq!(page(&recorded, 5), Shown::default());
}
