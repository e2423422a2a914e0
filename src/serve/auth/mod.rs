//! Who may do what: keys, certificates, roles, and the one table that says which role each RPC and each route takes.
//!
//! Guarantees: a key is kept as its SHA-256 only and compared in constant time; what the table does not name cannot be called; once
//! there is a file of keys nobody is let in without one, whatever becomes of the file. Never: a secret in a log line or an answer.

mod access;
mod config;
mod error;
mod file;
mod identity;
mod key;
mod keys;
mod role;
mod sign_in;

pub use access::{Access, ROUTES, RPCS, Route, route_access, rpc_access};
pub use config::AuthConfig;
pub use error::{KeyFileError, Unauthorized};
pub use file::{KeyEntry, KeyFile};
pub use identity::{Credentials, Identity, Peer};
pub use key::{ApiKey, KeyProof};
pub use keys::Keys;
pub use role::{Role, Roles, UnknownRole};
pub use sign_in::{Attempts, LIFETIME, SignIns, TooManyFailures};
