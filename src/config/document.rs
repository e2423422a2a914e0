//! A YAML text as a tree in which each key and value knows its place.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::{Location, MessageFormatter as _, Spanned, UserMessageFormatter};

use super::error::{Origin, Place, Problem};

/// A value and where it comes from.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) value: Value,
    pub(super) origin: Option<Origin>,
}

/// A key of a section and where it stands.
#[derive(Clone, Debug)]
pub(super) struct Key {
    pub(super) name: String,
    pub(super) origin: Option<Origin>,
}

/// What a value can be.
#[derive(Clone, Debug)]
pub(super) enum Value {
    Null,
    Bool(bool),
    Signed(i64),
    Unsigned(u64),
    Float(f64),
    Text(String),
    /// The text of an environment variable, whose type is what the key asks for.
    Variable(String),
    List(Vec<Node>),
    Section(Vec<(Key, Node)>),
}

impl Node {
    /// A section without keys.
    pub(super) const fn empty() -> Self {
        Self { value: Value::Section(Vec::new()), origin: None }
    }

    /// The value at a path of keys.
    pub(super) fn at(&self, path: &str) -> Option<&Node> {
        path.split('.').try_fold(self, |node, name| match &node.value {
            Value::Section(entries) => entries.iter().find(|(key, _)| key.name == name).map(|(_, node)| node),
            _ => None,
        })
    }
}

/// Reads a text. One that holds nothing but comments is an empty section.
pub(super) fn parse(text: &str) -> Result<Node, (Problem, Option<Origin>)> {
    let options = serde_saphyr::options! {
        budget: serde_saphyr::budget! { max_depth: 16, flow_nesting_limit: 16, max_documents: 1, max_aliases: 100 },
        alias_limits: serde_saphyr::alias_limits! { max_total_replayed_events: 10_000, max_replay_stack_depth: 8 },
        merge_keys: serde_saphyr::MergeKeyPolicy::Error,
        reject_unsupported_tags: true,
        with_snippet: false,
    };
    let root: Result<Spanned<Raw>, _> = serde_saphyr::from_str_with_options(text, options);
    match root {
        Ok(root) => Ok(node(root)),
        Err(serde_saphyr::Error::Eof { .. }) => Ok(Node::empty()),
        Err(error) => {
            let what = UserMessageFormatter.format_message(error.without_snippet()).into_owned();
            Err((Problem::NotYaml { what }, error.location().and_then(origin)))
        }
    }
}

fn node(spanned: Spanned<Raw>) -> Node {
    Node { origin: origin(spanned.referenced), value: spanned.value.0 }
}

fn origin(location: Location) -> Option<Origin> {
    let size = |number: Option<u64>| number.and_then(|number| usize::try_from(number).ok()).unwrap_or_default();
    let span = location.span();
    let (offset, length) = (size(span.byte_offset()), size(span.byte_len()));
    let place = Place { line: location.line(), column: location.column(), offset, length };
    (location != Location::UNKNOWN).then_some(Origin::File(place))
}

/// A value as the YAML reader gives it.
struct Raw(Value);

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyValue).map(Raw)
    }
}

struct AnyValue;

impl<'de> Visitor<'de> for AnyValue {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_none<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Signed(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Unsigned(value))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Value::Float(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::Text(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element::<Spanned<Raw>>()? {
            list.push(node(item));
        }
        Ok(Value::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut section = Vec::new();
        while let Some(key) = entries.next_key::<Spanned<String>>()? {
            let value = node(entries.next_value::<Spanned<Raw>>()?);
            section.push((Key { origin: origin(key.referenced), name: key.value }, value));
        }
        Ok(Value::Section(section))
    }
}
