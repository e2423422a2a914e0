//! The form in which keys are compared: one for all spellings of a key.
//!
//! - `/` separates segments, so that the glob dialect of all rules fits; a `/` or `\` that is part of a name becomes another character.
//! - Names are in capitals as the kernel compares them (`RtlUpcaseUnicodeChar`): one character at a time, by the Unicode table, and not
//!   only in ASCII.
//! - `HKLM` and `HKU` are the only hives that are left of those with a Win32 name. The user of `HKCU` is not known, so it is `HKU` with
//!   a user that only a wildcard matches.
//! - `ControlSet001` and its like are `CurrentControlSet`; what a 32-bit program is redirected to (`WOW6432Node`) is what it asked for;
//!   `HKU\<SID>_Classes` is `HKU\<SID>\Software\Classes`.

use crate::event::RegistryHive;

/// Between segments.
pub(super) const SEPARATOR: char = '/';
/// In place of a `/` that is part of a name.
pub(super) const SLASH: char = '\u{1}';
/// In place of a `\` that is part of a value's name; a key's name has none.
const BACKSLASH: char = '\u{2}';
/// The user of `HKCU`.
pub(super) const UNKNOWN_USER: &str = "\u{3}";
/// What stands for the name of a key's default value, as the registry editor shows it.
const DEFAULT_VALUE: &str = "(DEFAULT)";

/// Nodes that a 32-bit program's keys are redirected to, on x64 and on ARM.
const REDIRECTED: [&str; 2] = ["WOW6432NODE", "WOWAA32NODE"];

/// The form of a key in which all its spellings are equal, with `\` between segments. A key of `HKCR` has the form of the machine's
/// classes, where it usually is.
#[must_use]
pub fn fold(key: &str) -> String {
    let mut folded = String::with_capacity(key.len() + 8);
    fold_into(key, Classes::Machine, &mut folded);
    folded.replace(SEPARATOR, "\\")
}

/// Which of the two places a key of `HKCR` is looked for in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Classes {
    Machine,
    User,
}

/// Where a key is that is at one place.
pub(super) const MACHINE: &[Classes] = &[Classes::Machine];
/// Where a key of `HKCR` may be.
pub(super) const BOTH: &[Classes] = &[Classes::Machine, Classes::User];

/// Whether a key is one of `HKCR`, which is two places at once.
pub(super) fn is_classes(key: &str) -> bool {
    matches!(RegistryHive::split(key), Some((RegistryHive::ClassesRoot, _)))
}

/// Appends the form of a key. What has that form already stays as it is.
pub(super) fn fold_into(key: &str, classes: Classes, folded: &mut String) {
    let mut writer = Writer { folded, empty: true, before: Place::Root };
    let rest = match RegistryHive::split(key) {
        None => key,
        Some((hive, rest)) => {
            match (hive, classes) {
                (RegistryHive::LocalMachine, _) => writer.put("HKLM"),
                (RegistryHive::Users, _) => writer.put("HKU"),
                (RegistryHive::CurrentUser, _) => writer.put_all(&["HKU", UNKNOWN_USER]),
                (RegistryHive::ClassesRoot, Classes::Machine) => writer.put_all(&["HKLM", "SOFTWARE", "CLASSES"]),
                (RegistryHive::ClassesRoot, Classes::User) => writer.put_all(&["HKU", UNKNOWN_USER, "SOFTWARE", "CLASSES"]),
                (RegistryHive::CurrentConfig, _) => {
                    writer.put_all(&["HKLM", "SYSTEM", "CURRENTCONTROLSET", "HARDWARE PROFILES", "CURRENT"]);
                }
                (RegistryHive::LocalSettings, _) => {
                    writer.put_all(&["HKU", UNKNOWN_USER, "SOFTWARE", "CLASSES", "LOCAL SETTINGS"]);
                }
            }
            rest
        }
    };
    for segment in rest.split('\\').filter(|segment| !segment.is_empty()) {
        writer.put(segment);
    }
}

/// Appends the name of a value as one more segment.
pub(super) fn fold_value_into(name: &str, folded: &mut String) {
    folded.push(SEPARATOR);
    if name.is_empty() {
        folded.push_str(DEFAULT_VALUE);
    } else {
        upcase_into(name, folded);
    }
}

/// What the next segment stands in, as far as a rule above cares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Root,
    Machine,
    Users,
    User,
    System,
    Software,
    Classes,
    Elsewhere,
}

/// Writes segments and applies the rules above to each.
struct Writer<'f> {
    folded: &'f mut String,
    empty: bool,
    before: Place,
}

impl Writer<'_> {
    fn put_all(&mut self, segments: &[&str]) {
        segments.iter().for_each(|segment| self.put(segment));
    }

    fn put(&mut self, segment: &str) {
        let start = self.folded.len();
        if !self.empty {
            self.folded.push(SEPARATOR);
        }
        let text = self.folded.len();
        upcase_into(segment, self.folded);
        let written = self.folded.get(text..).unwrap_or_default();
        if matches!(self.before, Place::Software | Place::Classes) && REDIRECTED.contains(&written) {
            return self.folded.truncate(start);
        }
        self.before = match self.before {
            Place::Root if written == "HKLM" => Place::Machine,
            Place::Root if written == "HKU" => Place::Users,
            Place::Users => match written.strip_suffix("_CLASSES") {
                Some(user) if !user.is_empty() && !user.ends_with("_CLASSES") => {
                    let length = user.len();
                    self.folded.truncate(text + length);
                    self.folded.push_str("/SOFTWARE/CLASSES");
                    Place::Classes
                }
                Some(_) | None => Place::User,
            },
            Place::Machine | Place::User if written == "SOFTWARE" => Place::Software,
            Place::Machine if written == "SYSTEM" => Place::System,
            Place::Software if written == "CLASSES" => Place::Classes,
            Place::System if is_control_set(written) => {
                self.folded.truncate(text);
                self.folded.push_str("CURRENTCONTROLSET");
                Place::Elsewhere
            }
            Place::Root | Place::Machine | Place::User | Place::System | Place::Software | Place::Classes | Place::Elsewhere => {
                Place::Elsewhere
            }
        };
        self.empty = false;
    }
}

/// `CONTROLSET` with the number of a set, or with a wildcard in a pattern.
fn is_control_set(name: &str) -> bool {
    name.strip_prefix("CONTROLSET").is_some_and(|number| {
        !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'?' | b'*' | b'[' | b']' | b'-'))
    })
}

/// Appends a name in capitals, with the characters that stand for something else replaced.
fn upcase_into(name: &str, folded: &mut String) {
    for ch in name.chars() {
        folded.push(match ch {
            'a'..='z' => ch.to_ascii_uppercase(),
            '/' => SLASH,
            '\\' => BACKSLASH,
            ' '..='~' => ch,
            other => upcase(other),
        });
    }
}

/// A character as `RtlUpcaseUnicodeChar` has it: the simple mapping of Unicode, for the Basic Multilingual Plane, where the kernel's
/// table has it. It leaves alone what would become ASCII or change its script (`ı`, `ſ`, `µ`), and what has no single capital (`ß`).
fn upcase(ch: char) -> char {
    if ch.is_ascii() {
        return ch.to_ascii_uppercase();
    }
    let mut capital = ch.to_uppercase();
    match (capital.next(), capital.next()) {
        (Some(one), None) if !one.is_ascii() && one <= '\u{FFFF}' && ch != 'µ' => one,
        _ => ch,
    }
}
