//! How the vocabulary's types stand in stored JSON and on the wire, and the macros that list them: one line for each message.
//!
//! A line names every field of the message with its type and its number. It makes the table by which rows are put on the wire and the
//! way back; since both sides are taken apart without `..`, a field that one of them lacks does not compile.

use std::net::IpAddr;

use crate::event::{EventId, Kind, OsText, Seq, TechniqueId};

/// One message: its fields in the order of their numbers, which is the order in which they are stored.
#[derive(Debug)]
pub(super) struct Message {
    pub(super) fields: &'static [Field],
}

/// One field.
#[derive(Debug)]
pub(super) struct Field {
    /// Its key in the stored JSON, and its name in `proto/`.
    pub(super) name: &'static str,
    pub(super) number: u32,
    pub(super) form: Form,
    pub(super) label: Label,
}

/// The form of a value.
#[derive(Clone, Copy, Debug)]
pub(super) enum Form {
    Text,
    Bool,
    U32,
    U64,
    I32,
    I64,
    /// One of a closed list of words, with the number of each.
    Word(&'static [(&'static str, i32)]),
    /// An event kind: a word too, of a list that is too long to be searched.
    Kind,
    Message(&'static Message),
}

/// How often a value stands in a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Label {
    /// Once; left out where it is the default of proto3.
    Plain,
    /// Once or not at all.
    Optional,
    /// As often as the list is long.
    Repeated,
}

/// A type that has a form on the wire.
pub(super) trait OnWire {
    const FORM: Form;
    const LABEL: Label = Label::Plain;
}

impl Field {
    pub(super) const fn of<T: OnWire>(name: &'static str, number: u32) -> Self {
        Self { name, number, form: T::FORM, label: T::LABEL }
    }
}

impl Message {
    /// The field of a name. Stored objects have their keys in the table's order, so the search goes on behind the last one found.
    pub(super) fn find(&self, name: &[u8], next: &mut usize) -> Option<&'static Field> {
        let (before, from) = self.fields.split_at_checked(*next).unwrap_or((self.fields, &[]));
        let named = |field: &&'static Field| field.name.as_bytes() == name;
        if let Some(at) = from.iter().position(|field| named(&field)) {
            *next += at + 1;
            return from.get(at);
        }
        before.iter().find(named)
    }
}

macro_rules! forms {
    ($($type:ty => $form:ident,)*) => { $(impl OnWire for $type { const FORM: Form = Form::$form; })* };
}

forms! {
    String => Text,
    OsText => Text,
    EventId => Text,
    TechniqueId => Text,
    IpAddr => Text,
    bool => Bool,
    u16 => U32,
    u32 => U32,
    u64 => U64,
    Seq => U64,
    i32 => I32,
    i64 => I64,
    Kind => Kind,
}

impl<T: OnWire> OnWire for Option<T> {
    const FORM: Form = T::FORM;
    const LABEL: Label = Label::Optional;
}

impl<T: OnWire> OnWire for Vec<T> {
    const FORM: Form = T::FORM;
    const LABEL: Label = Label::Repeated;
}

/// Lists messages: each field with its type in the vocabulary and its number.
macro_rules! messages {
    ($($name:ident { $($field:ident: $type:ty = $number:literal),* $(,)? })*) => { $(
        impl $crate::encode::proto::form::OnWire for crate::event::$name {
            const FORM: $crate::encode::proto::form::Form =
                $crate::encode::proto::form::Form::Message(&$crate::encode::proto::form::Message {
                    fields: &[$($crate::encode::proto::form::Field::of::<$type>(stringify!($field), $number)),*],
                });
        }

        impl $crate::encode::proto::from_wire::FromWire<$crate::encode::proto::$name> for crate::event::$name {
            fn from_wire(
                message: $crate::encode::proto::$name,
                place: &$crate::encode::proto::from_wire::Place<'_>,
            ) -> Result<Self, $crate::encode::proto::FromWireError> {
                let $crate::encode::proto::$name { $($field),* } = message;
                Ok(Self {
                    $($field: $crate::encode::proto::from_wire::FromWire::from_wire($field, &place.field(stringify!($field)))?,)*
                })
            }
        }
    )* };
}
pub(super) use messages;

/// Lists words: each variant of the vocabulary's enum with that of the enum on the wire.
macro_rules! words {
    ($($name:ident { $($word:ident = $variant:ident),* $(,)? })*) => { $(
        impl $crate::encode::proto::form::OnWire for crate::event::$name {
            const FORM: $crate::encode::proto::form::Form = {
                const fn number(word: crate::event::$name) -> i32 {
                    match word { $(crate::event::$name::$word => $crate::encode::proto::$name::$variant as i32,)* }
                }
                $crate::encode::proto::form::Form::Word(&[
                    $((crate::event::$name::$word.as_str(), number(crate::event::$name::$word)),)*
                ])
            };
        }

        impl $crate::encode::proto::from_wire::FromWire<i32> for crate::event::$name {
            fn from_wire(
                number: i32,
                place: &$crate::encode::proto::from_wire::Place<'_>,
            ) -> Result<Self, $crate::encode::proto::FromWireError> {
                match $crate::encode::proto::$name::try_from(number) {
                    $(Ok($crate::encode::proto::$name::$variant) => Ok(Self::$word),)*
                    Ok($crate::encode::proto::$name::Unspecified) => {
                        Err(place.is($crate::encode::proto::WireProblem::NotSet))
                    }
                    Err(_) => Err(place.is($crate::encode::proto::WireProblem::UnknownNumber { number })),
                }
            }
        }
    )* };
}
pub(super) use words;
