//! What must stand in a text that a regular expression matches: words, and what may stand beside them.
//!
//! It reads the expression as it is written and knows of Unicode only that a class may hold characters beyond ASCII: building the real
//! classes is what makes an expression slow to compile. Flags are passed over, in that everything is taken as broadly as any flag would.

use regex_syntax::ast::{
    AssertionKind, Ast, ClassBracketed, ClassPerl, ClassPerlKind, ClassSet, ClassSetItem, Flag, FlagsItemKind, GroupKind,
    RepetitionKind, RepetitionRange, parse::Parser,
};

use super::bytes::{Beside, ascii_part, one, range};
use super::need::{Need, Text};

/// Words that are told apart at one place of an expression.
const WORDS: usize = 64;

/// Bytes of one of them.
const LONGEST: usize = 40;

/// Repetitions that are written out.
const REPEATED: u32 = 4;

/// What must stand in the text of a field that the expression matches.
pub(super) fn need(pattern: &str, field: Option<&str>) -> Need {
    match Parser::new().parse(pattern) {
        Ok(ast) if !has_bytes(&ast) => Reader { field }.need(&ast, Beside::ANYTHING, Beside::ANYTHING),
        Ok(_) | Err(_) => Need::Nothing,
    }
}

/// Whether Unicode is switched off anywhere: then classes and boundaries mean something else.
fn has_bytes(ast: &Ast) -> bool {
    let off = |items: &[regex_syntax::ast::FlagsItem]| items.iter().any(|item| item.kind == FlagsItemKind::Flag(Flag::Unicode));
    match ast {
        Ast::Flags(set) => off(&set.flags.items),
        Ast::Group(group) => matches!(&group.kind, GroupKind::NonCapturing(flags) if off(&flags.items)) || has_bytes(&group.ast),
        Ast::Repetition(repetition) => has_bytes(&repetition.ast),
        Ast::Alternation(alternation) => alternation.asts.iter().any(has_bytes),
        Ast::Concat(concat) => concat.asts.iter().any(has_bytes),
        Ast::Empty(_)
        | Ast::Literal(_)
        | Ast::Dot(_)
        | Ast::Assertion(_)
        | Ast::ClassUnicode(_)
        | Ast::ClassPerl(_)
        | Ast::ClassBracketed(_) => false,
    }
}

type Words = Vec<String>;

struct Reader<'f> {
    field: Option<&'f str>,
}

impl Reader<'_> {
    /// What must stand there, between these neighbours.
    fn need(&self, ast: &Ast, before: Beside, after: Beside) -> Need {
        if let Some(words) = words(ast) {
            return self.one_of(&words, before, after);
        }
        match ast {
            Ast::Group(group) => self.need(&group.ast, before, after),
            Ast::Alternation(alternation) => Need::any(alternation.asts.iter().map(|ast| self.need(ast, before, after))),
            Ast::Concat(concat) => self.sequence(&concat.asts, before, after),
            Ast::Repetition(repetition) if least(&repetition.op.kind) > 0 => {
                self.need(&repetition.ast, Beside::ANYTHING, Beside::ANYTHING)
            }
            _ => Need::Nothing,
        }
    }

    fn sequence(&self, asts: &[Ast], before: Beside, after: Beside) -> Need {
        let mut parts = Vec::new();
        asts.iter().for_each(|ast| flatten(ast, &mut parts));
        let mut needs = Vec::new();
        let mut run: Option<(usize, Words)> = None;
        for (at, part) in parts.iter().enumerate() {
            let own = words(part);
            run = match (run.take(), own) {
                (None, Some(own)) => Some((at, own)),
                (Some((from, words)), Some(own)) => match product(&words, &own) {
                    Some(longer) => Some((from, longer)),
                    None => {
                        needs.push(self.run(&parts, from..at, &words, before, after));
                        Some((at, own))
                    }
                },
                (run, None) => {
                    if let Some((from, words)) = run {
                        needs.push(self.run(&parts, from..at, &words, before, after));
                    }
                    needs.push(self.need(part, last_of(&parts, at, before), first_of(&parts, at + 1, after)));
                    None
                }
            };
        }
        if let Some((from, words)) = run {
            needs.push(self.run(&parts, from..parts.len(), &words, before, after));
        }
        Need::all(needs)
    }

    /// Words that follow from some of the parts.
    fn run(&self, parts: &[&Ast], of: std::ops::Range<usize>, words: &[String], before: Beside, after: Beside) -> Need {
        let (mut left, mut right) = (last_of(parts, of.start, before), first_of(parts, of.end, after));
        if of.start.checked_sub(1).and_then(|at| parts.get(at)).is_some_and(|part| is_boundary(part)) {
            left = left.both(across(words.iter().map(|word| word.bytes().next())));
        }
        if parts.get(of.end).is_some_and(|part| is_boundary(part)) {
            right = right.both(across(words.iter().map(|word| word.bytes().last())));
        }
        self.one_of(words, left, right)
    }

    fn one_of(&self, words: &[String], before: Beside, after: Beside) -> Need {
        // One letter is in everything, and would be found again and again.
        if words.iter().any(|word| word.len() < 2) {
            return Need::Nothing;
        }
        let field = self.field.map(str::to_owned);
        Need::any(words.iter().map(|word| Need::Text(Text { field: field.clone(), literal: word.clone(), before, after })))
    }
}

