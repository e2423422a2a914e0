//! From the tree to a stage's `Config`: a deserializer whose errors know the key and where it stands.

use serde::de::value::StringDeserializer;
use serde::de::{
    self, DeserializeOwned, DeserializeSeed, Deserializer, Expected, IntoDeserializer, MapAccess, SeqAccess, Unexpected, Visitor,
};
use serde::forward_to_deserialize_any;

use super::document::{Key, Node, Value};
use super::error::{Origin, Problem};

/// Reads a value of any type out of the tree.
pub(super) fn read<T: DeserializeOwned>(root: Node) -> Result<T, (Problem, Option<Origin>)> {
    let origin = root.origin.clone();
    T::deserialize(root).map_err(|fault| fault.at(origin.as_ref()).located())
}

/// A problem on its way up, gathering its place and its path.
#[derive(Debug)]
pub(super) struct Fault {
    what: What,
    origin: Option<Origin>,
    /// Keys from the problem to the root.
    path: Vec<String>,
}

#[derive(Debug)]
enum What {
    UnknownKey { key: String, keys: Vec<&'static str> },
    MissingKey { key: &'static str },
    UnknownWord { word: String, words: Vec<&'static str> },
    WrongType { expected: String, found: String },
    Invalid { what: String },
    SectionInVariable,
}

impl Fault {
    /// Gives the fault a place, unless it has one further in.
    fn at(mut self, origin: Option<&Origin>) -> Self {
        self.origin = self.origin.or_else(|| origin.cloned());
        self
    }

    fn under(mut self, key: &str) -> Self {
        self.path.push(key.to_owned());
        self
    }

    fn located(self) -> (Problem, Option<Origin>) {
        let path: Vec<&str> = self.path.iter().rev().map(String::as_str).collect();
        let path = path.join(".");
        let problem = match self.what {
            What::UnknownKey { key, keys } => Problem::UnknownKey { key, section: path, keys },
            What::MissingKey { key } => Problem::MissingKey { key, section: path },
            What::UnknownWord { word, words } => Problem::UnknownWord { key: path, word, words },
            What::WrongType { expected, found } => Problem::WrongType { key: path, expected, found },
            What::Invalid { what } => Problem::Invalid { key: path, what },
            What::SectionInVariable => {
                let variable = format!("AGENTSH_{}", path.to_uppercase().replace('.', "__"));
                Problem::SectionInVariable { key: path, variable }
            }
        };
        (problem, self.origin)
    }
}

impl From<What> for Fault {
    fn from(what: What) -> Self {
        Self { what, origin: None, path: Vec::new() }
    }
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?}", self.what)
    }
}

impl std::error::Error for Fault {}

impl de::Error for Fault {
    fn custom<T: std::fmt::Display>(message: T) -> Self {
        What::Invalid { what: message.to_string() }.into()
    }

    fn invalid_type(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        What::WrongType { expected: in_words(&expected.to_string()), found: found_in_words(found) }.into()
    }

    fn invalid_value(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::invalid_type(found, expected)
    }

    fn unknown_variant(word: &str, words: &'static [&'static str]) -> Self {
        What::UnknownWord { word: word.to_owned(), words: words.to_vec() }.into()
    }

    fn unknown_field(key: &str, keys: &'static [&'static str]) -> Self {
        What::UnknownKey { key: key.to_owned(), keys: keys.to_vec() }.into()
    }

    fn missing_field(key: &'static str) -> Self {
        What::MissingKey { key }.into()
    }
}

/// What a type of Rust is called by someone who writes YAML.
fn in_words(expected: &str) -> String {
    match expected {
        "a string" | "string" | "path string" => "a text".to_owned(),
        "a boolean" => "`true` or `false`".to_owned(),
        "u8" | "u16" | "u32" | "u64" | "usize" => "a whole number".to_owned(),
        "i8" | "i16" | "i32" | "i64" | "isize" => "a whole number, which may be negative".to_owned(),
        "a sequence" => "a list".to_owned(),
        other if other.starts_with("struct ") || other == "a map" => "a section with keys".to_owned(),
        other if other.starts_with("enum ") => "one of its words".to_owned(),
        other => other.to_owned(),
    }
}

fn found_in_words(found: Unexpected<'_>) -> String {
    match found {
        Unexpected::Unit => "left empty".to_owned(),
        Unexpected::Map => "a section".to_owned(),
        Unexpected::Seq => "a list".to_owned(),
        Unexpected::Bool(value) => format!("`{value}`"),
        Unexpected::Signed(number) => format!("the number {number}"),
        Unexpected::Unsigned(number) => format!("the number {number}"),
        Unexpected::Float(number) => format!("the number {number}"),
        Unexpected::Str(text) => format!("the text `{text}`"),
        other => other.to_string(),
    }
}

