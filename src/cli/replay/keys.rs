//! From a key to what it does.

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::view::{Found, Prompt, View, parse_clock};
use crate::replay::{Index, Move, Player, ReplayError, Source};

/// A seek's length, in microseconds.
const SEEK_US: i64 = 10_000_000;

/// Characters of the longest text that can be typed.
const LONGEST: usize = 200;

/// What `?` shows.
pub(super) const HELP: [&str; 19] = [
    "space        play, pause",
    "→ l   ← h    next event, previous event",
    "↓ j   ↑ k    the same",
    "[ ]  or - +  slower, faster (1× to 1000×)",
    ", .          10 seconds back, forward",
    "n N          next, previous refusal or detection",
    "/            search; then ctrl-n ctrl-p or } { for",
    "             the next and the previous hit",
    ":            go to a time (1:30) or a seq (#1234)",
    "g G          first event, last event (follows)",
    "tab          next pane: event, processes, files,",
    "             network, terminal; 1 to 5 choose",
    "PgUp PgDn    scroll the pane",
    "s            cut long waits short, or not",
    "?            this help",
    "q            quit",
    "",
    "✗ refused   ! detected",
    "Any key closes this.",
];

/// Whether to go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Then {
    Stay,
    Quit,
}

/// Does what a key asks for.
pub(super) fn press(
    key: KeyEvent,
    player: &mut Player,
    view: &mut View,
    index: &Index,
    source: &dyn Source,
) -> Result<Then, ReplayError> {
    let control = key.modifiers.contains(KeyModifiers::CONTROL);
    if control && key.code == KeyCode::Char('c') {
        return Ok(Then::Quit);
    }
    view.message.clear();
    if view.help {
        view.help = false;
        return Ok(Then::Stay);
    }
    if let Some(prompt) = view.prompt.take() {
        typed(prompt, key, player, view, index, source)?;
        return Ok(Then::Stay);
    }
    let at = player.at();
    match key.code {
        KeyCode::Char('q') | KeyCode::Esc => return Ok(Then::Quit),
        KeyCode::Char('n') if control => hit(true, player, view, index),
        KeyCode::Char('p') if control => hit(false, player, view, index),
        KeyCode::Char('}') => hit(true, player, view, index),
        KeyCode::Char('{') => hit(false, player, view, index),
        KeyCode::Char(' ') => player.toggle(index),
        KeyCode::Right | KeyCode::Down | KeyCode::Char('l' | 'j') => player.go(Move::Step(1), index),
        KeyCode::Left | KeyCode::Up | KeyCode::Char('h' | 'k') => player.go(Move::Step(-1), index),
        KeyCode::Char(']' | '+' | '=') => player.faster(),
        KeyCode::Char('[' | '-') => player.slower(),
        KeyCode::Char('.') => player.go(Move::Seek(SEEK_US), index),
        KeyCode::Char(',') => player.go(Move::Seek(-SEEK_US), index),
        KeyCode::Char('n') => mark(Move::NextMark, player, view, index),
        KeyCode::Char('N') => mark(Move::PreviousMark, player, view, index),
        KeyCode::Char('g') | KeyCode::Home => player.go(Move::First, index),
        KeyCode::Char('G') | KeyCode::End => player.go(Move::Last, index),
        KeyCode::Char('s') => {
            player.toggle_squeeze();
            let word = if player.squeezes() { "long waits are cut short" } else { "waits last as long as they did" };
            word.clone_into(&mut view.message);
        }
        KeyCode::Char('/') => view.prompt = Some(Prompt::Search(String::new())),
        KeyCode::Char(':') => view.prompt = Some(Prompt::Time(String::new())),
        KeyCode::Char('?') => view.help = true,
        KeyCode::Tab => (view.pane, view.scroll) = (view.pane.next(), 0),
        KeyCode::BackTab => (view.pane, view.scroll) = (view.pane.previous(), 0),
        KeyCode::Char(digit @ '1'..='5') => {
            let place = usize::try_from(u32::from(digit) - u32::from('1')).unwrap_or(0);
            view.pane = super::view::Pane::ALL.get(place).copied().unwrap_or(view.pane);
            view.scroll = 0;
        }
        KeyCode::PageDown => view.scroll = view.scroll.saturating_add(5),
        KeyCode::PageUp => view.scroll = view.scroll.saturating_sub(5),
        _ => {}
    }
    if player.at() != at && view.pane == super::view::Pane::Event {
        view.scroll = 0;
    }
    Ok(Then::Stay)
}

fn mark(to: Move, player: &mut Player, view: &mut View, index: &Index) {
    let before = player.at();
    player.go(to, index);
    if player.at() == before {
        let which =
            if to == Move::NextMark { "no refusal or detection behind this" } else { "no refusal or detection before this" };
        which.clone_into(&mut view.message);
    }
}

/// To the next hit of the search, or the one before.
fn hit(forward: bool, player: &mut Player, view: &mut View, index: &Index) {
    let places = &view.found.places;
    let to = if forward {
        places.get(places.partition_point(|place| *place <= player.at()))
    } else {
        places.partition_point(|place| *place < player.at()).checked_sub(1).and_then(|before| places.get(before))
    };
    match to.copied() {
        Some(place) => {
            player.go(Move::To(place), index);
            view.message = standing(view, place);
        }
        None if view.found.text.is_empty() => "nothing was searched yet: /".clone_into(&mut view.message),
        None => view.message = format!("`{}` is not found {} this", view.found.text, if forward { "behind" } else { "before" }),
    }
}

fn standing(view: &View, place: usize) -> String {
    let number = view.found.places.partition_point(|hit| *hit <= place);
    format!("`{}`: {number} of {}", view.found.text, view.found.places.len())
}

fn typed(
    prompt: Prompt,
    key: KeyEvent,
    player: &mut Player,
    view: &mut View,
    index: &Index,
    source: &dyn Source,
) -> Result<(), ReplayError> {
    let (mut text, is_search) = match prompt {
        Prompt::Search(text) => (text, true),
        Prompt::Time(text) => (text, false),
    };
    match key.code {
        KeyCode::Esc => return Ok(()),
        KeyCode::Enter if is_search => return search(text, player, view, index, source),
        KeyCode::Enter => {
            go_to(&text, player, view, index);
            return Ok(());
        }
        KeyCode::Backspace => {
            text.pop();
        }
        KeyCode::Char(ch) if text.chars().count() < LONGEST => text.push(ch),
        _ => {}
    }
    view.prompt = Some(if is_search { Prompt::Search(text) } else { Prompt::Time(text) });
    Ok(())
}

fn search(text: String, player: &mut Player, view: &mut View, index: &Index, source: &dyn Source) -> Result<(), ReplayError> {
    if text.is_empty() {
        return Ok(());
    }
    let mut places: Vec<usize> = source.with_text(&text)?.into_iter().map(|seq| index.place_of(seq)).collect();
    places.dedup();
    view.found = Found { text, places };
    let is_here = view.found.places.binary_search(&player.at()).is_ok();
    if is_here {
        view.message = standing(view, player.at());
    } else {
        hit(true, player, view, index);
    }
    Ok(())
}

fn go_to(text: &str, player: &mut Player, view: &mut View, index: &Index) {
    let seq = text.strip_prefix('#').and_then(|seq| seq.parse::<u64>().ok());
    match (seq, parse_clock(text)) {
        (Some(seq), _) => player.go(Move::To(index.place_of(seq)), index),
        (None, Some(micros)) => player.go(Move::To(index.place_at(micros)), index),
        (None, None) => view.message = format!("`{text}` is no time (1:30) and no seq (#1234)"),
    }
}
