//! Section `server` of the configuration.

use serde::Deserialize;

use super::http::HttpConfig;

/// What the server answers, and where.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ServerConfig {
    /// The HTTP service.
    pub http: HttpConfig,
}
