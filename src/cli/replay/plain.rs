//! A session line by line: at once, or as slowly as it happened.

use std::io::Write as _;

use super::pages::rows;
use super::view::clock;
use crate::cli::output::Output;
use crate::replay::{Index, Mark, Player, Source};
use crate::runtime::{clock as time, interrupts};

/// Events that are printed at once.
const PAGE: usize = 256;

/// Milliseconds between two looks at the time, and at a session that still runs.
const LOOK: u16 = 20;

/// Prints the events of a session, and of one that runs what comes, when it is played at a speed.
pub(super) fn run(source: &dyn Source, index: &mut Index, speed: Option<u32>, out: &mut Output<'_>) -> anyhow::Result<()> {
    let Some(speed) = speed else {
        let mut from = 0;
        while from < index.len() {
            print(source, index, from, PAGE.min(index.len() - from), out)?;
            from += PAGE;
        }
        return Ok(out.flush()?);
    };
    interrupts::take_note()?;
    let mut player = Player::new(speed, true);
    let mut printed = 0;
    let mut before = time::instant();
    while !interrupts::noted() && !out.is_closed() {
        while printed <= player.at() && printed < index.len() {
            let count = PAGE.min(player.at() + 1 - printed);
            print(source, index, printed, count, out)?;
            printed += count;
        }
        out.flush()?;
        if index.has_ended() && printed >= index.len() {
            break;
        }
        // Interrupted, it looks earlier.
        let _early = nix::poll::poll(&mut [], LOOK);
        let elapsed = time::micros_since(before);
        before = time::instant();
        if !index.has_ended() && printed >= index.len() {
            index.read(source)?;
        }
        player.advance(elapsed, index);
    }
    Ok(())
}

fn print(source: &dyn Source, index: &Index, from: usize, count: usize, out: &mut Output<'_>) -> anyhow::Result<()> {
    let palette = out.palette();
    for (offset, row) in rows(index, source, from, count)?.into_iter().enumerate() {
        let at = from + offset;
        let time = clock(index.since_start(at));
        let mut line = format!("{time}  {:>7} {:<15}  {:<9}  {}", row.pid, row.program, row.verb, row.subject);
        if !row.detail.is_empty() {
            line.push_str(&format!("  {}", row.detail));
        }
        if !row.verdict.is_empty() {
            let refused = index.get(at).is_some_and(|entry| entry.mark == Some(Mark::Refused));
            let verdict = if refused { palette.red(row.verdict) } else { palette.yellow(row.verdict) };
            line.push_str(&format!("  {verdict}"));
        }
        writeln!(out, "{}", line.trim_end())?;
    }
    Ok(())
}
