//! What a regular expression takes when it is compiled, without compiling it: a count that is never too small, for those that can be seen
//! through.
//!
//! Compiling the expressions of all rules takes a third of a second, and reading them a hundredth of that. What `regex` refuses is what
//! cannot be read, what names a class that it does not know, and what takes more than 10 MiB: the first is known from reading, of the
//! second nothing is said here, and for the third the parts are added up.

use regex_syntax::ast::{
    Ast, ClassPerlKind, ClassSet, ClassSetItem, Flag, FlagsItem, FlagsItemKind, GroupKind, RepetitionKind, RepetitionRange,
    parse::Parser,
};

/// Bytes that the automaton of an expression takes at most; `None` where that cannot be seen.
pub(super) fn weight(pattern: &str) -> Option<u64> {
    of(&Parser::new().parse(pattern).ok()?)
}

// Each is above what `regex` 1.13 takes for one, in either case of the letters; a test holds them to that.
const LITERAL: u64 = 400;
const ANY: u64 = 1_500;
const ASSERTION: u64 = 100;
const WORD: u64 = 80_000;
const DIGIT: u64 = 16_000;
const SPACE: u64 = 4_000;
const RANGE: u64 = 2_500;
const PART: u64 = 200;

fn of(ast: &Ast) -> Option<u64> {
    let own = match ast {
        Ast::Empty(_) => 0,
        Ast::Flags(set) => seen_through(&set.flags.items)?,
        Ast::Literal(_) => LITERAL,
        Ast::Dot(_) => ANY,
        Ast::Assertion(_) => ASSERTION,
        Ast::ClassUnicode(_) => return None,
        Ast::ClassPerl(class) => perl(&class.kind),
        Ast::ClassBracketed(class) => match &class.kind {
            ClassSet::Item(item) => ANY + item_of(item)?,
            ClassSet::BinaryOp(_) => return None,
        },
        Ast::Repetition(repetition) => {
            let times = match repetition.op.kind {
                RepetitionKind::ZeroOrOne | RepetitionKind::ZeroOrMore | RepetitionKind::OneOrMore => 1,
                RepetitionKind::Range(RepetitionRange::Exactly(times) | RepetitionRange::Bounded(_, times)) => times,
                RepetitionKind::Range(RepetitionRange::AtLeast(times)) => times.saturating_add(1),
            };
            of(&repetition.ast)?.saturating_add(PART).saturating_mul(u64::from(times))
        }
        Ast::Group(group) => {
            if let GroupKind::NonCapturing(flags) = &group.kind {
                seen_through(&flags.items)?;
            }
            of(&group.ast)?
        }
        Ast::Alternation(alternation) => sum(alternation.asts.iter().map(of))?,
        Ast::Concat(concat) => sum(concat.asts.iter().map(of))?,
    };
    Some(own.saturating_add(PART))
}

fn sum(parts: impl Iterator<Item = Option<u64>>) -> Option<u64> {
    parts.into_iter().try_fold(0_u64, |all, own| Some(all.saturating_add(own?)))
}

/// Without Unicode, what matches bytes that are no text is refused.
fn seen_through(items: &[FlagsItem]) -> Option<u64> {
    let without = items.iter().any(|item| matches!(item.kind, FlagsItemKind::Flag(Flag::Unicode)));
    (!without).then_some(0)
}

const fn perl(kind: &ClassPerlKind) -> u64 {
    match kind {
        ClassPerlKind::Digit => DIGIT,
        ClassPerlKind::Space => SPACE,
        ClassPerlKind::Word => WORD,
    }
}

fn item_of(item: &ClassSetItem) -> Option<u64> {
    Some(match item {
        ClassSetItem::Empty(_) => 0,
        ClassSetItem::Literal(_) => LITERAL,
        // One that is not of ASCII alone has as many cases as there are letters in it.
        ClassSetItem::Range(range) if range.end.c.is_ascii() => RANGE,
        ClassSetItem::Range(_) => WORD,
        ClassSetItem::Ascii(_) => RANGE,
        ClassSetItem::Perl(class) => perl(&class.kind),
        ClassSetItem::Union(union) => sum(union.items.iter().map(item_of))?,
        ClassSetItem::Unicode(_) | ClassSetItem::Bracketed(_) => return None,
    })
}

#[cfg(test)]
mod tests {
    use regex::RegexBuilder;

    use super::*;

    /// Bytes with which the expression compiles, to within a tenth.
    fn taken(pattern: &str) -> u64 {
        let (mut low, mut high) = (0, 64 << 20);
        while high - low > high / 16 {
            let middle = (low + high) / 2;
            if RegexBuilder::new(pattern).size_limit(middle).build().is_ok() {
                high = middle;
            } else {
                low = middle;
            }
        }
        u64::try_from(high).unwrap_or(u64::MAX)
    }

    #[test]
    fn an_expression_takes_less_than_it_weighs() {
        // Beside the part in question stands what every expression takes.
        for part in [
            "k",
            "é",
            ".",
            r"\w",
            r"\W",
            r"\d",
            r"\D",
            r"\s",
            r"\S",
            "[a-z]",
            "[^a-z]",
            "[^k]",
            "[ks]",
            r"[\w.-]",
            r"[^\s;|&]",
            "[à-ÿ]",
            "[а-я]",
            "[\u{80}-\u{10ffff}]",
            "[[:alpha:]]",
            r"\b",
            "^",
            "(a|b)",
            "(?:a?b)+",
            "[a-zA-Z0-9+/=]",
            r"(?:\S*/)?",
        ] {
            for pattern in [format!("(?:{part}){{60}}"), format!("(?i)(?:{part}){{60}}"), format!("(?is)(?:{part}x){{1,60}}")] {
                let (taken, weight) = (taken(&pattern), weight(&pattern));
                assert!(weight.is_some_and(|weight| taken <= weight), "{pattern}: {taken} > {weight:?}");
            }
        }
    }

    #[test]
    fn what_cannot_be_seen_through_has_no_weight() {
        for pattern in [r"\p{Greek}", "(", r"(?-u)\xff", "(?-u:a)", "[a&&b]", r"[\pL]"] {
            assert_eq!(weight(pattern), None, "{pattern}");
        }
    }
}
