//! One record as the `evtx` crate renders it: the envelope's fields, and the data's as pairs, without a tree.

use std::borrow::Cow;
use std::fmt;

use serde::de::{IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use crate::capture::import::windows::Fields;

/// A record.
#[derive(Debug, Deserialize)]
pub(super) struct Document<'a> {
    #[serde(rename = "Event", borrow)]
    pub(super) event: WindowsEvent<'a>,
}

#[derive(Debug, Deserialize)]
pub(super) struct WindowsEvent<'a> {
    #[serde(rename = "System", borrow)]
    pub(super) system: System<'a>,
    #[serde(rename = "EventData", borrow, default)]
    pub(super) data: Option<Pairs<'a>>,
    #[serde(rename = "UserData", default)]
    _user_data: Option<IgnoredAny>,
}

/// The part that every record has.
#[derive(Debug, Deserialize)]
pub(super) struct System<'a> {
    #[serde(rename = "Provider", borrow, default)]
    provider: Attributes<'a>,
    #[serde(rename = "EventID", borrow, default)]
    event_id: Option<Text<'a>>,
    #[serde(rename = "Computer", borrow, default)]
    computer: Option<Text<'a>>,
    #[serde(rename = "Keywords", borrow, default)]
    keywords: Option<Text<'a>>,
    #[serde(rename = "TimeCreated", borrow, default)]
    time: Attributes<'a>,
}

impl System<'_> {
    pub(super) fn provider(&self) -> &str {
        self.provider.0.raw("Name").unwrap_or_default()
    }

    pub(super) fn event_id(&self) -> &str {
        self.event_id.as_ref().map_or("", Text::as_str)
    }

    pub(super) fn computer(&self) -> &str {
        self.computer.as_ref().map_or("", Text::as_str)
    }

    pub(super) fn keywords(&self) -> &str {
        self.keywords.as_ref().map_or("", Text::as_str)
    }

    pub(super) fn time(&self) -> &str {
        self.time.0.raw("SystemTime").unwrap_or_default()
    }
}

/// A scalar as text.
#[derive(Debug, Default)]
pub(in crate::capture::import) struct Text<'a>(Cow<'a, str>);

impl<'a> Text<'a> {
    pub(in crate::capture::import) fn as_str(&self) -> &str {
        &self.0
    }

    pub(in crate::capture::import) fn into_inner(self) -> Cow<'a, str> {
        self.0
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TextVisitor)
    }
}

struct TextVisitor;

impl<'de> Visitor<'de> for TextVisitor {
    type Value = Text<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Text<'de>, E> {
        Ok(Text(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Text<'de>, E> {
        Ok(Text(Cow::Owned(text.to_owned())))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Text<'de>, E> {
        Ok(Text(Cow::Owned(number.to_string())))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Text<'de>, E> {
        Ok(Text(Cow::Owned(number.to_string())))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Text<'de>, E> {
        Ok(Text(Cow::Owned(number.to_string())))
    }

    fn visit_bool<E>(self, flag: bool) -> Result<Text<'de>, E> {
        Ok(Text(Cow::Borrowed(if flag { "true" } else { "false" })))
    }

    fn visit_unit<E>(self) -> Result<Text<'de>, E> {
        Ok(Text::default())
    }

    fn visit_none<E>(self) -> Result<Text<'de>, E> {
        Ok(Text::default())
    }

    /// The first of several, as the renderer writes a `Data` that is there more than once.
    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Text<'de>, A::Error> {
        let first = items.next_element::<Text<'de>>()?;
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(first.unwrap_or_default())
    }

    /// An element with attributes: its text.
    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Text<'de>, A::Error> {
        let mut text = Text::default();
        while let Some(key) = entries.next_key::<Text<'de>>()? {
            if key.as_str() == "#text" {
                text = entries.next_value()?;
            } else {
                entries.next_value::<IgnoredAny>()?;
            }
        }
        Ok(text)
    }
}

/// The fields of an object, in their order.
#[derive(Debug, Default)]
pub(in crate::capture::import) struct Pairs<'a>(pub(in crate::capture::import) Fields<'a>);

impl<'de: 'a, 'a> Deserialize<'de> for Pairs<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct PairsVisitor;

        impl<'de> Visitor<'de> for PairsVisitor {
            type Value = Pairs<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_unit<E>(self) -> Result<Pairs<'de>, E> {
                Ok(Pairs::default())
            }

            fn visit_str<E>(self, _: &str) -> Result<Pairs<'de>, E> {
                Ok(Pairs::default())
            }

            fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Pairs<'de>, A::Error> {
                let mut fields = Fields::default();
                while let Some((name, value)) = entries.next_entry::<Text<'de>, Text<'de>>()? {
                    fields.push(name.into_inner(), value.into_inner());
                }
                Ok(Pairs(fields))
            }
        }

        deserializer.deserialize_any(PairsVisitor)
    }
}

/// The attributes of an element, which the renderer writes as `"#attributes": {…}` within it; of one that has none, no fields.
#[derive(Debug, Default)]
struct Attributes<'a>(Fields<'a>);

impl<'de: 'a, 'a> Deserialize<'de> for Attributes<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct AttributesVisitor;

        impl<'de> Visitor<'de> for AttributesVisitor {
            type Value = Attributes<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an element")
            }

            fn visit_unit<E>(self) -> Result<Attributes<'de>, E> {
                Ok(Attributes::default())
            }

            fn visit_str<E>(self, _: &str) -> Result<Attributes<'de>, E> {
                Ok(Attributes::default())
            }

            fn visit_u64<E>(self, _: u64) -> Result<Attributes<'de>, E> {
                Ok(Attributes::default())
            }

            fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Attributes<'de>, A::Error> {
                let mut attributes = Attributes::default();
                while let Some(key) = entries.next_key::<Text<'de>>()? {
                    if key.as_str() == "#attributes" {
                        attributes = Attributes(entries.next_value::<Pairs<'de>>()?.0);
                    } else {
                        entries.next_value::<IgnoredAny>()?;
                    }
                }
                Ok(attributes)
            }
        }

        deserializer.deserialize_any(AttributesVisitor)
    }
}
