//! The picture: head, timeline, list, pane and foot.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Clear, Paragraph};

use super::keys::HELP;
use super::pages::Pages;
use super::panes;
use super::view::{Pane, Prompt, View, clock, fitted};
use crate::cli::output::{columns, middle, printable};
use crate::replay::{Index, Mark, Player, ReplayError, Source, Terminal};
use crate::runtime::units::Count;

/// A terminal of this many columns has room for the pane beside the list.
const BESIDE: u16 = 120;

/// Everything that a picture is made of.
pub(super) struct Scene<'s> {
    pub(super) name: &'s str,
    pub(super) player: &'s Player,
    pub(super) view: &'s mut View,
    pub(super) index: &'s Index,
    pub(super) source: &'s dyn Source,
    pub(super) pages: &'s mut Pages,
    pub(super) terminal: &'s mut Terminal,
    pub(super) colour: bool,
}

impl Scene<'_> {
    /// A colour, where colours are wanted.
    pub(super) fn tint(&self, colour: Color) -> Style {
        if self.colour { Style::new().fg(colour) } else { Style::new() }
    }

    pub(super) fn marked(&self, mark: Option<Mark>) -> Style {
        match mark {
            Some(Mark::Refused) => self.tint(Color::Red),
            Some(Mark::Detected) => self.tint(Color::Yellow),
            None => Style::new(),
        }
    }
}

/// Draws a picture.
pub(super) fn draw(frame: &mut Frame<'_>, scene: &mut Scene<'_>) -> Result<(), ReplayError> {
    let area = frame.area();
    let Rect { width, height, .. } = area;
    if height < 6 || width < 20 {
        frame.render_widget(Paragraph::new("too small"), area);
        return Ok(());
    }
    frame.render_widget(Paragraph::new(head(scene, width.into())), Rect { height: 1, ..area });
    frame.render_widget(Paragraph::new(timeline(scene, width.into())), Rect { y: area.y + 1, height: 1, ..area });
    let body = Rect { y: area.y + 2, height: height - 3, ..area };
    let (list, pane) = if width >= BESIDE {
        let half = width / 2;
        (Rect { width: half - 1, ..body }, Rect { x: body.x + half, width: width - half, ..body })
    } else {
        let half = body.height / 2;
        (Rect { height: half, ..body }, Rect { y: body.y + half, height: body.height - half, ..body })
    };
    let lines = events(scene, list.width.into(), list.height.into())?;
    frame.render_widget(Paragraph::new(lines), list);
    frame.render_widget(Paragraph::new(tabs(scene, pane.width.into())), Rect { height: 1, ..pane });
    let inner = Rect { y: pane.y + 1, height: pane.height.saturating_sub(1), ..pane };
    panes::draw(frame, inner, scene)?;
    frame.render_widget(Paragraph::new(foot(scene, width.into())), Rect { y: area.y + height - 1, height: 1, ..area });
    if scene.view.help {
        help(frame, area);
    }
    Ok(())
}

fn head<'l>(scene: &Scene<'_>, width: usize) -> Line<'l> {
    let Scene { player, index, .. } = scene;
    let at_end = player.at() + 1 >= index.len();
    let state = match (player.is_playing(), at_end, index.has_ended()) {
        (true, true, false) => "● following",
        (true, ..) => "▶ playing",
        (false, true, true) => "■ at the end",
        (false, ..) => "‖ paused",
    };
    let last = index.len().saturating_sub(1);
    let number = |number: usize| Count(u64::try_from(number).unwrap_or(u64::MAX));
    let squeeze = if player.squeezes() { "" } else { " real waits" };
    let right = format!(
        "{state} {}×{squeeze}  {} / {}  event {} of {}",
        player.speed(),
        clock(index.since_start(player.at())),
        clock(index.since_start(last)),
        number(player.at() + usize::from(!index.is_empty())),
        number(index.len()),
    );
    let room = width.saturating_sub(columns(&right) + 1);
    let name = printable(scene.name);
    let text = format!("{} {right}", fitted(&middle(&name, room), room));
    Line::styled(fitted(&text, width), Style::new().add_modifier(Modifier::REVERSED))
}