/// The parts of a sequence, of those in it too.
fn flatten<'a>(ast: &'a Ast, parts: &mut Vec<&'a Ast>) {
    match ast {
        Ast::Concat(concat) => concat.asts.iter().for_each(|ast| flatten(ast, parts)),
        Ast::Group(group) => flatten(&group.ast, parts),
        other => parts.push(other),
    }
}

/// Every text that it matches, in small letters, where these are few and of ASCII.
fn words(ast: &Ast) -> Option<Words> {
    let words = match ast {
        Ast::Empty(_) | Ast::Flags(_) => vec![String::new()],
        Ast::Literal(literal) => vec![letter(literal.c)?],
        Ast::ClassBracketed(class) => members(class)?,
        Ast::Group(group) => words(&group.ast)?,
        Ast::Alternation(alternation) => {
            let mut all = Vec::new();
            for ast in &alternation.asts {
                all.extend(words(ast)?);
            }
            all
        }
        Ast::Concat(concat) => {
            let mut all = vec![String::new()];
            for ast in &concat.asts {
                all = product(&all, &words(ast)?)?;
            }
            all
        }
        Ast::Repetition(repetition) => match repetition.op.kind {
            RepetitionKind::ZeroOrOne => {
                let mut once = words(&repetition.ast)?;
                once.push(String::new());
                once
            }
            RepetitionKind::Range(RepetitionRange::Exactly(times)) if times <= REPEATED => {
                let once = words(&repetition.ast)?;
                let mut all = vec![String::new()];
                for _ in 0..times {
                    all = product(&all, &once)?;
                }
                all
            }
            _ => return None,
        },
        Ast::Dot(_) | Ast::Assertion(_) | Ast::ClassUnicode(_) | Ast::ClassPerl(_) => return None,
    };
    (words.len() <= WORDS).then_some(words)
}

fn product(first: &[String], second: &[String]) -> Option<Words> {
    if first.len() * second.len() > WORDS {
        return None;
    }
    let all: Words = first.iter().flat_map(|first| second.iter().map(move |second| format!("{first}{second}"))).collect();
    all.iter().all(|word| word.len() <= LONGEST).then_some(all)
}

fn letter(character: char) -> Option<String> {
    let (spelled, whole) = ascii_part(character.encode_utf8(&mut [0; 4]));
    (whole && spelled.len() == 1).then_some(spelled)
}

/// The few characters of a class.
fn members(class: &ClassBracketed) -> Option<Words> {
    let ClassSet::Item(item) = &class.kind else { return None };
    if class.negated {
        return None;
    }
    let items = if let ClassSetItem::Union(union) = item { union.items.as_slice() } else { std::slice::from_ref(item) };
    let mut all = Vec::new();
    for item in items {
        let ClassSetItem::Literal(literal) = item else { return None };
        let letter = letter(literal.c)?;
        if !all.contains(&letter) {
            all.push(letter);
        }
    }
    (all.len() <= 4).then_some(all)
}

fn least(kind: &RepetitionKind) -> u32 {
    match kind {
        RepetitionKind::ZeroOrOne | RepetitionKind::ZeroOrMore => 0,
        RepetitionKind::OneOrMore => 1,
        RepetitionKind::Range(
            RepetitionRange::Exactly(least) | RepetitionRange::AtLeast(least) | RepetitionRange::Bounded(least, _),
        ) => *least,
    }
}

fn is_boundary(ast: &Ast) -> bool {
    matches!(ast, Ast::Assertion(assertion) if assertion.kind == AssertionKind::WordBoundary)
}

/// What may stand on the other side of a word boundary.
fn across(ends: impl Iterator<Item = Option<u8>>) -> Beside {
    let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    let (mut of_words, mut of_others) = (true, true);
    for end in ends {
        match end {
            Some(byte) if word(byte) => of_others = false,
            Some(_) => of_words = false,
            None => return Beside::ANYTHING,
        }
    }
    match (of_words, of_others) {
        (true, false) => Beside::ascii(!WORD).and_beyond_ascii().or(Beside::END),
        (false, true) => Beside::ascii(WORD).and_beyond_ascii(),
        _ => Beside::ANYTHING,
    }
}

const DIGIT: u128 = range(b'0', b'9');
const WORD: u128 = DIGIT | range(b'a', b'z') | range(b'A', b'Z') | one(b'_');
const SPACE: u128 = range(b'\t', b'\r') | one(b' ');
const LINES: u128 = one(b'\n') | one(b'\r');

/// What the parts from one on may begin with.
fn first_of(parts: &[&Ast], from: usize, after: Beside) -> Beside {
    let mut all = Beside::NOTHING;
    for part in parts.iter().skip(from) {
        let (own, passable) = edge(part, true);
        all = all.or(own);
        if !passable {
            return all;
        }
    }
    all.or(after)
}

