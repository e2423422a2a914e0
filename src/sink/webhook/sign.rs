//! `Signer`: signatures as Standard Webhooks has them (<https://www.standardwebhooks.com>, symmetric, `v1`).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use crate::sink::secret::Secret;

/// Signs bodies with a key.
#[derive(Clone)]
pub struct Signer {
    mac: Hmac<Sha256>,
}

impl Signer {
    /// The key of a secret: base64 behind `whsec_`, or the bytes of any other text.
    ///
    /// # Errors
    /// What is wrong with the secret, in words that do not show it.
    pub fn new(secret: &Secret) -> Result<Self, String> {
        let text = secret.reveal();
        let key = match text.strip_prefix("whsec_") {
            Some(encoded) => STANDARD.decode(encoded).map_err(|_| "the secret behind `whsec_` is not base64".to_owned())?,
            None => text.as_bytes().to_vec(),
        };
        if key.is_empty() {
            return Err("the secret is empty".to_owned());
        }
        // HMAC takes keys of any length (RFC 2104 §2).
        Hmac::new_from_slice(&key).map(|mac| Self { mac }).map_err(|error| error.to_string())
    }

    /// The value of `webhook-signature`.
    #[must_use]
    pub fn sign(&self, id: &str, timestamp: i64, body: &[u8]) -> String {
        let mut mac = self.mac.clone();
        mac.update(format!("{id}.{timestamp}.").as_bytes());
        mac.update(body);
        format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
    }
}
