//! Patterns: from the glob as it is written to globs that are matched, with everything refused that could never match.
//!
//! One dialect for all families: `?` and `*` stay within a segment, `**` crosses segments, `[a-z]` and `[!a-z]` are classes of ASCII
//! characters, `{a,b}` are alternatives, a backslash takes the special meaning away. Matching is on bytes, so `?` is one byte.
//! Alternatives are written out before compiling: `**/{a,b}` becomes two literals, which the matcher looks up instead of searching.

use globset::{Glob, GlobBuilder};

use super::flaw::PatternFlaw;
use super::variables::Variables;

/// The longest pattern, in bytes: no path is longer (`PATH_MAX` of Linux).
const MAX_BYTES: usize = 4_096;
/// How many patterns the braces of one may stand for.
const MAX_ALTERNATIVES: usize = 256;
/// How deep braces may be nested.
const MAX_BRACES: usize = 8;

/// `**`, which is a segment of its own.
const STARS: &[Piece<'static>] = &[Piece::Char('*'), Piece::Char('*')];
/// The named classes of the dialect (POSIX, ASCII only).
pub(super) const NAMED_CLASSES: [&str; 12] =
    ["alnum", "alpha", "blank", "cntrl", "digit", "graph", "lower", "print", "punct", "space", "upper", "xdigit"];

/// One character of a pattern as the glob dialect sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Piece<'p> {
    /// A character, special or not.
    Char(char),
    /// A character whose special meaning is taken away.
    Escaped(char),
    /// A character class with its brackets.
    Class(&'p str),
    Open,
    Comma,
    Close,
}

/// One pattern without braces.
pub(super) type Alternative<'p> = Vec<Piece<'p>>;

/// A pattern for absolute paths; several globs where it has alternatives.
pub(super) fn path_globs(pattern: &str, variables: &Variables) -> Result<Vec<Glob>, PatternFlaw> {
    let expanded = expand(pattern, variables)?;
    alternatives(&expanded, '/')?.into_iter().map(|pieces| path_glob(pieces, &expanded, pattern)).collect()
}

/// What a pattern for commands is compared with.
pub(super) enum CommandGlob {
    /// The resolved path.
    Path(Glob),
    /// The last segment of the path.
    Name(Glob),
}

/// A pattern for commands: with a slash it is one for the resolved path, without one it is one for the name.
pub(super) fn command_globs(pattern: &str, variables: &Variables) -> Result<Vec<CommandGlob>, PatternFlaw> {
    let expanded = expand(pattern, variables)?;
    let globs = alternatives(&expanded, '/')?.into_iter().map(|pieces| {
        if pieces.contains(&Piece::Char('/')) {
            path_glob(pieces, &expanded, pattern).map(CommandGlob::Path)
        } else {
            compile(&pieces, true).map(CommandGlob::Name)
        }
    });
    globs.collect()
}

/// A pattern for one argument: an argument is no path, so `*` matches slashes too.
pub(super) fn argument_globs(pattern: &str) -> Result<Vec<Glob>, PatternFlaw> {
    if pattern.len() > MAX_BYTES {
        return Err(PatternFlaw::TooLong { limit: MAX_BYTES });
    }
    alternatives(pattern, '\0')?.iter().map(|pieces| compile(pieces, false)).collect()
}

pub(super) fn expand(pattern: &str, variables: &Variables) -> Result<String, PatternFlaw> {
    if pattern.is_empty() {
        return Err(PatternFlaw::Empty);
    }
    let expanded = variables.expand(pattern)?;
    if expanded.len() > MAX_BYTES {
        return Err(PatternFlaw::TooLong { limit: MAX_BYTES });
    }
    Ok(expanded)
}

/// Refuses what no normalised absolute path can match; slashes in a row, which variables bring, count as one.
fn path_glob(mut pieces: Alternative<'_>, expanded: &str, written: &str) -> Result<Glob, PatternFlaw> {
    pieces.iter_mut().for_each(|piece| {
        if *piece == Piece::Escaped('/') {
            *piece = Piece::Char('/');
        }
    });
    pieces.dedup_by(|second, first| *first == Piece::Char('/') && *second == Piece::Char('/'));
    let segments: Vec<&[Piece<'_>]> = pieces.split(|piece| *piece == Piece::Char('/')).collect();
    if segments.first().is_some_and(|first| !first.is_empty() && *first != STARS) || pieces.is_empty() {
        let expanded = if expanded == written { String::new() } else { expanded.to_owned() };
        return Err(PatternFlaw::Relative { expanded });
    }
    for segment in &segments {
        if *segment != STARS && segment.windows(2).any(|pair| pair == STARS) {
            return Err(PatternFlaw::PartialDoubleStar);
        }
        let text = render(segment);
        if text == "." || text == ".." {
            return Err(PatternFlaw::DotSegment { segment: text });
        }
    }
    if pieces.len() > 1 && pieces.last() == Some(&Piece::Char('/')) {
        return Err(PatternFlaw::TrailingSlash);
    }
    compile(&pieces, true)
}

pub(super) fn compile(pieces: &[Piece<'_>], literal_separator: bool) -> Result<Glob, PatternFlaw> {
    let pattern = render(pieces);
    GlobBuilder::new(&pattern)
        .literal_separator(literal_separator)
        .backslash_escape(true)
        .build()
        .map_err(|error| PatternFlaw::DoesNotCompile { why: error.kind().to_string() })
}

fn render(pieces: &[Piece<'_>]) -> String {
    let mut pattern = String::with_capacity(pieces.len());
    for piece in pieces {
        match piece {
            Piece::Char(ch) => pattern.push(*ch),
            Piece::Escaped(ch) => pattern.extend(['\\', *ch]),
            Piece::Class(class) => pattern.push_str(class),
            Piece::Open => pattern.push('{'),
            Piece::Comma => pattern.push(','),
            Piece::Close => pattern.push('}'),
        }
    }
    pattern
}

/// Writes the braces of a pattern out. `separator` is the character that no class matches; NUL where there is none.
pub(super) fn alternatives(pattern: &str, separator: char) -> Result<Vec<Alternative<'_>>, PatternFlaw> {
    let pieces = pieces(pattern, separator)?;
    let mut rest = pieces.as_slice();
    let alternatives = sequence(&mut rest, 0)?;
    if rest.is_empty() { Ok(alternatives) } else { Err(PatternFlaw::UnopenedBrace) }
}

/// Reads pieces up to a comma or a brace that belongs to the caller, or to the end.
fn sequence<'p>(rest: &mut &[Piece<'p>], depth: usize) -> Result<Vec<Alternative<'p>>, PatternFlaw> {
    let mut found: Vec<Alternative<'p>> = vec![Vec::new()];
    while let Some((piece, after)) = rest.split_first() {
        match piece {
            Piece::Open => {
                *rest = after;
                let choices = choices(rest, depth + 1)?;
                if found.len() * choices.len() > MAX_ALTERNATIVES {
                    return Err(PatternFlaw::TooManyAlternatives { limit: MAX_ALTERNATIVES });
                }
                found = found.iter().flat_map(|start| choices.iter().map(move |end| [start.as_slice(), end].concat())).collect();
            }
            Piece::Comma | Piece::Close if depth > 0 => return Ok(found),
            Piece::Close => return Ok(found),
            Piece::Comma | Piece::Char(_) | Piece::Escaped(_) | Piece::Class(_) => {
                *rest = after;
                let literal = if *piece == Piece::Comma { Piece::Char(',') } else { *piece };
                found.iter_mut().for_each(|alternative| alternative.push(literal));
            }
        }
    }
    if depth == 0 { Ok(found) } else { Err(PatternFlaw::UnclosedBrace) }
}

