//! What stands beside the list, as of the event that is shown.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::Paragraph;
use serde_json::Value;

use super::draw::Scene;
use super::view::{Pane, clock, fitted};
use crate::cli::events::verdict;
use crate::cli::output::{columns, middle, printable};
use crate::replay::{FileState, ReplayError, Screen};

/// Depths that a line shows by its indent.
const DEPTH: usize = 12;

/// Draws the pane.
pub(super) fn draw(frame: &mut Frame<'_>, area: Rect, scene: &mut Scene<'_>) -> Result<(), ReplayError> {
    let (width, height) = (usize::from(area.width), usize::from(area.height));
    let lines = match scene.view.pane {
        Pane::Event => event(scene, width, height)?,
        Pane::Processes => processes(scene, width, height),
        Pane::Files => files(scene, width, height),
        Pane::Network => network(scene, width, height),
        Pane::Terminal => terminal(scene, width, height)?,
    };
    frame.render_widget(Paragraph::new(lines), area);
    Ok(())
}

/// No more is scrolled than there is.
fn bounded(scene: &mut Scene<'_>, count: usize, height: usize) -> usize {
    scene.view.scroll = scene.view.scroll.min(count.saturating_sub(height));
    scene.view.scroll
}

fn event<'l>(scene: &mut Scene<'_>, width: usize, height: usize) -> Result<Vec<Line<'l>>, ReplayError> {
    let Some(entry) = scene.index.get(scene.player.at()).copied() else {
        return Ok(vec![Line::from("the session has no event yet")]);
    };
    let mut lines: Vec<String> = Vec::new();
    for event in scene.source.events(entry.seq, entry.seq + 1, 2)? {
        let is_it = event.seq.get() == entry.seq;
        if !is_it && (entry.verdict.is_none() || event.event.payload.decision().is_none()) {
            continue;
        }
        if !is_it {
            lines.push("decision".to_owned());
        }
        // Every type of the vocabulary has string keys only, so it always has a JSON form.
        flatten(if is_it { "" } else { "  " }, "", &serde_json::to_value(&event).unwrap_or_default(), &mut lines);
    }
    let top = bounded(scene, lines.len(), height);
    Ok(lines.iter().skip(top).take(height).map(|line| Line::from(fitted(line, width))).collect())
}

/// A line for each value, under the names that lead to it.
fn flatten(indent: &str, name: &str, value: &Value, lines: &mut Vec<String>) {
    let beneath = |key: &str| match name {
        "" | "payload" => key.to_owned(),
        name => format!("{name}.{key}"),
    };
    match value {
        Value::Object(fields) => fields.iter().for_each(|(key, field)| flatten(indent, &beneath(key), field, lines)),
        Value::String(text) => lines.push(format!("{indent}{name}: {}", printable(text))),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) => {
            lines.push(format!("{indent}{name}: {}", printable(&value.to_string())));
        }
    }
}

fn processes<'l>(scene: &mut Scene<'_>, width: usize, height: usize) -> Vec<Line<'l>> {
    let at = scene.player.at();
    let (_, count) = scene.index.processes.as_of(at, 0, 0);
    let top = bounded(scene, count, height);
    let (lines, _) = scene.index.processes.as_of(at, top, height);
    let mut shown: Vec<Line<'l>> = lines
        .iter()
        .map(|line| {
            let indent = "  ".repeat(line.depth.min(DEPTH));
            let end = match (line.exit, line.refused) {
                (_, true) => "  ✗ refused".to_owned(),
                (Some(exit), false) => format!("  {}", printable(exit)),
                (None, false) => String::new(),
            };
            let end = format!("  [{}]{end}", line.pid);
            let room = width.saturating_sub(columns(&indent) + columns(&end));
            let text = format!("{indent}{}{end}", middle(&printable(line.program), room));
            let style = if line.refused {
                scene.tint(Color::Red)
            } else if line.exit.is_some() {
                Style::new().add_modifier(Modifier::DIM)
            } else {
                Style::new()
            };
            Line::styled(fitted(&text, width), style)
        })
        .collect();
    if shown.is_empty() {
        shown.push(Line::from("no process yet"));
    }
    shown
}

