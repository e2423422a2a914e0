//! `OsText`: bytes from the operating system, shown as text without losing any.

use std::borrow::Cow;
use std::ffi::OsStr;
use std::fmt;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A path, an argument or a name as the kernel gave it: any bytes but NUL.
///
/// Its text form is the bytes themselves where they are UTF-8. A backslash is written `\\`, and a byte that is not part of
/// valid UTF-8 is written `\xNN`, so that the text can always be turned back into the same bytes.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct OsText(Vec<u8>);

/// Text that no [`OsText`] has: a backslash that starts neither `\\` nor `\xNN`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a backslash at byte {at} starts neither `\\\\` nor `\\xNN`")]
pub struct BadEscape {
    /// Offset of the backslash in the text.
    pub at: usize,
}

impl OsText {
    /// Takes the bytes as they are.
    #[must_use]
    pub fn from_bytes(bytes: impl Into<Vec<u8>>) -> Self {
        Self(bytes.into())
    }

    /// The bytes as the kernel gave them.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The bytes as a path.
    #[must_use]
    pub fn as_path(&self) -> &Path {
        Path::new(OsStr::from_bytes(&self.0))
    }

    /// The bytes as an `OsStr`.
    #[must_use]
    pub fn as_os_str(&self) -> &OsStr {
        OsStr::from_bytes(&self.0)
    }

    /// The text form; borrowed when nothing has to be escaped.
    #[must_use]
    pub fn as_text(&self) -> Cow<'_, str> {
        match std::str::from_utf8(&self.0) {
            Ok(text) if !self.0.contains(&b'\\') => Cow::Borrowed(text),
            _ => Cow::Owned(escape(&self.0)),
        }
    }

    /// Reads the text form.
    ///
    /// # Errors
    /// [`BadEscape`] when a backslash starts no escape.
    pub fn from_text(text: &str) -> Result<Self, BadEscape> {
        let mut bytes = Vec::with_capacity(text.len());
        let mut rest = text.as_bytes();
        while let Some(run) = rest.iter().position(|byte| *byte == b'\\') {
            let (plain, escape) = rest.split_at_checked(run).unwrap_or((rest, &[]));
            bytes.extend_from_slice(plain);
            let at = text.len() - escape.len();
            match escape {
                [_, b'\\', after @ ..] => {
                    bytes.push(b'\\');
                    rest = after;
                }
                [_, b'x', high, low, after @ ..] => {
                    let digit = |d: u8| char::from(d).to_digit(16);
                    let (Some(high), Some(low)) = (digit(*high), digit(*low)) else {
                        return Err(BadEscape { at });
                    };
                    bytes.push(u8::try_from(high * 16 + low).map_err(|_| BadEscape { at })?);
                    rest = after;
                }
                _ => return Err(BadEscape { at }),
            }
        }
        bytes.extend_from_slice(rest);
        Ok(Self(bytes))
    }
}

fn escape(bytes: &[u8]) -> String {
    use fmt::Write as _;
    let mut text = String::with_capacity(bytes.len() + 16);
    for chunk in bytes.utf8_chunks() {
        for (place, run) in chunk.valid().split('\\').enumerate() {
            if place > 0 {
                text.push_str("\\\\");
            }
            text.push_str(run);
        }
        for byte in chunk.invalid() {
            // Writing to a String cannot fail.
            let _ = write!(text, "\\x{byte:02x}");
        }
    }
    text
}

impl fmt::Debug for OsText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.as_text())
    }
}

impl fmt::Display for OsText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.as_text())
    }
}

impl From<&str> for OsText {
    fn from(text: &str) -> Self {
        Self(text.as_bytes().to_vec())
    }
}

impl From<String> for OsText {
    fn from(text: String) -> Self {
        Self(text.into_bytes())
    }
}

impl From<&OsStr> for OsText {
    fn from(text: &OsStr) -> Self {
        Self(text.as_bytes().to_vec())
    }
}

impl From<&Path> for OsText {
    fn from(path: &Path) -> Self {
        Self(path.as_os_str().as_bytes().to_vec())
    }
}

impl Serialize for OsText {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.as_text())
    }
}

impl<'de> Deserialize<'de> for OsText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TextForm;

        impl serde::de::Visitor<'_> for TextForm {
            type Value = OsText;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<OsText, E> {
                OsText::from_text(text).map_err(E::custom)
            }
        }

        deserializer.deserialize_str(TextForm)
    }
}

impl schemars::JsonSchema for OsText {
    fn schema_name() -> Cow<'static, str> {
        "OsText".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string",
            "description": "Bytes from the operating system: UTF-8 as it is, a backslash as \\\\, any other byte as \\xNN."
        })
    }
}