/// Reads what stands between braces, and the closing one.
fn choices<'p>(rest: &mut &[Piece<'p>], depth: usize) -> Result<Vec<Alternative<'p>>, PatternFlaw> {
    if depth > MAX_BRACES {
        return Err(PatternFlaw::TooManyAlternatives { limit: MAX_ALTERNATIVES });
    }
    let mut found = Vec::new();
    loop {
        found.extend(sequence(rest, depth)?);
        if found.len() > MAX_ALTERNATIVES {
            return Err(PatternFlaw::TooManyAlternatives { limit: MAX_ALTERNATIVES });
        }
        let ended_by = rest.first().copied();
        *rest = rest.get(1..).unwrap_or_default();
        match ended_by {
            Some(Piece::Comma) => {}
            Some(Piece::Close) => return Ok(found),
            Some(Piece::Open | Piece::Char(_) | Piece::Escaped(_) | Piece::Class(_)) | None => {
                return Err(PatternFlaw::UnclosedBrace);
            }
        }
    }
}

fn pieces(pattern: &str, separator: char) -> Result<Vec<Piece<'_>>, PatternFlaw> {
    let mut pieces = Vec::with_capacity(pattern.len());
    let mut chars = pattern.char_indices();
    while let Some((at, ch)) = chars.next() {
        pieces.push(match ch {
            '\\' => Piece::Escaped(chars.next().ok_or(PatternFlaw::DanglingEscape)?.1),
            '{' => Piece::Open,
            ',' => Piece::Comma,
            '}' => Piece::Close,
            '[' => {
                let rest = pattern.get(at..).unwrap_or_default();
                let class = rest.get(..class_length(rest)?).unwrap_or_default();
                if let Some(bad) = class.chars().find(|ch| !ch.is_ascii()) {
                    return Err(PatternFlaw::ClassNotAscii { ch: bad });
                }
                if class.contains(separator) {
                    return Err(PatternFlaw::SeparatorInClass { separator });
                }
                // Skips the class: it is ASCII, so its bytes are its characters; the bracket is taken, and `nth` takes one more.
                chars.nth(class.len().saturating_sub(2));
                Piece::Class(class)
            }
            other => Piece::Char(other),
        });
    }
    Ok(pieces)
}

/// The length in bytes of the class that the text starts with. A `]` in first place is one of its characters, as is one that closes
/// a named class such as `[:digit:]`.
fn class_length(text: &str) -> Result<usize, PatternFlaw> {
    let bytes = text.as_bytes();
    let mut at = 1;
    if matches!(bytes.get(at), Some(b'!' | b'^')) {
        at += 1;
    }
    let first = at;
    loop {
        match bytes.get(at) {
            None => return Err(PatternFlaw::UnclosedClass),
            Some(b']') if at > first => return Ok(at + 1),
            Some(b'[') if bytes.get(at + 1) == Some(&b':') => {
                let name = bytes.get(at + 2..).unwrap_or_default();
                let letters = name.iter().take_while(|byte| byte.is_ascii_lowercase()).count();
                if name.get(letters..letters + 2) != Some(b":]") {
                    at += 1;
                    continue;
                }
                let name = text.get(at + 2..at + 2 + letters).unwrap_or_default();
                if !NAMED_CLASSES.contains(&name) {
                    return Err(PatternFlaw::UnknownClass { name: name.to_owned() });
                }
                at += letters + 4;
            }
            Some(_) => at += 1,
        }
    }
}
