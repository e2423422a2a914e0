//! Section `server.http` of the configuration.

use std::net::{Ipv4Addr, SocketAddr};

use serde::Deserialize;
use serde::de::{Deserializer, Error, Unexpected, Visitor};

/// The HTTP service.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HttpConfig {
    /// Address and port to listen on; port 0 takes a free one. Only a loopback address is accepted, since nobody is asked for a key.
    #[serde(deserialize_with = "loopback")]
    pub addr: SocketAddr,
}

impl Default for HttpConfig {
    fn default() -> Self {
        Self { addr: SocketAddr::from((Ipv4Addr::LOCALHOST, 8080)) }
    }
}

/// An address that others than this machine could reach.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{addr} can be reached from other machines, and nobody would be asked for a key; use a loopback address such as 127.0.0.1:{port}", port = addr.port())]
pub struct NotLoopback {
    /// The address.
    pub addr: SocketAddr,
}

impl HttpConfig {
    /// The address, if it may be listened on.
    ///
    /// # Errors
    /// [`NotLoopback`] when it is not a loopback address.
    pub fn checked_addr(&self) -> Result<SocketAddr, NotLoopback> {
        if self.addr.ip().is_loopback() { Ok(self.addr) } else { Err(NotLoopback { addr: self.addr }) }
    }
}

fn loopback<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SocketAddr, D::Error> {
    struct Address;

    impl Visitor<'_> for Address {
        type Value = SocketAddr;

        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("an address with a port, such as 127.0.0.1:8080")
        }

        fn visit_str<E: Error>(self, text: &str) -> Result<SocketAddr, E> {
            let addr = text.parse().map_err(|_| E::invalid_value(Unexpected::Str(text), &self))?;
            HttpConfig { addr }.checked_addr().map_err(E::custom)
        }
    }

    deserializer.deserialize_str(Address)
}
