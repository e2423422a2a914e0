//! Why somebody is not let in, and why there are no keys.

use std::io;
use std::path::PathBuf;

use super::role::Roles;

/// Why a call is refused. The texts go to the caller and hold nothing of the key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unauthorized {
    /// No key was given, and no certificate that is known.
    #[error(
        "a key is needed: send it as `x-api-key` (agentsh itself takes it from AGENTSH_API_KEY); `agentsh keys create` makes one"
    )]
    NoKey,
    /// The key is none of the file's, or was revoked.
    #[error("the key is not known or was revoked: `agentsh keys list` shows those that are")]
    UnknownKey,
    /// The certificate names nobody who is known.
    #[error("the client certificate is for nobody who is known: `agentsh keys create --certificate NAME` makes it known")]
    UnknownCertificate,
    /// The key was good once.
    #[error("the key `{name}` has expired: `agentsh keys create` makes another")]
    Expired {
        /// Name of the key.
        name: String,
    },
    /// The cookie is none of the server's, or no longer.
    #[error("you are signed out: sign in again")]
    SignedOut,
    /// A web page of another origin may have made the browser ask.
    #[error(
        "a request that changes something and is let in by a cookie must say `x-agentsh-request: 1` or come from a page of this server"
    )]
    Forged,
    /// The key is for something else.
    #[error("`{name}` has the role {has}, and this takes {needed}")]
    WrongRole {
        /// Name of the key.
        name: String,
        /// The roles that it has.
        has: Roles,
        /// The roles of which one is needed, `admin` with them.
        needed: Roles,
    },
}

/// Why the file of keys cannot be used. It is as it was.
#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    /// The file cannot be read or written.
    #[error("{what} {path}: {source}")]
    Io {
        /// What failed.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file is not one of keys.
    #[error("{path} is not a file of keys: {source}: restore it, or remove it and make new keys")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What the JSON reader said.
        source: serde_json::Error,
    },
    /// Others may read the file.
    #[error("{path} can be read or written by others (mode {mode:o}): chmod 600 {path}")]
    Open {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The name of a key cannot be used.
    #[error("`{name}` cannot name a key: use 1 to 64 of a-z, 0-9, `.`, `_`, `-`, a letter or digit first")]
    Name {
        /// The name.
        name: String,
    },
    /// A key must have a role.
    #[error("a key needs a role: --role admin, auditor, operator, approver or sensor")]
    NoRole,
    /// There is a key of this name with other roles.
    #[error("`{name}` has the role {roles} already: give the new key the same, or another name")]
    OtherRoles {
        /// The name.
        name: String,
        /// The roles of the key that is there.
        roles: Roles,
    },
    /// There is no such key.
    #[error("there is no key `{name}`: `agentsh keys list` shows those that are")]
    Missing {
        /// Name or id.
        name: String,
    },
}