/// What the parts before one may end with.
fn last_of(parts: &[&Ast], to: usize, before: Beside) -> Beside {
    let mut all = Beside::NOTHING;
    for part in parts.iter().take(to).rev() {
        let (own, passable) = edge(part, false);
        all = all.or(own);
        if !passable {
            return all;
        }
    }
    all.or(before)
}

/// What an expression begins with (or ends with), and whether it may match nothing at all.
fn edge(ast: &Ast, begins: bool) -> (Beside, bool) {
    match ast {
        Ast::Empty(_) | Ast::Flags(_) => (Beside::NOTHING, true),
        Ast::Literal(literal) => (character(literal.c), false),
        Ast::Dot(_) | Ast::ClassUnicode(_) => (Beside::SOMETHING, false),
        Ast::ClassPerl(class) => (perl(class), false),
        Ast::ClassBracketed(class) => (bracketed(class), false),
        Ast::Assertion(assertion) => match (&assertion.kind, begins) {
            (AssertionKind::EndLine | AssertionKind::EndText, true)
            | (AssertionKind::StartLine | AssertionKind::StartText, false) => {
                // At the end of a line, if the flag says so.
                (Beside::ascii(LINES).or(Beside::END), false)
            }
            _ => (Beside::NOTHING, true),
        },
        Ast::Repetition(repetition) => {
            let (own, passable) = edge(&repetition.ast, begins);
            (own, passable || least(&repetition.op.kind) == 0)
        }
        Ast::Group(group) => edge(&group.ast, begins),
        Ast::Alternation(alternation) => alternation
            .asts
            .iter()
            .map(|ast| edge(ast, begins))
            .fold((Beside::NOTHING, false), |all, own| (all.0.or(own.0), all.1 || own.1)),
        Ast::Concat(concat) => {
            let mut all = Beside::NOTHING;
            let count = concat.asts.len();
            for at in 0..count {
                let part = concat.asts.get(if begins { at } else { count - 1 - at });
                let (own, passable) = part.map_or((Beside::SOMETHING, true), |part| edge(part, begins));
                all = all.or(own);
                if !passable {
                    return (all, false);
                }
            }
            (all, true)
        }
    }
}

fn character(character: char) -> Beside {
    match u8::try_from(character) {
        Ok(byte) if byte.is_ascii() => Beside::ascii(one(byte)),
        _ => Beside::NOTHING.and_spelled(),
    }
}

/// The characters beyond ASCII that are spelled as letters of it are letters themselves: they are wherever `k`, `i` and `s` are.
fn perl(class: &ClassPerl) -> Beside {
    Beside::ascii(of_perl(class)).and_beyond_ascii()
}

const fn of_perl(class: &ClassPerl) -> u128 {
    let set = match class.kind {
        ClassPerlKind::Digit => DIGIT,
        ClassPerlKind::Space => SPACE,
        ClassPerlKind::Word => WORD,
    };
    if class.negated { !set } else { set }
}

fn bracketed(class: &ClassBracketed) -> Beside {
    let ClassSet::Item(item) = &class.kind else { return Beside::SOMETHING };
    match ascii_of(item) {
        // Where the case of letters is no matter, less is outside of it.
        Some(set) if class.negated => Beside::ascii(!set).and_spelled(),
        Some(set) if of_ascii_alone(item) => Beside::ascii(set),
        Some(set) => Beside::ascii(set).and_spelled(),
        None => Beside::SOMETHING,
    }
}

/// The ASCII characters of it, as they are written; `None` where that is not looked into.
fn ascii_of(item: &ClassSetItem) -> Option<u128> {
    let ascii = |character: char| u8::try_from(character).ok().filter(u8::is_ascii);
    Some(match item {
        ClassSetItem::Empty(_) => 0,
        ClassSetItem::Literal(literal) => ascii(literal.c).map_or(0, one),
        ClassSetItem::Range(of) => ascii(of.start.c).map_or(0, |first| range(first, ascii(of.end.c).unwrap_or(127))),
        ClassSetItem::Perl(class) => of_perl(class),
        ClassSetItem::Union(union) => union.items.iter().try_fold(0, |all, item| Some(all | ascii_of(item)?))?,
        ClassSetItem::Ascii(_) | ClassSetItem::Unicode(_) | ClassSetItem::Bracketed(_) => return None,
    })
}

fn of_ascii_alone(item: &ClassSetItem) -> bool {
    match item {
        ClassSetItem::Empty(_) => true,
        ClassSetItem::Literal(literal) => literal.c.is_ascii(),
        ClassSetItem::Range(range) => range.end.c.is_ascii(),
        ClassSetItem::Union(union) => union.items.iter().all(of_ascii_alone),
        ClassSetItem::Ascii(_) | ClassSetItem::Perl(_) | ClassSetItem::Unicode(_) | ClassSetItem::Bracketed(_) => false,
    }
}
