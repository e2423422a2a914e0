//! Field masks: which fields of `Event` a reader wants. Compiled once for a stream, asked for each event.

use super::form::{Field, Form, Label, Message};
use super::tables::{ENVELOPE, table};
use crate::event::Kind;

/// Which fields of `Event` are sent. `seq` always is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Mask {
    /// `None`: all of them.
    fields: Option<Box<Fields>>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct Fields {
    envelope: Wanted,
    /// In the order of [`Kind::ALL`].
    payloads: Vec<Option<Wanted>>,
}

/// Fields of a message.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Wanted {
    /// A bit for the number of each field that is wanted whole.
    whole: u64,
    /// Fields that are messages and of which some fields are wanted, by number.
    parts: Vec<(u32, Wanted)>,
}

/// What is wanted of a message.
#[derive(Clone, Copy, Debug)]
pub(super) enum Want<'m> {
    Whole,
    Part(&'m Wanted),
}

/// A path of a field mask that names no field of `Event`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{path}` is no field of an event{}", nearest.as_ref().map(|nearest| format!("; `{nearest}` is")).unwrap_or_default())]
pub struct UnknownField {
    /// The path as it was given.
    pub path: String,
    /// The field that was most likely meant.
    pub nearest: Option<String>,
}

impl Mask {
    /// Every field.
    #[must_use]
    pub const fn all() -> Self {
        Self { fields: None }
    }

    /// Whether every field is sent.
    #[must_use]
    pub const fn is_all(&self) -> bool {
        self.fields.is_none()
    }

    /// Reads paths such as `kind`, `actor.exe`, `file_open`, `file_open.path`; no path at all means every field, as in
    /// `google.protobuf.FieldMask`. A payload's paths begin with the name of its kind. Lists are sent whole or not at all.
    ///
    /// # Errors
    /// [`UnknownField`] names the first path that is no field.
    pub fn compile<'a>(paths: impl IntoIterator<Item = &'a str>) -> Result<Mask, UnknownField> {
        let mut fields: Option<Box<Fields>> = None;
        for path in paths {
            let fields = fields.get_or_insert_default();
            fields.payloads.resize(Kind::ALL.len(), None);
            fields.add(path)?;
        }
        Ok(Self { fields })
    }

    /// Whether a field of the envelope that is no message is sent.
    #[inline]
    pub(super) fn sends(&self, number: u32) -> bool {
        self.fields.as_ref().is_none_or(|fields| fields.envelope.whole & (1 << number) != 0)
    }

    /// What is wanted of a message in the envelope.
    #[inline]
    pub(super) fn want(&self, number: u32) -> Option<Want<'_>> {
        self.fields.as_ref().map_or(Some(Want::Whole), |fields| Want::Part(&fields.envelope).field(number))
    }

    /// What is wanted of a kind's payload.
    #[inline]
    pub(super) fn want_payload(&self, kind: Kind) -> Option<Want<'_>> {
        match &self.fields {
            None => Some(Want::Whole),
            Some(fields) => fields.payloads.get(kind as usize)?.as_ref().map(|wanted| match wanted.whole {
                u64::MAX => Want::Whole,
                _ => Want::Part(wanted),
            }),
        }
    }
}

impl Fields {
    fn add(&mut self, path: &str) -> Result<(), UnknownField> {
        let (first, rest) = path.split_once('.').map_or((path, None), |(first, rest)| (first, Some(rest)));
        let added = match first.parse::<Kind>() {
            Err(_) => self.envelope.add(ENVELOPE, path),
            Ok(kind) => self.payloads.get_mut(kind as usize).and_then(|wanted| {
                let wanted = wanted.get_or_insert_default();
                let Some(rest) = rest else {
                    *wanted = Wanted { whole: u64::MAX, parts: Vec::new() };
                    return Some(());
                };
                wanted.add(payload(kind)?, rest)
            }),
        };
        added.ok_or_else(|| UnknownField { path: path.to_owned(), nearest: nearest(path) })
    }
}

impl Wanted {
    /// Adds the field that a path names; `None` if it names none.
    fn add(&mut self, message: &Message, path: &str) -> Option<()> {
        let (first, rest) = path.split_once('.').map_or((path, None), |(first, rest)| (first, Some(rest)));
        let field = message.fields.iter().find(|field| field.name == first)?;
        let bit = 1 << field.number;
        let Some(rest) = rest else {
            self.whole |= bit;
            self.parts.retain(|(number, _)| *number != field.number);
            return Some(());
        };
        let inner = part_of(field)?;
        if self.whole & bit != 0 {
            return Wanted::default().add(inner, rest);
        }
        match self.parts.iter_mut().find(|(number, _)| *number == field.number) {
            Some((_, wanted)) => wanted.add(inner, rest),
            None => {
                let mut wanted = Wanted::default();
                wanted.add(inner, rest)?;
                self.parts.push((field.number, wanted));
                self.parts.sort_by_key(|(number, _)| *number);
                Some(())
            }
        }
    }

    fn field(&self, number: u32) -> Option<Want<'_>> {
        if self.whole & (1 << number) != 0 {
            return Some(Want::Whole);
        }
        self.parts.iter().find(|(part, _)| *part == number).map(|(_, wanted)| Want::Part(wanted))
    }
}

impl<'m> Want<'m> {
    /// What is wanted of a field; `None` if nothing is.
    #[inline]
    pub(super) fn field(self, number: u32) -> Option<Want<'m>> {
        match self {
            Want::Whole => Some(Want::Whole),
            Want::Part(wanted) => wanted.field(number),
        }
    }
}

fn payload(kind: Kind) -> Option<&'static Message> {
    if let Form::Message(message) = table(kind).form { Some(message) } else { None }
}

/// The message that a field holds once, of which a path may name a part.
const fn part_of(field: &Field) -> Option<&'static Message> {
    match (field.label, field.form) {
        (Label::Plain | Label::Optional, Form::Message(message)) => Some(message),
        _ => None,
    }
}

/// Every path that a mask may have.
fn paths() -> Vec<String> {
    fn within(prefix: &str, message: &Message, paths: &mut Vec<String>) {
        for field in message.fields {
            let path = format!("{prefix}{}", field.name);
            let inner = format!("{path}.");
            paths.push(path);
            if let Some(message) = part_of(field) {
                within(&inner, message, paths);
            }
        }
    }
    let mut paths = Vec::new();
    within("", ENVELOPE, &mut paths);
    for kind in Kind::ALL {
        paths.push(kind.as_str().to_owned());
        if let Some(message) = payload(*kind) {
            within(&format!("{}.", kind.as_str()), message, &mut paths);
        }
    }
    paths
}

/// The path that was most likely meant: at most a third of the letters differ, or it is the first that ends so.
fn nearest(path: &str) -> Option<String> {
    let word = path.to_lowercase().replace('-', "_");
    let known = paths();
    let distances = known.iter().map(|known| (strsim::damerau_levenshtein(&word, known), known));
    let near = distances.min_by_key(|(distance, _)| *distance).filter(|(distance, _)| *distance <= word.chars().count() / 3);
    let ends_so = || known.iter().find(|known| known.strip_suffix(word.as_str()).is_some_and(|front| front.ends_with('.')));
    near.map(|(_, known)| known).or_else(ends_so).cloned()
}
