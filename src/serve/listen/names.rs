//! Addresses that may be listened on without keys, and names that a request may call this machine by.

use std::net::{IpAddr, SocketAddr};

/// An address that others than this machine could reach.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{addr} can be reached from other machines, and nobody would be asked for a key; make one with `agentsh keys create`, or use a loopback address such as 127.0.0.1:{port}", port = addr.port())]
pub struct NotLoopback {
    /// The address.
    pub addr: SocketAddr,
}

/// The address, if it may be listened on.
///
/// # Errors
/// [`NotLoopback`] when others can reach it and nobody is asked for a key.
pub(in crate::serve) const fn checked(addr: SocketAddr, keys_are_required: bool) -> Result<SocketAddr, NotLoopback> {
    if keys_are_required || addr.ip().is_loopback() { Ok(addr) } else { Err(NotLoopback { addr }) }
}

/// Whether an authority (`name`, `name:port`, `[address]:port`) is `localhost` or a loopback address. A web page can make a browser
/// connect to 127.0.0.1 under a name of its own (DNS rebinding), and would read the answer.
#[must_use]
pub(in crate::serve) fn names_loopback(authority: &str) -> bool {
    // RFC 3986 §3.2.2: an IPv6 address stands in brackets, so that the port's colon can be told from its own.
    let name = match authority.strip_prefix('[') {
        Some(rest) => rest.split_once(']').map_or("", |(address, _)| address),
        None => authority.split_once(':').map_or(authority, |(name, _)| name),
    };
    name.eq_ignore_ascii_case("localhost") || name.parse().is_ok_and(|address: IpAddr| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_loopback_names_are_local() {
        for host in ["localhost", "LocalHost:8080", "127.0.0.1:8080", "127.9.9.9", "[::1]:8080", "[::1]"] {
            assert!(names_loopback(host), "{host}");
        }
        for host in
            ["evil.test", "localhost.evil.test:8080", "127.0.0.1.evil.test", "10.0.0.1", "[::2]", "[::1", "", ":8080", "::1"]
        {
            assert!(!names_loopback(host), "{host}");
        }
    }
}
