//! What always differs between two runs of the same thing, under one name, so that it is not told as a difference.
//!
//! The rules, in their order: the session's id is `{session}`; its workspace is `{workspace}`; a UUID is `{uuid}`; a number that is the id of
//! one of the session's processes is `{pid}`; a number of seconds, milli-, micro- or nanoseconds within a day of the session is `{time}`;
//! eight hexadecimal digits or more, with a digit and a letter among them, are `{hex}`; beneath `/tmp`, `/var/tmp` and `/dev/shm`, six
//! letters and digits or more that a person would not write (a digit or a capital behind a small letter, or only capitals and digits) are
//! `{temp}`.

use std::collections::BTreeSet;

/// A day, in microseconds.
const DAY_US: i64 = 86_400_000_000;

/// Where programs put what they name by chance.
const TEMPORARY: [&str; 3] = ["/tmp/", "/var/tmp/", "/dev/shm/"];

/// The names that a session brings.
#[derive(Clone, Debug, Default)]
pub(super) struct Names {
    pub(super) session: String,
    pub(super) workspace: String,
    pub(super) pids: BTreeSet<u32>,
    /// When it began and when its last event was seen, in microseconds since 1970.
    pub(super) times_us: (i64, i64),
}

impl Names {
    /// The text with what always differs named alike.
    pub(super) fn normal(&self, text: &str) -> String {
        let mut text = text.to_owned();
        if !self.session.is_empty() {
            text = text.replace(&self.session, "{session}");
        }
        // A workspace of one or two letters stands in too much else.
        if self.workspace.len() > 2 {
            text = text.replace(&self.workspace, "{workspace}");
        }
        let temporary = TEMPORARY.iter().filter_map(|place| text.find(place).map(|at| at + place.len())).min();
        let mut normal = String::with_capacity(text.len());
        let mut rest = text.as_str();
        while let Some(first) = rest.chars().next() {
            let at = text.len() - rest.len();
            if !first.is_ascii_alphanumeric() {
                normal.push(first);
                rest = rest.get(first.len_utf8()..).unwrap_or_default();
                continue;
            }
            if let Some(behind) = behind_uuid(rest) {
                normal.push_str("{uuid}");
                rest = behind;
                continue;
            }
            let length = rest.find(|ch: char| !ch.is_ascii_alphanumeric()).unwrap_or(rest.len());
            let (word, behind) = rest.split_at_checked(length).unwrap_or((rest, ""));
            let is_temporary = temporary.is_some_and(|from| at >= from);
            normal.push_str(self.name_of(word, is_temporary).unwrap_or(word));
            rest = behind;
        }
        normal
    }

    fn name_of(&self, word: &str, is_temporary: bool) -> Option<&'static str> {
        let is_number = word.bytes().all(|byte| byte.is_ascii_digit());
        if is_number {
            // Pids below are those of a machine's first programs, and numbers that mean something else.
            let is_pid = word.parse().is_ok_and(|pid: u32| pid >= 100 && self.pids.contains(&pid));
            return if is_pid {
                Some("{pid}")
            } else if self.is_time(word) {
                Some("{time}")
            } else {
                None
            };
        }
        let digits = word.bytes().any(|byte| byte.is_ascii_digit());
        if word.len() >= 8 && digits && word.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Some("{hex}");
        }
        let small = word.bytes().any(|byte| byte.is_ascii_lowercase());
        let capital_behind = word.as_bytes().windows(2).any(|pair| {
            matches!(pair, [before, after] if before.is_ascii_lowercase() && (after.is_ascii_uppercase() || after.is_ascii_digit()))
        });
        let by_chance = word.len() >= 6 && (capital_behind || (digits && !small));
        (is_temporary && by_chance).then_some("{temp}")
    }

    fn is_time(&self, word: &str) -> bool {
        let Ok(number) = word.parse::<i64>() else { return false };
        let micros = match word.len() {
            10 => number.saturating_mul(1_000_000),
            13 => number.saturating_mul(1_000),
            16 => number,
            19 => number / 1_000,
            _ => return false,
        };
        micros >= self.times_us.0.saturating_sub(DAY_US) && micros <= self.times_us.1.saturating_add(DAY_US)
    }
}

/// What stands behind a UUID that the text begins with.
fn behind_uuid(text: &str) -> Option<&str> {
    let (uuid, behind) = text.split_at_checked(36)?;
    let is_one = uuid
        .bytes()
        .enumerate()
        .all(|(at, byte)| if matches!(at, 8 | 13 | 18 | 23) { byte == b'-' } else { byte.is_ascii_hexdigit() });
    (is_one && !behind.starts_with(|ch: char| ch.is_ascii_alphanumeric())).then_some(behind)
}
