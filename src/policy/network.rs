//! Networks and ports: what `cidrs` and `ports` hold.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::ops::RangeInclusive;

use super::flaw::{NetworkFlaw, PortFlaw};

/// A network of IPv4 or IPv6 addresses. An address that is mapped into IPv6 (`::ffff:192.0.2.1`, RFC 4291 §2.5.5.2) is the IPv4 address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Network {
    V4 { network: u32, mask: u32 },
    V6 { network: u128, mask: u128 },
}

impl Network {
    /// Reads an address, or an address with the length of its prefix.
    pub(super) fn parse(text: &str) -> Result<Self, NetworkFlaw> {
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| NetworkFlaw::NotAnAddress)?;
        let longest = if address.is_ipv4() { 32 } else { 128 };
        let length = match prefix {
            None => longest,
            Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
                digits.parse().ok().filter(|length| *length <= longest).ok_or(NetworkFlaw::BadPrefix { longest })?
            }
            Some(_) => return Err(NetworkFlaw::BadPrefix { longest }),
        };
        match address {
            IpAddr::V4(address) => Self::v4(address, length),
            IpAddr::V6(address) => match (address.to_ipv4_mapped(), length.checked_sub(96)) {
                (Some(mapped), Some(length)) => Self::v4(mapped, length),
                _ => Self::v6(address, length),
            },
        }
    }

    fn v4(address: Ipv4Addr, length: u8) -> Result<Self, NetworkFlaw> {
        let mask = u32::MAX.checked_shl(32 - u32::from(length)).unwrap_or(0);
        let network = address.to_bits() & mask;
        if network != address.to_bits() {
            return Err(NetworkFlaw::HostBits { network: format!("{}/{length}", Ipv4Addr::from_bits(network)) });
        }
        Ok(Self::V4 { network, mask })
    }

    fn v6(address: Ipv6Addr, length: u8) -> Result<Self, NetworkFlaw> {
        let mask = u128::MAX.checked_shl(128 - u32::from(length)).unwrap_or(0);
        let network = address.to_bits() & mask;
        if network != address.to_bits() {
            return Err(NetworkFlaw::HostBits { network: format!("{}/{length}", Ipv6Addr::from_bits(network)) });
        }
        Ok(Self::V6 { network, mask })
    }

    pub(super) fn contains(self, address: IpAddr) -> bool {
        match (self, address.to_canonical()) {
            (Self::V4 { network, mask }, IpAddr::V4(address)) => address.to_bits() & mask == network,
            (Self::V6 { network, mask }, IpAddr::V6(address)) => address.to_bits() & mask == network,
            (Self::V4 { .. }, IpAddr::V6(_)) | (Self::V6 { .. }, IpAddr::V4(_)) => false,
        }
    }
}

/// Reads `443` or `8000-8100`.
pub(super) fn parse_ports(text: &str) -> Result<RangeInclusive<u16>, PortFlaw> {
    let port = |digits: &str| match digits.trim().parse::<u16>() {
        Ok(port) if port > 0 && digits.trim().bytes().all(|byte| byte.is_ascii_digit()) => Ok(port),
        Ok(_) | Err(_) => Err(PortFlaw::NotAPort),
    };
    let (first, last) = match text.split_once('-') {
        Some((first, last)) => (port(first)?, port(last)?),
        None => (port(text)?, port(text)?),
    };
    if first > last { Err(PortFlaw::Backwards) } else { Ok(first..=last) }
}
