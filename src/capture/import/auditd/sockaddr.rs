//! `SOCKADDR`: the bytes of a `struct sockaddr`, in hex.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::event::{OsText, SocketNamespace};

/// An address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Address {
    /// `AF_INET` or `AF_INET6`.
    Ip(IpAddr, u16),
    /// `AF_UNIX`.
    Unix(OsText, SocketNamespace),
}

/// The address; `None` of another family, and where bytes are missing. The family is little endian, as on every machine that the
/// vocabulary knows; the port is big endian (`in(7)`).
pub(super) fn parse(bytes: &[u8]) -> Option<Address> {
    let (family, rest) = bytes.split_first_chunk::<2>()?;
    match u16::from_le_bytes(*family) {
        1 => Some(match rest {
            [] => Address::Unix(OsText::default(), SocketNamespace::Unnamed),
            [0, name @ ..] => Address::Unix(OsText::from_bytes(until_nul(name)), SocketNamespace::Abstract),
            path => Address::Unix(OsText::from_bytes(until_nul(path)), SocketNamespace::Path),
        }),
        2 => {
            let (port, rest) = rest.split_first_chunk::<2>()?;
            Some(Address::Ip(Ipv4Addr::from(*rest.first_chunk::<4>()?).into(), u16::from_be_bytes(*port)))
        }
        10 => {
            let (port, rest) = rest.split_first_chunk::<2>()?;
            // Four bytes of flow information stand between.
            Some(Address::Ip(Ipv6Addr::from(*rest.get(4..)?.first_chunk::<16>()?).into(), u16::from_be_bytes(*port)))
        }
        _ => None,
    }
}

fn until_nul(bytes: &[u8]) -> &[u8] {
    bytes.split(|byte| *byte == 0).next().unwrap_or_default()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]
mod tests {
    use super::*;
    use crate::capture::import::auditd::line::unhex;

    #[test]
    fn addresses_are_read_from_the_kernels_bytes() {
        let check = |hex: &str, expected: Option<Address>| assert_eq!(parse(&unhex(hex.as_bytes()).unwrap()), expected, "{hex}");
        check("020001BB5DB8D8220000000000000000", Some(Address::Ip("93.184.216.34".parse().unwrap(), 443)));
        check("0A00003500000000FE8000000000000000000000000000010000", Some(Address::Ip("fe80::1".parse().unwrap(), 53)));
        check("01002F72756E2F782E736F636B00", Some(Address::Unix("/run/x.sock".into(), SocketNamespace::Path)));
        check("0100004142", Some(Address::Unix("AB".into(), SocketNamespace::Abstract)));
        check("0100", Some(Address::Unix("".into(), SocketNamespace::Unnamed)));
        check("020001", None);
        check("1000", None);
    }
}
