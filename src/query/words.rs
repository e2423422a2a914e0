//! Words of the vocabulary as people type them, with the nearest valid word where one is misspelt.

use std::fmt;

use crate::event::{Decision, Family, Kind};

/// Likeness (Jaro-Winkler, 0 to 1) from which a word is worth suggesting.
const ALIKE: f64 = 0.7;

/// A word that is not in its list.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct UnknownWord {
    /// What it should have been (`event kind`).
    pub what: &'static str,
    /// The word as it was given.
    pub word: String,
    /// The valid word that is most like it, if one is.
    pub nearest: Option<&'static str>,
    /// All valid words, where they are few.
    pub valid: Vec<&'static str>,
}

impl fmt::Display for UnknownWord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { what, word, nearest, valid } = self;
        write!(f, "`{word}` is no {what}: ")?;
        match nearest {
            Some(nearest) => write!(f, "did you mean `{nearest}`?")?,
            None if valid.is_empty() => f.write_str("docs/events.md lists them")?,
            None => {}
        }
        if !valid.is_empty() {
            let space = if nearest.is_some() { " " } else { "" };
            write!(f, "{space}valid are {}", valid.join(", "))?;
        }
        Ok(())
    }
}

/// Reads the name of a kind (`file_open`).
///
/// # Errors
/// [`UnknownWord`] with the nearest kind.
pub fn kind(word: &str) -> Result<Kind, UnknownWord> {
    word.parse().map_err(|_| unknown("event kind", word, Kind::ALL.iter().map(|kind| kind.as_str()), false))
}

/// Reads the name of a family (`file`).
///
/// # Errors
/// [`UnknownWord`] with the nearest family.
pub fn family(word: &str) -> Result<Family, UnknownWord> {
    let found = Family::ALL.into_iter().find(|family| family.as_str() == word);
    found.ok_or_else(|| unknown("family of events", word, Family::ALL.into_iter().map(Family::as_str), true))
}

/// Reads a verdict (`deny`).
///
/// # Errors
/// [`UnknownWord`] with the nearest verdict.
pub fn decision(word: &str) -> Result<Decision, UnknownWord> {
    let valid = Decision::ALL.iter().map(|decision| decision.as_str());
    Decision::from_word(word).ok_or_else(|| unknown("decision", word, valid, true))
}

fn unknown(what: &'static str, word: &str, valid: impl Iterator<Item = &'static str>, few: bool) -> UnknownWord {
    let valid: Vec<&'static str> = valid.collect();
    let lower = word.to_lowercase();
    let scored = valid.iter().map(|known| (likeness(&lower, known), *known)).filter(|(score, _)| *score >= ALIKE);
    // Of equally like words the first, which is the more usual one.
    let nearest = scored.rev().max_by(|(a, _), (b, _)| a.total_cmp(b)).map(|(_, known)| known);
    UnknownWord { what, word: word.to_owned(), nearest, valid: if few { valid } else { Vec::new() } }
}

/// How like a known word is, as a whole or in the part that was most likely meant (`opn` for `file_open`).
fn likeness(word: &str, known: &str) -> f64 {
    const OF_A_PART: f64 = 0.95;
    let parts = known.split('_').map(|part| OF_A_PART * strsim::jaro_winkler(word, part));
    parts.fold(strsim::jaro_winkler(word, known), f64::max)
}
