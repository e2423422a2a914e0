//! The thread that watches the clock: idle and hard timeouts, and commands whose client is gone.

use std::sync::Arc;
use std::time::Instant;

use nix::sys::signal::Signal;

use super::end;
use super::manager::Inner;
use super::open::deadline;
use super::table::{Open, Table};
use crate::runtime::clock;

/// Runs until the table is closed.
pub(super) fn run(inner: &Arc<Inner>) {
    let grace = inner.setting.config.sessions.grace.duration();
    let mut table = inner.shared.lock();
    while !table.closed {
        let (due, next) = look(&mut table, clock::instant());
        for id in due {
            drop(table);
            end::complete_aside(inner, &id, grace);
            table = inner.shared.lock();
        }
        if !table.closed {
            table = inner.shared.wait(table, next);
        }
    }
}

/// Begins what is due, and says which sessions' ends are to be completed, and when to look again.
fn look(table: &mut Table, now: Instant) -> (Vec<String>, Option<Instant>) {
    let mut next: Option<Instant> = None;
    let mut due = Vec::new();
    let mut later = |when: Instant| next = Some(next.map_or(when, |next| next.min(when)));
    for (id, open) in &mut table.open {
        for entry in open.commands.values_mut() {
            match entry.kill_at {
                Some(when) if when <= now => {
                    entry.kill_at = None;
                    entry.handle.signal(Signal::SIGKILL);
                }
                Some(when) => later(when),
                None => {}
            }
        }
        if open.ending.is_some() {
            continue;
        }
        for (when, reason) in timeouts(open) {
            if when <= now {
                due.push((id.clone(), reason));
                break;
            }
            later(when);
        }
    }
    let begun = due.into_iter().filter(|(id, reason)| end::begin(table, id, reason)).map(|(id, _)| id).collect();
    (begun, next)
}

fn timeouts(open: &Open) -> impl Iterator<Item = (Instant, &'static str)> {
    let hard = open.session.hard_deadline().map(|when| (when, end::HARD_TIMEOUT));
    let idle = deadline(open.idle_since, open.session.idle_timeout).filter(|_| open.commands.is_empty());
    hard.into_iter().chain(idle.map(|when| (when, end::IDLE_TIMEOUT)))
}
