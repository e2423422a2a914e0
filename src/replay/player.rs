//! `Player`: which event is shown, and how time moves it. Time is given.

use super::index::Index;

/// How much faster than it happened.
pub const SPEEDS: [u32; 9] = [1, 2, 5, 10, 20, 50, 100, 500, 1_000];

/// A longer wait between two events is shown as this long, in microseconds, unless idle time is wanted.
const LONGEST_WAIT_US: u64 = 500_000;

/// Where to go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Move {
    /// So many events forward, or back where it is negative.
    Step(i64),
    /// So many microseconds of the session forward, or back.
    Seek(i64),
    /// To this event.
    To(usize),
    /// To the first event.
    First,
    /// To the last event.
    Last,
    /// To the next refusal or detection.
    NextMark,
    /// To the one before.
    PreviousMark,
}

/// A position in the session that moves with time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Player {
    at: usize,
    playing: bool,
    speed: u32,
    squeezes: bool,
    /// Time of the session that went by since the event that is shown.
    waited_us: u64,
}

impl Player {
    /// At the first event.
    #[must_use]
    pub const fn new(speed: u32, playing: bool) -> Self {
        Self { at: 0, playing, speed: if speed == 0 { 1 } else { speed }, squeezes: true, waited_us: 0 }
    }

    /// The place of the event that is shown.
    #[must_use]
    pub const fn at(&self) -> usize {
        self.at
    }

    /// Whether time moves it.
    #[must_use]
    pub const fn is_playing(&self) -> bool {
        self.playing
    }

    /// How much faster than it happened.
    #[must_use]
    pub const fn speed(&self) -> u32 {
        self.speed
    }

    /// Whether long waits are cut short.
    #[must_use]
    pub const fn squeezes(&self) -> bool {
        self.squeezes
    }

    /// Plays or pauses; at the end, plays again from the beginning unless the session still runs.
    pub fn toggle(&mut self, index: &Index) {
        self.playing = !self.playing;
        if self.playing && index.has_ended() && self.at + 1 >= index.len() {
            self.go(Move::First, index);
            self.playing = true;
        }
    }

    /// Cuts long waits short, or not.
    pub const fn toggle_squeeze(&mut self) {
        self.squeezes = !self.squeezes;
    }

    /// The next speed up.
    pub fn faster(&mut self) {
        self.speed = SPEEDS.iter().copied().find(|speed| *speed > self.speed).unwrap_or(self.speed);
    }

    /// The next speed down.
    pub fn slower(&mut self) {
        self.speed = SPEEDS.iter().rev().copied().find(|speed| *speed < self.speed).unwrap_or(self.speed);
    }

    /// Goes somewhere. What is stepped to is looked at: playing pauses for a step.
    pub fn go(&mut self, to: Move, index: &Index) {
        let last = index.len().saturating_sub(1);
        let marked = index.marked();
        let at = match to {
            Move::Step(events) => {
                self.playing = false;
                let by = usize::try_from(events.unsigned_abs()).unwrap_or(usize::MAX);
                if events < 0 { self.at.saturating_sub(by) } else { self.at.saturating_add(by) }
            }
            Move::Seek(micros) => {
                let now = index.since_start(self.at);
                let by = micros.unsigned_abs();
                if micros < 0 {
                    index.place_at(now.saturating_sub(by)).min(self.at.saturating_sub(1))
                } else {
                    // Over a wait that is longer than the seek, to its end.
                    index.place_at(now.saturating_add(by)).max(self.at.saturating_add(1))
                }
            }
            Move::To(at) => at,
            Move::First => 0,
            Move::Last => last,
            Move::NextMark => marked.get(marked.partition_point(|mark| *mark <= self.at)).copied().unwrap_or(self.at),
            Move::PreviousMark => {
                let before = marked.partition_point(|mark| *mark < self.at);
                before.checked_sub(1).and_then(|before| marked.get(before)).copied().unwrap_or(self.at)
            }
        };
        self.at = at.min(last);
        self.waited_us = 0;
    }

    /// Lets so much time go by. Returns whether another event is shown.
    pub fn advance(&mut self, elapsed_us: u64, index: &Index) -> bool {
        if !self.playing {
            return false;
        }
        let before = self.at;
        self.waited_us = self.waited_us.saturating_add(elapsed_us.saturating_mul(u64::from(self.speed)));
        while self.at + 1 < index.len() {
            let wait = self.wait_before(self.at + 1, index);
            if self.waited_us < wait {
                return self.at != before;
            }
            self.waited_us -= wait;
            self.at += 1;
        }
        self.waited_us = 0;
        self.playing = !index.has_ended();
        self.at != before
    }

    /// Microseconds of the session between an event and the one before, as they are shown.
    #[must_use]
    pub fn wait_before(&self, at: usize, index: &Index) -> u64 {
        let (Some(entry), Some(before)) = (index.get(at), at.checked_sub(1).and_then(|at| index.get(at))) else { return 0 };
        let wait = u64::try_from(entry.time_us.saturating_sub(before.time_us)).unwrap_or(0);
        if self.squeezes { wait.min(LONGEST_WAIT_US) } else { wait }
    }
}
