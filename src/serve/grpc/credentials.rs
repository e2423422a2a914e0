//! What a call shows for itself: a key as `x-api-key`, or in `authorization` as the drivers of databases send one.

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use http::HeaderMap;
use http::header::AUTHORIZATION;

/// Metadata that carries the key.
const API_KEY: &str = "x-api-key";

/// Base64 with or without padding: RFC 7617 asks for it, and the driver of Go leaves it out.
const BASE64: GeneralPurpose =
    GeneralPurpose::new(&STANDARD, GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent));

/// What a call shows.
pub(super) enum Shown {
    /// Nothing.
    Nothing,
    /// What should be a key: `x-api-key`, `Bearer KEY`, or the password of `Basic`.
    Key(Vec<u8>),
    /// What a handshake has given for a key: `Bearer TOKEN`.
    Token(String),
}

impl Shown {
    /// Reads the headers. `x-api-key` goes before `authorization`.
    pub(super) fn of(headers: &HeaderMap) -> Self {
        if let Some(key) = headers.get(API_KEY) {
            return Self::Key(key.as_bytes().to_vec());
        }
        let Some(shown) = headers.get(AUTHORIZATION) else { return Self::Nothing };
        // What is of no scheme that is known is no key that is known.
        Self::of_scheme(shown.as_bytes()).unwrap_or_else(|| Self::Key(shown.as_bytes().to_vec()))
    }

    fn of_scheme(shown: &[u8]) -> Option<Self> {
        let (scheme, value) = std::str::from_utf8(shown).ok()?.split_once(' ')?;
        let value = value.trim();
        if scheme.eq_ignore_ascii_case("bearer") {
            let is_key = value.starts_with("agentsh_");
            return Some(if is_key { Self::Key(value.into()) } else { Self::Token(value.to_owned()) });
        }
        if scheme.eq_ignore_ascii_case("basic") {
            let decoded = BASE64.decode(value).ok()?;
            let colon = decoded.iter().position(|byte| *byte == b':')?;
            let password = decoded.get(colon + 1..)?;
            return Some(if password.is_empty() { Self::Nothing } else { Self::Key(password.to_vec()) });
        }
        None
    }

    /// The key, if it is one.
    pub(super) fn key(&self) -> Option<&[u8]> {
        match self {
            Self::Key(key) => Some(key),
            Self::Nothing | Self::Token(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(header: &'static str, value: &str, wanted: &str) {
        let mut headers = HeaderMap::new();
        if let Ok(value) = value.parse() {
            headers.insert(header, value);
        }
        let found = match Shown::of(&headers) {
            Shown::Nothing => "nothing".to_owned(),
            Shown::Key(key) => format!("key {}", String::from_utf8_lossy(&key)),
            Shown::Token(token) => format!("token {token}"),
        };
        assert_eq!(found, wanted, "{header}: {value}");
    }

    #[test]
    fn a_key_is_read_from_wherever_drivers_put_it() {
        check("x-api-key", "agentsh_1", "key agentsh_1");
        check("authorization", "Bearer agentsh_1", "key agentsh_1");
        check("authorization", "bearer 0f0f", "token 0f0f");
        // `anybody:agentsh_1`, `anybody:` and what is none.
        check("authorization", "Basic YW55Ym9keTphZ2VudHNoXzE=", "key agentsh_1");
        check("authorization", "Basic YW55Ym9keTphZ2VudHNoXzE", "key agentsh_1");
        check("authorization", "Basic YW55Ym9keTo=", "nothing");
        check("authorization", "Basic !", "key Basic !");
        check("authorization", "Digest x", "key Digest x");
        check("authorization", "x", "key x");
        check("accept", "x", "nothing");
    }
}
