//! `SessionGuard`: whether a connection from this machine comes out of a session, which must not reach the API (G-9).
//!
//! A session shares the machine's loopback, so the port alone keeps nobody out. The kernel knows whose a connection is: the row of
//! `/proc/net/tcp` gives the inode of the peer's socket, and `/proc/PID/fd` who holds it. A process belongs to a session when it descends
//! from a recorder of this journal (each has an intake that names its process) and carries what the launcher puts on a session and nobody
//! takes off: another mount namespace, or more seccomp filters. A recorder itself speaks for its session, since it is the session's proxy.
//!
//! It fails closed: a socket whose holder cannot be found while sessions run is refused.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

/// Where the recorder's process id stands in an intake's header: see `channel::intake`.
const PID_AT: usize = 40;

/// Tells connections out of sessions from others.
#[derive(Clone, Debug)]
pub struct SessionGuard {
    intakes: Option<PathBuf>,
}

impl SessionGuard {
    /// A guard for the sessions of the journal whose intakes are in this folder.
    #[must_use]
    pub fn of_intakes(folder: impl Into<PathBuf>) -> Self {
        Self { intakes: Some(folder.into()) }
    }

    /// A guard that lets everybody through.
    #[must_use]
    pub const fn off() -> Self {
        Self { intakes: None }
    }

    /// Whether the connection from `peer` to `local` may be answered. Reads `/proc`: not for a thread that serves others.
    #[must_use]
    pub fn admits(&self, peer: SocketAddr, local: SocketAddr) -> bool {
        let Some(intakes) = self.intakes.as_deref().filter(|_| peer.ip().to_canonical().is_loopback()) else { return true };
        let suspects = suspects(&recorders(intakes));
        if suspects.is_empty() {
            return true;
        }
        let Some(inode) = inode_of(peer, local) else { return false };
        let mut hidden = false;
        for pid in &suspects {
            match holds(*pid, inode) {
                Some(true) => return false,
                Some(false) => {}
                None => hidden = true,
            }
        }
        // A process can hide its descriptors from an ordinary user's server: then it must be somebody else's for certain.
        !hidden || processes().into_iter().any(|pid| !suspects.contains(&pid) && holds(pid, inode) == Some(true))
    }
}

/// Processes that record into the journal, or did: a number that is another's now only costs a look.
fn recorders(intakes: &Path) -> BTreeSet<u32> {
    let entries = fs::read_dir(intakes).into_iter().flatten().flatten();
    let pid = |path: PathBuf| {
        use std::os::unix::fs::FileExt as _;
        let mut bytes = [0; 8];
        fs::File::open(path).and_then(|file| file.read_exact_at(&mut bytes, PID_AT as u64)).ok()?;
        u32::try_from(u64::from_le_bytes(bytes)).ok()
    };
    entries.map(|entry| entry.path()).filter(|path| path.extension().is_some_and(|end| end == "intake")).filter_map(pid).collect()
}

/// Processes whose connections are a session's: what the module's head says.
fn suspects(recorders: &BTreeSet<u32>) -> BTreeSet<u32> {
    let me = std::process::id();
    let program = program_of("self");
    // What has another program than we have is a recorder within another program, such as a test: it has no proxy of ours.
    let speaks_for_a_session = |pid: &u32| {
        // Without a right to see it (the recorder hides from its own user), the name of the command has to do.
        let comm = fs::read_to_string(format!("/proc/{pid}/comm"));
        match program_of(&pid.to_string()) {
            Some(other) => Some(other) == program,
            None => comm.is_ok_and(|comm| comm.trim_end() == "agentsh"),
        }
    };
    let mut suspects: BTreeSet<u32> = recorders.iter().copied().filter(|pid| *pid == me || speaks_for_a_session(pid)).collect();
    let parents: BTreeMap<u32, u32> = processes().into_iter().filter_map(|pid| Some((pid, parent_of(pid)?))).collect();
    let (namespace, filters) = (mount_namespace("self"), filters("self"));
    let descends = |pid: u32| {
        // A tree cannot be deeper than it has processes; a number that was given anew could make a circle.
        let up = std::iter::successors(parents.get(&pid).copied(), |pid| parents.get(pid).copied()).take(parents.len());
        up.into_iter().any(|ancestor| recorders.contains(&ancestor))
    };
    let is_marked = |pid: u32| {
        let pid = pid.to_string();
        match mount_namespace(&pid) {
            Some(other) if Some(&other) == namespace.as_ref() => self::filters(&pid) > filters,
            // Hidden, or another.
            _ => true,
        }
    };
    suspects.extend(parents.keys().copied().filter(|pid| *pid != me && descends(*pid) && is_marked(*pid)));
    suspects
}

