//! Hosts: how the entries of `hosts` are read, and how a host of an event is compared with them.
//!
//! Names are compared label by label, without case and without the final dot. A name becomes a path whose segments are its labels, so
//! that the one glob dialect serves here too: `*` stays within a label. In front, `*.` stands for one label or more. `*` alone is any
//! host, named or not.

use std::net::IpAddr;

use globset::Glob;

use super::flaw::HostFlaw;
use super::network::Network;
use super::pattern::{Alternative, Piece, alternatives, compile};

/// The longest name in bytes, without the final dot (RFC 1035 §2.3.4: 255 octets on the wire).
const LONGEST_NAME: usize = 253;

/// An entry of `hosts`.
pub(super) enum HostPattern {
    /// Every host.
    Any,
    /// An address or a network, for hosts that are given as addresses.
    Network(Network),
    /// Names, as globs over labels that are separated by slashes.
    Names(Vec<Glob>),
}

impl HostPattern {
    pub(super) fn parse(entry: &str) -> Result<Self, HostFlaw> {
        if entry == "*" {
            return Ok(Self::Any);
        }
        let bare = entry
            .strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(']'))
            .filter(|inside| inside.contains(':'))
            .unwrap_or(entry);
        let address = bare.split_once('/').map_or(bare, |(address, _)| address);
        if address.parse::<IpAddr>().is_ok() {
            return Network::parse(bare).map(Self::Network).map_err(HostFlaw::Network);
        }
        check_characters(entry)?;
        let entry = entry.to_ascii_lowercase();
        let entry = entry.strip_suffix('.').unwrap_or(&entry);
        let names = alternatives(entry, '.').map_err(HostFlaw::Pattern)?;
        names.into_iter().map(name_glob).collect::<Result<_, _>>().map(Self::Names)
    }
}

fn check_characters(entry: &str) -> Result<(), HostFlaw> {
    if entry.contains('/') {
        return Err(HostFlaw::Url);
    }
    if !entry.is_ascii() {
        return Err(HostFlaw::NotAscii);
    }
    // A named class (`[[:digit:]]`) has colons too.
    if entry.replace("[:", "").replace(":]", "").contains(':') {
        return Err(HostFlaw::HasPort);
    }
    if let Some(ch) =
        entry.chars().find(|ch| ch.is_ascii_whitespace() || ch.is_ascii_control() || matches!(ch, '\\' | '@' | '#' | '%'))
    {
        return Err(HostFlaw::BadCharacter { ch });
    }
    if entry.contains("**") {
        return Err(HostFlaw::DoubleStar);
    }
    let only_digits = entry.chars().all(|ch| ch.is_ascii_digit() || matches!(ch, '.' | '*' | '?'));
    if only_digits && entry.contains(|ch: char| ch.is_ascii_digit()) {
        return Err(HostFlaw::AddressGlob);
    }
    Ok(())
}

fn name_glob(pieces: Alternative<'_>) -> Result<Glob, HostFlaw> {
    const ONE_LABEL_OR_MORE: [Piece<'_>; 6] =
        [Piece::Char('*'), Piece::Char('*'), Piece::Char('/'), Piece::Char('?'), Piece::Char('*'), Piece::Char('/')];
    let pieces: Alternative<'_> =
        pieces.into_iter().map(|piece| if piece == Piece::Char('.') { Piece::Char('/') } else { piece }).collect();
    if pieces.split(|piece| *piece == Piece::Char('/')).any(<[_]>::is_empty) {
        return Err(HostFlaw::EmptyLabel);
    }
    let labels = match pieces.strip_prefix(&[Piece::Char('*'), Piece::Char('/')]) {
        Some(beneath) => [ONE_LABEL_OR_MORE.as_slice(), beneath].concat(),
        None => pieces,
    };
    compile(&labels, true).map_err(HostFlaw::Pattern)
}

/// The host of an event, ready to be compared. The labels of a name are separated by slashes.
pub(super) enum Host<'b> {
    Address(IpAddr),
    Name(&'b [u8]),
}

/// Memory for a name in the form that is compared.
pub(super) type NameBuffer = [u8; LONGEST_NAME];

impl<'b> Host<'b> {
    /// Reads a host as a client gives it. What cannot be a name (too long, or with characters that end the host of a URL) becomes the
    /// empty name, which only `*` matches.
    pub(super) fn read(host: &str, buffer: &'b mut NameBuffer) -> Self {
        let host = host.strip_suffix('.').unwrap_or(host);
        let bare = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
        // An IPv6 address may name the interface that it is on (RFC 4007 §11).
        let address = bare.split_once('%').map_or(bare, |(address, _zone)| address);
        if let Ok(address) = address.parse::<IpAddr>() {
            return Self::Address(address.to_canonical());
        }
        let Some(name) = buffer.get_mut(..host.len()) else { return Self::Name(b"") };
        for (to, from) in name.iter_mut().zip(host.bytes()) {
            *to = match from {
                b'.' => b'/',
                b'/' | b'\\' | b'@' | b'#' | b'?' | b'%' | b':' | 0..=b' ' | 0x7f => return Self::Name(b""),
                other => other.to_ascii_lowercase(),
            };
        }
        Self::Name(name)
    }
}