/// The session from left to right by its events: what was passed, where it is, what to jump to.
fn timeline<'l>(scene: &Scene<'_>, width: usize) -> Line<'l> {
    let steps = scene.index.len().saturating_sub(1).max(1);
    let cell = |at: usize| at.saturating_mul(width.saturating_sub(1)) / steps;
    let here = cell(scene.player.at());
    let mut cells: Vec<(char, Option<Mark>)> = (0..width).map(|at| (if at < here { '━' } else { '─' }, None)).collect();
    for at in scene.index.marked() {
        let mark = scene.index.get(*at).and_then(|entry| entry.mark);
        if let Some(cell) = cells.get_mut(cell(*at)).filter(|cell| cell.1 != Some(Mark::Refused)) {
            *cell = (if mark == Some(Mark::Refused) { '✗' } else { '!' }, mark);
        }
    }
    if let Some(cell) = cells.get_mut(here) {
        cell.0 = '●';
    }
    let spans = cells.into_iter().map(|(ch, mark)| Span::styled(ch.to_string(), scene.marked(mark)));
    Line::from(spans.collect::<Vec<_>>())
}

fn events<'l>(scene: &mut Scene<'_>, width: usize, height: usize) -> Result<Vec<Line<'l>>, ReplayError> {
    let at = scene.player.at();
    let top = at.saturating_sub(height / 2).min(scene.index.len().saturating_sub(height));
    let mut lines = Vec::with_capacity(height);
    for place in top..(top + height).min(scene.index.len()) {
        let row = scene.pages.row(place, scene.index, scene.source)?;
        let mark = scene.index.get(place).and_then(|entry| entry.mark);
        let sign = match mark {
            Some(Mark::Refused) => "✗",
            Some(Mark::Detected) => "!",
            None => " ",
        };
        let pointer = if place == at { ">" } else { " " };
        let time = clock(scene.index.since_start(place));
        let before = format!("{pointer}{sign}{time} {} {} ", fitted(&row.program, 12), fitted(&row.verb, 9));
        let behind = if row.verdict.is_empty() { String::new() } else { format!(" {}", row.verdict) };
        let behind = middle(&behind, width / 2).into_owned();
        let room = width.saturating_sub(columns(&before) + columns(&behind));
        let text = format!("{before}{}{behind}", fitted(&middle(&row.subject, room), room));
        let mut style = scene.marked(mark);
        if place == at {
            style = style.add_modifier(Modifier::BOLD | Modifier::REVERSED);
        }
        lines.push(Line::styled(fitted(&text, width), style));
    }
    Ok(lines)
}

fn tabs<'l>(scene: &Scene<'_>, width: usize) -> Line<'l> {
    let words =
        Pane::ALL.map(|pane| if pane == scene.view.pane { format!("[{}]", pane.title()) } else { format!(" {} ", pane.title()) });
    let text = format!("──{}", words.join(""));
    let rest = width.saturating_sub(columns(&text));
    Line::styled(fitted(&format!("{text}{}", "─".repeat(rest)), width), Style::new().add_modifier(Modifier::BOLD))
}

fn foot<'l>(scene: &Scene<'_>, width: usize) -> Line<'l> {
    let text = match &scene.view.prompt {
        Some(Prompt::Search(text)) => format!("/{}▏", printable(text)),
        Some(Prompt::Time(text)) => format!(":{}▏", printable(text)),
        None if scene.view.message.is_empty() => {
            "space play  ←→ step  [ ] speed  n N refusals  / search  tab pane  ? help  q quit".to_owned()
        }
        None => printable(&scene.view.message).into_owned(),
    };
    Line::styled(fitted(&text, width), Style::new().add_modifier(Modifier::DIM))
}

fn help(frame: &mut Frame<'_>, area: Rect) {
    let width = 54.min(area.width);
    let height = u16::try_from(HELP.len()).unwrap_or(u16::MAX).min(area.height);
    let place = Rect { x: area.x + (area.width - width) / 2, y: area.y + (area.height - height) / 2, width, height };
    let style = Style::new().add_modifier(Modifier::REVERSED);
    let lines = HELP.iter().map(|line| Line::styled(fitted(&format!(" {line}"), width.into()), style));
    frame.render_widget(Clear, place);
    frame.render_widget(Paragraph::new(lines.collect::<Vec<_>>()), place);
}