fn processes() -> Vec<u32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect()
}

fn parent_of(pid: u32) -> Option<u32> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name in brackets may hold anything, brackets too.
    stat.rsplit_once(')')?.1.split_ascii_whitespace().nth(1)?.parse().ok()
}

fn program_of(pid: &str) -> Option<(u64, u64)> {
    fs::metadata(format!("/proc/{pid}/exe")).ok().map(|metadata| (metadata.dev(), metadata.ino()))
}

fn mount_namespace(pid: &str) -> Option<PathBuf> {
    fs::read_link(format!("/proc/{pid}/ns/mnt")).ok()
}

fn filters(pid: &str) -> u32 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    status.lines().find_map(|line| line.strip_prefix("Seccomp_filters:")?.trim().parse().ok()).unwrap_or(0)
}

/// Whether the process holds the socket; `None` when it does not let us see.
fn holds(pid: u32, inode: u64) -> Option<bool> {
    let target = PathBuf::from(format!("socket:[{inode}]"));
    match fs::read_dir(format!("/proc/{pid}/fd")) {
        Ok(entries) => Some(entries.flatten().any(|entry| fs::read_link(entry.path()).is_ok_and(|link| link == target))),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Some(false),
        Err(_hidden) => None,
    }
}

/// Inode of the socket whose own address is `peer` and whose other end is `local`.
fn inode_of(peer: SocketAddr, local: SocketAddr) -> Option<u64> {
    ["/proc/net/tcp", "/proc/net/tcp6"]
        .into_iter()
        .find_map(|table| {
            let table = fs::read_to_string(table).ok()?;
            table.lines().skip(1).find_map(|line| row(line).filter(|(own, other, _)| same(*own, peer) && same(*other, local)))
        })
        .map(|(_, _, inode)| inode)
        .filter(|inode| *inode != 0)
}

/// One row of `/proc/net/tcp`: own address, the other end's, inode.
fn row(line: &str) -> Option<(SocketAddr, SocketAddr, u64)> {
    let mut columns = line.split_ascii_whitespace();
    let own = address(columns.nth(1)?)?;
    let other = address(columns.next()?)?;
    Some((own, other, columns.nth(6)?.parse().ok()?))
}

/// `0100007F:1F90`: 32-bit words in the machine's order, then the port.
fn address(text: &str) -> Option<SocketAddr> {
    let (host, port) = text.split_once(':')?;
    let words: Option<Vec<u32>> = (0..host.len() / 8)
        .map(|at| u32::from_str_radix(host.get(at * 8..at * 8 + 8)?, 16).ok().map(|word| u32::from_be_bytes(word.to_ne_bytes())))
        .collect();
    let ip = match *words?.as_slice() {
        [word] => IpAddr::V4(Ipv4Addr::from(word)),
        [a, b, c, d] => {
            let bits = [a, b, c, d].into_iter().fold(0_u128, |bits, word| (bits << 32) | u128::from(word));
            IpAddr::V6(Ipv6Addr::from(bits))
        }
        _ => return None,
    };
    Some(SocketAddr::new(ip, u16::from_str_radix(port, 16).ok()?))
}

fn same(one: SocketAddr, other: SocketAddr) -> bool {
    one.port() == other.port() && one.ip().to_canonical() == other.ip().to_canonical()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_of_the_kernel_are_read() {
        let line = "   1: 0100007F:1F90 0200007F:C350 01 00000000:00000000 00:00000000 00000000  1000        0 4711 1 0000000000000000 20 4 30 10 -1";
        assert_eq!(
            row(line),
            Some(("127.0.0.1:8080".parse().unwrap_or(([0; 4], 0).into()), ([127, 0, 0, 2], 50_000).into(), 4711))
        );
        let six = address("00000000000000000000000001000000:0050");
        assert_eq!(six, Some(SocketAddr::new(Ipv6Addr::LOCALHOST.into(), 80)));
        assert_eq!(address("nothing"), None);
    }

    #[test]
    fn the_holder_of_a_socket_is_found() -> std::io::Result<()> {
        let listener = std::net::TcpListener::bind(("127.0.0.1", 0))?;
        let client = std::net::TcpStream::connect(listener.local_addr()?)?;
        let (_server, peer) = listener.accept()?;
        let inode = inode_of(peer, listener.local_addr()?).ok_or(std::io::ErrorKind::NotFound)?;
        assert_eq!(holds(std::process::id(), inode), Some(true));
        assert!(!holds(1, inode).unwrap_or(false));
        drop(client);
        Ok(())
    }
}
