//! Who calls, and what they show for it.

use std::net::SocketAddr;

use super::role::Roles;

/// Who a call comes from. It stands in the extensions of every request that is let through.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Name of the key or of the certificate's entry; `local` where nobody is asked for one.
    pub name: String,
    /// What it may do.
    pub roles: Roles,
    /// Whether a key or a certificate says so.
    pub proven: bool,
}

impl Identity {
    /// Anybody on this machine, where no keys are asked for.
    #[must_use]
    pub fn local() -> Self {
        Self { name: "local".to_owned(), roles: Roles::all(), proven: false }
    }

    /// Anybody, where nothing is asked.
    #[must_use]
    pub fn nobody() -> Self {
        Self { name: String::new(), roles: Roles::default(), proven: false }
    }
}

/// The other end of a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    /// Its address.
    pub addr: SocketAddr,
    /// Names that its verified client certificate is for, DNS names and URIs; empty without one.
    pub certificate: Vec<String>,
}

impl Peer {
    /// Whether it is on this machine.
    #[must_use]
    pub const fn is_local(&self) -> bool {
        self.addr.ip().is_loopback()
    }
}

/// What a call shows.
#[derive(Clone, Copy, Debug)]
pub struct Credentials<'a> {
    /// The connection's other end.
    pub peer: &'a Peer,
    /// Value of `x-api-key`.
    pub api_key: Option<&'a [u8]>,
}
