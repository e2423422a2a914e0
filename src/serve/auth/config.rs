//! Section `auth` of the configuration.

use std::path::PathBuf;

use serde::Deserialize;

/// Who may use the server.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AuthConfig {
    /// The file of keys that `agentsh keys` writes; left out it is `keys/api.json` in the data directory.
    pub keys_file: Option<PathBuf>,
}
