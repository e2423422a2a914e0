//! `Secret`: a key or a password of the configuration that no log line and no error shows.

use std::fmt;
use std::path::Path;

use serde::Deserialize;

/// A text that is never shown.
#[derive(Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// Keeps a text.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text, to be handed to the peer's protocol and to nothing else.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// The secret that stands in the configuration, or else the content of its file, without the line's end.
///
/// # Errors
/// Why the file cannot be used, in words that do not show it.
pub fn secret(text: Option<&Secret>, file: Option<&Path>) -> Result<Option<Secret>, String> {
    match (text, file) {
        (Some(text), _) => Ok(Some(text.clone())),
        (None, Some(path)) => {
            let read = std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
            let text = read.trim_end_matches(['\r', '\n']);
            if text.is_empty() { Err(format!("{} is empty", path.display())) } else { Ok(Some(Secret::new(text))) }
        }
        (None, None) => Ok(None),
    }
}
