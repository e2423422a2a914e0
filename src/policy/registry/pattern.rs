//! Patterns for keys: from the glob as it is written to globs over the form that all spellings share.
//!
//! The dialect is that of all rules, with `\` in the place of `/`; it takes no special meaning away, so `[*]` is a star itself.

use globset::{Glob, GlobBuilder};

use super::flaw::KeyFlaw;
use super::fold::{Classes, SEPARATOR, SLASH, UNKNOWN_USER, fold_into, fold_value_into, is_classes};
use crate::event::RegistryHive;
use crate::policy::flaw::PatternFlaw;
use crate::policy::pattern::{Alternative, NAMED_CLASSES, Piece, alternatives, expand};
use crate::policy::variables::Variables;

/// One glob of a pattern.
pub(super) struct KeyGlob {
    pub(super) glob: Glob,
    /// Segments down to the first `**`, or all: how far down the pattern names its way.
    pub(super) depth: usize,
}

/// The globs that a pattern for keys stands for.
pub(super) fn key_globs(pattern: &str, variables: &Variables) -> Result<Vec<KeyGlob>, KeyFlaw> {
    if pattern.contains('/') && !pattern.contains('\\') {
        return Err(KeyFlaw::Slashes);
    }
    if pattern.ends_with('\\') {
        return Err(KeyFlaw::TrailingSeparator);
    }
    let turned: String = pattern
        .chars()
        .map(|ch| match ch {
            '\\' => SEPARATOR,
            '/' => SLASH,
            other => other,
        })
        .collect();
    let expanded = expand(&turned, variables)?;
    let mut globs = Vec::new();
    for alternative in alternatives(&expanded, SEPARATOR)? {
        let key = text(&alternative);
        let first = key.split('\\').find(|segment| !segment.is_empty()).unwrap_or_default();
        if RegistryHive::split(&key).is_none() && first != "**" && !first.eq_ignore_ascii_case("REGISTRY") {
            return Err(KeyFlaw::NoHive { first: first.to_owned() });
        }
        if key.split('\\').any(|segment| segment.contains("**") && segment != "**") {
            return Err(PatternFlaw::PartialDoubleStar.into());
        }
        globs.push(glob(&key, Classes::Machine)?);
        if is_classes(&key) {
            globs.push(glob(&key, Classes::User)?);
        }
    }
    Ok(globs)
}

/// The globs that a pattern for a value's name stands for; `(Default)` and nothing at all are the key's default value.
pub(super) fn value_globs(pattern: &str, variables: &Variables) -> Result<Vec<Glob>, KeyFlaw> {
    let turned = pattern.replace('/', "\u{1}").replace('\\', r"\\");
    let expanded = if turned.is_empty() { turned } else { expand(&turned, variables)? };
    let globs = alternatives(&expanded, '\0')?.into_iter().map(|alternative| {
        let mut folded = String::new();
        fold_value_into(&literal(&alternative), &mut folded);
        compile(folded.trim_start_matches(SEPARATOR))
    });
    globs.collect()
}

fn glob(key: &str, classes: Classes) -> Result<KeyGlob, KeyFlaw> {
    let mut folded = String::with_capacity(key.len() + 16);
    fold_into(key, classes, &mut folded);
    let folded = folded.replace(UNKNOWN_USER, "*");
    let depth = folded.split(SEPARATOR).take_while(|segment| *segment != "**").count();
    Ok(KeyGlob { glob: compile(&folded)?, depth })
}

fn compile(folded: &str) -> Result<Glob, KeyFlaw> {
    // Names of classes are not in capitals, and there are no small letters left for `lower`.
    let pattern = NAMED_CLASSES.iter().fold(folded.to_owned(), |pattern, name| {
        let class = if *name == "lower" { "upper" } else { name };
        pattern.replace(&format!("[:{}:]", name.to_uppercase()), &format!("[:{class}:]"))
    });
    let built = GlobBuilder::new(&pattern).literal_separator(true).backslash_escape(false).build();
    built.map_err(|error| PatternFlaw::DoesNotCompile { why: error.kind().to_string() }.into())
}

/// An alternative as a key, with `\` between segments. What a variable brought stands for itself.
fn text(pieces: &Alternative<'_>) -> String {
    pieces.iter().fold(String::new(), |mut key, piece| {
        match piece {
            Piece::Char(SEPARATOR) | Piece::Escaped('\\') => key.push('\\'),
            other => push(*other, &mut key),
        }
        key
    })
}

fn literal(pieces: &Alternative<'_>) -> String {
    pieces.iter().fold(String::new(), |mut name, piece| {
        push(*piece, &mut name);
        name
    })
}

fn push(piece: Piece<'_>, text: &mut String) {
    match piece {
        Piece::Char(ch) => text.push(ch),
        Piece::Escaped(ch) if "*?[]{},".contains(ch) => text.extend(['[', ch, ']']),
        Piece::Escaped(ch) => text.push(ch),
        Piece::Class(class) => text.push_str(class),
        Piece::Open => text.push('{'),
        Piece::Comma => text.push(','),
        Piece::Close => text.push('}'),
    }
}