fn files<'l>(scene: &mut Scene<'_>, width: usize, height: usize) -> Vec<Line<'l>> {
    let at = scene.player.at();
    let (_, count) = scene.index.files.as_of(at, 0, 0);
    let top = bounded(scene, count, height);
    let (changed, _) = scene.index.files.as_of(at, top, height);
    let mut shown: Vec<Line<'l>> = changed
        .iter()
        .map(|(path, state)| {
            let (sign, text, colour) = match state {
                FileState::Created => ("+", (*path).to_owned(), Color::Green),
                FileState::Modified => ("~", (*path).to_owned(), Color::Yellow),
                FileState::Renamed(from) => (">", format!("{from} → {path}"), Color::Yellow),
                FileState::Metadata => ("=", (*path).to_owned(), Color::Reset),
                FileState::Deleted => ("-", (*path).to_owned(), Color::Red),
                FileState::Unchanged => (" ", (*path).to_owned(), Color::Reset),
            };
            let text = format!("{sign} {}", middle(&printable(&text), width.saturating_sub(2)));
            Line::styled(fitted(&text, width), scene.tint(colour))
        })
        .collect();
    if shown.is_empty() {
        shown.push(Line::from("no file changed yet"));
    }
    shown
}

/// The newest stand below; scrolling goes back.
fn network<'l>(scene: &mut Scene<'_>, width: usize, height: usize) -> Vec<Line<'l>> {
    let at = scene.player.at();
    let count = scene.index.network.as_of(at).len();
    let back = bounded(scene, count, height);
    let exchanges = scene.index.network.as_of(at);
    let until = count - back;
    let shown = exchanges.get(until.saturating_sub(height)..until).unwrap_or_default();
    let mut lines: Vec<Line<'l>> = shown
        .iter()
        .map(|exchange| {
            let judged = exchange.verdict.and_then(|decision| verdict(decision, None));
            let judged = judged.map(|text| text.trim_end_matches(" by default").to_owned());
            let refused = exchange.verdict == Some(crate::event::Decision::Deny);
            let answer = exchange.answer.as_ref().filter(|(came, _)| *came <= at).map(|(_, text)| printable(text).into_owned());
            let end = judged.or(answer).map_or_else(String::new, |text| format!("  {text}"));
            let end = middle(&end, width / 2).into_owned();
            let before = format!("{} {} ", clock(scene.index.since_start(exchange.at)), fitted(&printable(&exchange.verb), 8));
            let room = width.saturating_sub(columns(&before) + columns(&end));
            let text = format!("{before}{}{end}", middle(&printable(&exchange.subject), room));
            Line::styled(fitted(&text, width), if refused { scene.tint(Color::Red) } else { Style::new() })
        })
        .collect();
    if lines.is_empty() {
        lines.push(Line::from("nothing was asked of the network yet"));
    }
    lines
}

/// The lower left of the recorded terminal, where what came last mostly stands.
fn terminal<'l>(scene: &mut Scene<'_>, width: usize, height: usize) -> Result<Vec<Line<'l>>, ReplayError> {
    let (at, colour, scroll) = (scene.player.at(), scene.colour, scene.view.scroll);
    let Some(screen) = scene.terminal.as_of(at, scene.index, scene.source)? else {
        return Ok(vec![Line::from("no terminal was recorded by now")]);
    };
    let rows = usize::from(screen.size().0.get());
    let cursor = usize::from(screen.cursor_position().0);
    let top = (cursor + 1).saturating_sub(height).min(rows.saturating_sub(height)).saturating_sub(scroll);
    Ok((top..rows.min(top + height)).map(|row| recorded_row(screen, row, width, colour)).collect())
}

fn recorded_row<'l>(screen: &Screen, row: usize, width: usize, colour: bool) -> Line<'l> {
    let mut spans = Vec::new();
    let columns = usize::from(screen.size().1.get()).min(width);
    for column in 0..columns {
        let (Ok(row), Ok(column)) = (u16::try_from(row), u16::try_from(column)) else { break };
        let Some(cell) = screen.cell(row, column) else { break };
        if cell.is_wide_continuation() {
            continue;
        }
        let cut = cell.is_wide() && usize::from(column) + 1 >= columns;
        let inert = printable(cell.contents()) == cell.contents();
        let text = match cell.contents() {
            "" => " ",
            _ if cut => " ",
            _ if !inert => "\u{fffd}",
            text => text,
        };
        let mut style = Style::new();
        for (on, modifier) in
            [(cell.bold(), Modifier::BOLD), (cell.underline(), Modifier::UNDERLINED), (cell.inverse(), Modifier::REVERSED)]
        {
            if on {
                style = style.add_modifier(modifier);
            }
        }
        if colour {
            style = style.fg(tone(cell.fgcolor())).bg(tone(cell.bgcolor()));
        }
        spans.push(Span::styled(text.to_owned(), style));
    }
    Line::from(spans)
}

const fn tone(colour: vt100::Color) -> Color {
    match colour {
        vt100::Color::Default => Color::Reset,
        vt100::Color::Idx(number) => Color::Indexed(number),
        vt100::Color::Rgb(red, green, blue) => Color::Rgb(red, green, blue),
    }
}
