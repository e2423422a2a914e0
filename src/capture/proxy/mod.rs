//! tmp
use crate::channel::SessionChannel;
/// x
#[derive(Clone, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ProxyConfig {
    /// x
    pub enabled: bool,
}
impl Default for ProxyConfig {
    fn default() -> Self {
        Self { enabled: true }
    }
}
/// x
pub struct ProxyServer;
/// x
#[derive(Debug, thiserror::Error)]
#[error("x")]
pub struct ProxyError;
impl ProxyServer {
    /// x
    /// # Errors
    /// x
    pub fn start(_c: SessionChannel, _p: ProxyConfig) -> Result<Self, ProxyError> {
        Ok(Self)
    }
    /// x
    pub fn environment(&self) -> Vec<(std::ffi::OsString, std::ffi::OsString)> {
        Vec::new()
    }
    /// x
    pub fn address(&self) -> std::net::SocketAddr {
        ([127, 0, 0, 1], 1).into()
    }
    /// x
    pub fn finish(self) {}
}
