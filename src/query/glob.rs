//! SQLite's GLOB in Rust, so that a path filter means the same on a row in memory and in the database.

/// Whether `text` matches `pattern`: `*` any run, `?` one character, `[…]` one of a set (`^` first: none of it; `]` first: itself).
/// Compares with case. An open bracket that is never closed matches nothing, as in SQLite.
pub(super) fn matches(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
    let (mut at, mut place) = (0, 0);
    // The last star, and how much of the text it has taken: a later star makes an earlier one's choice final.
    let mut star: Option<(usize, usize)> = None;
    loop {
        match step(&pattern, at, text.get(place).copied()) {
            Step::Star => {
                star = Some((at + 1, place));
                at += 1;
            }
            Step::Taken(next) => {
                at = next;
                place += 1;
            }
            Step::End if place >= text.len() => return true,
            Step::End | Step::Refused => match star {
                Some((behind, taken)) if taken < text.len() => {
                    star = Some((behind, taken + 1));
                    (at, place) = (behind, taken + 1);
                }
                _ => return false,
            },
        }
    }
}

enum Step {
    Star,
    /// The character was taken; the pattern goes on here.
    Taken(usize),
    /// The pattern is at its end.
    End,
    Refused,
}

fn step(pattern: &[char], at: usize, next: Option<char>) -> Step {
    let Some(part) = pattern.get(at) else { return Step::End };
    match (part, next) {
        ('*', _) => Step::Star,
        (_, None) => Step::Refused,
        ('?', Some(_)) => Step::Taken(at + 1),
        ('[', Some(ch)) => in_set(pattern, at + 1, ch).map_or(Step::Refused, Step::Taken),
        (part, Some(ch)) if *part == ch => Step::Taken(at + 1),
        _ => Step::Refused,
    }
}

/// Where the pattern goes on behind the set that begins at `at`, if `ch` is in it.
fn in_set(pattern: &[char], mut at: usize, ch: char) -> Option<usize> {
    let get = |at: usize| pattern.get(at).copied();
    let inverted = get(at) == Some('^');
    at += usize::from(inverted);
    let mut found = false;
    let mut previous = None;
    if get(at) == Some(']') {
        found = ch == ']';
        at += 1;
    }
    loop {
        match get(at)? {
            ']' => break,
            '-' if previous.is_some() && get(at + 1).is_some_and(|next| next != ']') => {
                let (from, to) = (previous?, get(at + 1)?);
                found |= (from..=to).contains(&ch);
                previous = None;
                at += 2;
            }
            other => {
                found |= other == ch;
                previous = Some(other);
                at += 1;
            }
        }
    }
    (found != inverted).then_some(at + 1)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]
mod tests {
    use super::matches;

    #[test]
    fn a_pattern_means_what_it_means_to_sqlite() {
        let patterns = [
            "*", "a*", "*a", "?", "[a-c]*", "[^a]b", "[]]", "[^]]", "[a-]", "[-a]", "a[", "*.r?", "**", "", "[a-c-e]", "é*",
            "a*b*c",
        ];
        let texts = ["", "a", "ab", "b", "c", "]", "-", "a[", "x.rs", "abc", "aXbYc", "é", "éa", "d", "e", "ba", "a/b/c"];
        let connection = std::process::Command::new("sqlite3").arg("-version").output();
        if connection.is_err() {
            return;
        }
        for pattern in patterns {
            let sql: String = texts.iter().map(|text| format!("SELECT '{text}' GLOB '{pattern}';")).collect();
            let output = std::process::Command::new("sqlite3").arg(":memory:").arg(sql).output().unwrap();
            let answers = String::from_utf8(output.stdout).unwrap();
            for (text, answer) in texts.iter().zip(answers.lines()) {
                assert_eq!(matches(pattern, text), answer == "1", "{text:?} GLOB {pattern:?}");
            }
        }
    }
}
