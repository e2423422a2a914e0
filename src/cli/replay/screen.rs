//! The player on a terminal: it takes the screen, gives it back however it ends, and lets time go by.

use std::io::ErrorKind;
use std::time::Duration;

use ratatui::crossterm::event::{self, Event, KeyEventKind};

use super::ReplayArgs;
use super::draw::{Scene, draw};
use super::keys::{Then, press};
use super::pages::Pages;
use super::view::View;
use crate::cli::output::{Output, Palette};
use crate::replay::{Index, Player, Source, Terminal};
use crate::runtime::{clock, interrupts};

/// Between two pictures while time goes by, and while it does not.
const FRAME: Duration = Duration::from_millis(33);
const STILL: Duration = Duration::from_millis(200);

/// Microseconds between two looks for what came in a session that still runs.
const LOOK_US: u64 = 250_000;

/// Longer than this nobody was there: a stopped process, a machine that slept.
const LONGEST_US: u64 = 1_000_000;

/// Gives the terminal back; ratatui's hook does where a panic comes first.
struct Taken;

impl Drop for Taken {
    fn drop(&mut self) {
        ratatui::restore();
    }
}

/// Shows a session until its reader has enough.
pub(super) fn run(name: &str, source: &dyn Source, mut index: Index, args: &ReplayArgs, out: &Output<'_>) -> anyhow::Result<()> {
    interrupts::take_note()?;
    let colour = out.palette() == Palette::new(true);
    let mut player = Player::new(args.speed.unwrap_or(1), !args.step);
    let mut view = View::default();
    let mut pages = Pages::default();
    let mut recorded = Terminal::default();
    let taken = Taken;
    let mut terminal = ratatui::try_init()?;
    let mut before = clock::instant();
    let mut since_look = 0;
    while !interrupts::noted() {
        let mut scene = Scene {
            name,
            player: &player,
            view: &mut view,
            index: &index,
            source,
            pages: &mut pages,
            terminal: &mut recorded,
            colour,
        };
        let mut drawn = Ok(());
        terminal.draw(|frame| drawn = draw(frame, &mut scene))?;
        drawn?;
        let wait = if player.is_playing() { FRAME } else { STILL };
        let came = match event::poll(wait) {
            Ok(came) => came,
            // A signal, which may be the one to end with.
            Err(error) if error.kind() == ErrorKind::Interrupted => false,
            Err(error) => return Err(error.into()),
        };
        if came
            && let Event::Key(key) = event::read()?
            && key.kind != KeyEventKind::Release
            && press(key, &mut player, &mut view, &index, source)? == Then::Quit
        {
            break;
        }
        let elapsed = clock::micros_since(before);
        before = clock::instant();
        since_look += elapsed;
        if !index.has_ended() && since_look >= LOOK_US {
            index.read(source)?;
            since_look = 0;
        }
        player.advance(elapsed.min(LONGEST_US), &index);
    }
    drop(taken);
    Ok(())
}