fn unexpected(value: &Value) -> Unexpected<'_> {
    match value {
        Value::Null => Unexpected::Unit,
        Value::Bool(value) => Unexpected::Bool(*value),
        Value::Signed(number) => Unexpected::Signed(*number),
        Value::Unsigned(number) => Unexpected::Unsigned(*number),
        Value::Float(number) => Unexpected::Float(*number),
        Value::Text(text) | Value::Variable(text) => Unexpected::Str(text),
        Value::List(_) => Unexpected::Seq,
        Value::Section(_) => Unexpected::Map,
    }
}

macro_rules! numbers {
    ($($method:ident $visit:ident $type:ty,)*) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
            match &self.value {
                Value::Variable(text) => match text.trim().parse::<$type>() {
                    Ok(number) => visitor.$visit(number),
                    Err(_) => Err(de::Error::invalid_type(Unexpected::Str(text), &visitor)),
                },
                _ => self.deserialize_any(visitor),
            }
        })*
    };
}

impl<'de> Deserializer<'de> for Node {
    type Error = Fault;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.value {
            Value::Null => visitor.visit_unit(),
            Value::Bool(value) => visitor.visit_bool(value),
            Value::Signed(value) => visitor.visit_i64(value),
            Value::Unsigned(value) => visitor.visit_u64(value),
            Value::Float(value) => visitor.visit_f64(value),
            Value::Text(text) | Value::Variable(text) => visitor.visit_string(text),
            Value::List(items) => visitor.visit_seq(Items { items: items.into_iter() }),
            Value::Section(entries) => visitor.visit_map(Entries { entries: entries.into_iter(), value: None }),
        }
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match &self.value {
            Value::Variable(text) => match text.trim() {
                "true" => visitor.visit_bool(true),
                "false" => visitor.visit_bool(false),
                other => Err(de::Error::invalid_type(Unexpected::Str(other), &visitor)),
            },
            _ => self.deserialize_any(visitor),
        }
    }

    numbers! {
        deserialize_i8 visit_i64 i64, deserialize_i16 visit_i64 i64, deserialize_i32 visit_i64 i64, deserialize_i64 visit_i64 i64,
        deserialize_u8 visit_u64 u64, deserialize_u16 visit_u64 u64, deserialize_u32 visit_u64 u64, deserialize_u64 visit_u64 u64,
        deserialize_f32 visit_f64 f64, deserialize_f64 visit_f64 f64,
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.value {
            Value::Null => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        let Value::Variable(text) = self.value else { return self.deserialize_any(visitor) };
        let item = |text: &str| Node { value: Value::Variable(text.trim().to_owned()), origin: self.origin.clone() };
        let items: Vec<Node> = text.split(',').map(item).collect();
        visitor.visit_seq(Items { items: items.into_iter() })
    }

    /// A section whose keys are all left out (`server:` alone) is an empty one.
    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.value {
            Value::Null => visitor.visit_map(Entries { entries: Vec::new().into_iter(), value: None }),
            Value::Variable(_) => Err(What::SectionInVariable.into()),
            _ => self.deserialize_any(visitor),
        }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        match self.value {
            // A list would be taken for the fields in their order.
            Value::List(_) => Err(de::Error::invalid_type(Unexpected::Seq, &"a section with keys")),
            _ => self.deserialize_map(visitor),
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        words: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        match self.value {
            Value::Text(text) | Value::Variable(text) => {
                let word: StringDeserializer<Fault> = text.into_deserializer();
                word.deserialize_enum(name, words, visitor)
            }
            other => {
                let expected = format!("one of {}", words.join(", "));
                Err(de::Error::invalid_type(unexpected(&other), &expected.as_str()))
            }
        }
    }

    forward_to_deserialize_any! {
        i128 u128 char str string bytes byte_buf unit unit_struct tuple tuple_struct identifier ignored_any
    }
}

struct Items {
    items: std::vec::IntoIter<Node>,
}

impl<'de> SeqAccess<'de> for Items {
    type Error = Fault;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Fault> {
        let Some(node) = self.items.next() else { return Ok(None) };
        let origin = node.origin.clone();
        seed.deserialize(node).map(Some).map_err(|fault| fault.at(origin.as_ref()))
    }
}

struct Entries {
    entries: std::vec::IntoIter<(Key, Node)>,
    value: Option<(Key, Node)>,
}

impl<'de> MapAccess<'de> for Entries {
    type Error = Fault;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Fault> {
        let Some((key, node)) = self.entries.next() else { return Ok(None) };
        let origin = key.origin.clone();
        let name: StringDeserializer<Fault> = key.name.clone().into_deserializer();
        self.value = Some((key, node));
        seed.deserialize(name).map(Some).map_err(|fault| fault.at(origin.as_ref()))
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Fault> {
        let Some((key, node)) = self.value.take() else { return Err(de::Error::custom("a value without a key")) };
        let origin = node.origin.clone().or(key.origin);
        seed.deserialize(node).map_err(|fault| fault.at(origin.as_ref()).under(&key.name))
    }
}
