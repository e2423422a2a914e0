//! `RegistryConfig`: whether Wine is watched.

use serde::Deserialize;

/// Section `sandbox.registry`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RegistryConfig {
    /// Whether the registry operations of Windows programs under Wine are recorded. It makes Wine's server write a trace, which costs a
    /// Windows program some of its speed.
    pub wine: bool,
}

impl Default for RegistryConfig {
    fn default() -> Self {
        Self { wine: true }
    }
}
