//! Variables: `${NAME}` and `${NAME:-default}` in the patterns of paths and commands.

use std::collections::BTreeMap;

use super::flaw::PatternFlaw;
use crate::event::OsText;

/// How deep defaults may stand in defaults (`${A:-${B:-${C}}}`).
const MAX_DEPTH: usize = 8;

/// The values that a policy is compiled with. They are given, never read from the environment, so that a policy means the same wherever
/// it is compiled again (G-6).
///
/// A value stands for one path and never for a pattern: what is special in a pattern is escaped. A slash at its end is dropped. An empty
/// value counts as none, as `:-` does in a shell.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Variables {
    values: BTreeMap<String, OsText>,
}

impl Variables {
    /// No variables.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The same variables and one more, or another value of one.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<OsText>) -> Self {
        self.values.insert(name.to_owned(), value.into());
        self
    }

    fn get(&self, name: &str) -> Option<&OsText> {
        self.values.get(name).filter(|value| !value.as_bytes().is_empty())
    }

    /// Puts the values in the place of their names; the result is a pattern.
    pub(super) fn expand(&self, pattern: &str) -> Result<String, PatternFlaw> {
        let mut expanded = String::with_capacity(pattern.len());
        let mut rest = pattern;
        while let Some((before, after)) = rest.split_once("${") {
            expanded.push_str(before);
            let (inside, tail) = split_at_close(after).ok_or(PatternFlaw::UnclosedVariable)?;
            for part in self.value(inside, 0)? {
                escape_into(part, &mut expanded);
            }
            rest = tail;
        }
        expanded.push_str(rest);
        Ok(expanded)
    }

    /// The bytes that the inside of `${…}` stands for, in parts.
    fn value<'a>(&'a self, inside: &'a str, depth: usize) -> Result<Vec<&'a [u8]>, PatternFlaw> {
        if depth == MAX_DEPTH {
            return Err(PatternFlaw::VariablesTooDeep { limit: MAX_DEPTH });
        }
        let (name, default) = match inside.split_once(":-") {
            Some((name, default)) => (name, Some(default)),
            None => (inside, None),
        };
        if !is_name(name) {
            return Err(PatternFlaw::BadVariableName { name: name.to_owned() });
        }
        if let Some(value) = self.get(name) {
            return Ok(vec![without_end_slash(value.as_bytes())]);
        }
        let Some(default) = default else {
            let defined = self.values.keys().filter(|known| self.get(known).is_some()).cloned().collect();
            return Err(PatternFlaw::UndefinedVariable { name: name.to_owned(), defined });
        };
        let mut parts = Vec::new();
        let mut rest = default;
        while let Some((before, after)) = rest.split_once("${") {
            parts.push(before.as_bytes());
            let (inside, tail) = split_at_close(after).ok_or(PatternFlaw::UnclosedVariable)?;
            parts.extend(self.value(inside, depth + 1)?);
            rest = tail;
        }
        parts.push(without_end_slash(rest.as_bytes()));
        Ok(parts)
    }
}

/// Splits what follows `${` at its closing brace, past the braces of variables inside.
fn split_at_close(text: &str) -> Option<(&str, &str)> {
    let mut depth = 0_usize;
    let mut previous = '\0';
    for (at, ch) in text.char_indices() {
        match ch {
            '{' if previous == '$' => depth += 1,
            '}' if depth == 0 => return Some((text.get(..at)?, text.get(at + 1..)?)),
            '}' => depth -= 1,
            _ => {}
        }
        previous = ch;
    }
    None
}

fn is_name(name: &str) -> bool {
    let mut chars = name.chars();
    chars.next().is_some_and(|first| first.is_ascii_alphabetic() || first == '_')
        && chars.all(|ch| ch.is_ascii_alphanumeric() || ch == '_')
}

fn without_end_slash(value: &[u8]) -> &[u8] {
    let end = value.iter().rposition(|byte| *byte != b'/').map_or(1, |last| last + 1);
    value.get(..end).unwrap_or(value)
}

/// A glob is text, so a byte that is not UTF-8 becomes `?`, which matches that byte and any other single one.
fn escape_into(value: &[u8], pattern: &mut String) {
    for chunk in value.utf8_chunks() {
        for ch in chunk.valid().chars() {
            if matches!(ch, '\\' | '*' | '?' | '[' | ']' | '{' | '}' | ',') {
                pattern.push('\\');
            }
            pattern.push(ch);
        }
        pattern.extend(chunk.invalid().iter().map(|_| '?'));
    }
}
