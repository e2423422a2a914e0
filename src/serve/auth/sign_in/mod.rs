//! Sign-ins: who a browser's cookie stands for, and how often a key may be tried.
//!
//! Guarantees: a cookie is 256 random bits, kept as their SHA-256 only; it stands for a key and for nothing that the key no longer is, since the key is
//! looked for again each time. Bounds: 1,024 sign-ins, 32 for one key, the oldest ends; 12 hours; 10 failures in a minute for one address.
//! Never: a key in clear.

mod attempts;
mod table;

pub use attempts::{Attempts, TooManyFailures};
pub use table::{LIFETIME, SignIns};
