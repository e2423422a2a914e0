//! The typed content of every event kind, one file for each family.
//!
//! Guarantee: each struct's JSON form is what the journal stores and never loses a field or a byte of a path.
//! Never: a payload holds a secret; `redact` runs before one is made (G-7). Field names never collide with `actor`.

mod command;
mod derived;
mod file;
mod ipc;
mod network;
mod pipeline;
mod process;
mod registry;
mod session;

pub use command::*;
pub use derived::*;
pub use file::*;
pub use ipc::*;
pub use network::*;
pub use pipeline::*;
pub use process::*;
pub use registry::*;
pub use session::*;

/// The derives and JSON habits that every payload shares: absent fields are left out, unknown ones are ignored.
macro_rules! payload {
    ($($(#[$meta:meta])* pub struct $name:ident { $($(#[$field_meta:meta])* pub $field:ident : $type:ty,)* })*) => {
        $(
            $(#[$meta])*
            #[derive(Clone, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
            #[serde(default)]
            pub struct $name {
                $(
                    $(#[$field_meta])*
                    #[serde(skip_serializing_if = "crate::event::payload::is_absent")]
                    pub $field: $type,
                )*
            }
        )*
    };
}
pub(crate) use payload;

/// A closed list of words, with its text form.
macro_rules! words {
    ($($(#[$meta:meta])* pub enum $name:ident { $($(#[$variant_meta:meta])* $variant:ident => $word:literal,)* })*) => {
        $(
            $(#[$meta])*
            #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
            pub enum $name {
                $($(#[$variant_meta])* #[serde(rename = $word)] $variant,)*
            }

            impl $name {
                /// Every word, in the order of the documentation.
                pub const ALL: &'static [$name] = &[$($name::$variant,)*];

                /// The stable text form.
                #[must_use]
                pub const fn as_str(self) -> &'static str {
                    match self { $($name::$variant => $word,)* }
                }

                /// Reads the text form.
                #[must_use]
                pub fn from_word(word: &str) -> Option<Self> {
                    match word { $($word => Some($name::$variant),)* _ => None }
                }
            }

            impl crate::event::payload::Absent for $name {}
        )*
    };
}
pub(crate) use words;

/// Whether a field is left out of the stored JSON: only `None` and empty lists are.
pub trait Absent {
    /// `true` when the value says nothing.
    fn is_absent(&self) -> bool {
        false
    }
}

pub(crate) fn is_absent<T: Absent>(value: &T) -> bool {
    value.is_absent()
}

impl<T> Absent for Option<T> {
    fn is_absent(&self) -> bool {
        self.is_none()
    }
}

impl<T> Absent for Vec<T> {
    fn is_absent(&self) -> bool {
        self.is_empty()
    }
}

macro_rules! always_present {
    ($($type:ty),*) => { $(impl Absent for $type {})* };
}

always_present!(bool, u8, u16, u32, u64, i32, i64, String, super::OsText, super::Kind);
