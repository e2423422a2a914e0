//! The probe: what this machine lets each layer do, found out by doing it, and what that means for `capability_report` (G-10).
//!
//! [`probe`] tries, [`layers`] is the pure function from what was found to what is said about it.

mod layers;

use std::fs::{self, OpenOptions};
use std::net::{Ipv4Addr, TcpListener};
use std::path::PathBuf;

use nix::errno::Errno;
use nix::unistd::{AccessFlags, access, geteuid};

use crate::runtime::trial::{self, Namespace, Refused, Step};

pub use layers::{layers, remedy, words};

/// The level of `kernel.yama.ptrace_scope` at which nobody may read the memory of another process.
const YAMA_NO_ATTACH: u32 = 3;

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Findings {
    /// Whether the recorder runs as root.
    pub root: bool,
    /// How a session gets a mount namespace of its own.
    pub namespace: Result<Namespace, Refused>,
    /// Whether user namespaces can be made, needed or not.
    pub user_namespace: Result<(), Refused>,
    /// Whether `/dev/fuse` can be opened.
    pub device: Result<(), Refused>,
    /// Whether a FUSE file system can be mounted in the session's namespace.
    pub mount: Result<(), Refused>,
    /// Whether program starts can wait for the recorder.
    pub listener: Result<(), Refused>,
    /// Whether the recorder may read the arguments of the programs that wait.
    pub memory: Result<(), Refused>,
    /// Whether the proxy can listen.
    pub loopback: Result<(), Refused>,
    /// Whether processes can be held by a descriptor.
    pub pidfd: Result<(), Refused>,
    /// The version of Landlock's interface.
    pub landlock: Result<u32, Refused>,
    /// The control group that limits would be set in.
    pub cgroup: Cgroup,
}

/// The control group of the recorder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cgroup {
    /// The unified hierarchy.
    V2 {
        /// The recorder's own group.
        path: PathBuf,
        /// Whether groups can be made in it.
        writable: bool,
    },
    /// The older hierarchies alone.
    V1,
    /// None is mounted.
    Absent,
}

/// Tries everything once; takes some ten milliseconds and leaves nothing behind.
#[must_use]
pub fn probe() -> Findings {
    let namespace = trial::mount_namespace(Namespace::Privileged)
        .map(|()| Namespace::Privileged)
        .or_else(|_| trial::mount_namespace(Namespace::User).map(|()| Namespace::User));
    Findings {
        root: geteuid().is_root(),
        user_namespace: trial::mount_namespace(Namespace::User),
        device: device(),
        mount: namespace.and_then(trial::fuse_mount),
        namespace,
        listener: trial::seccomp_listener(),
        memory: memory(fs::read_to_string("/proc/sys/kernel/yama/ptrace_scope").ok().as_deref()),
        loopback: loopback(),
        pidfd: trial::pidfd(),
        landlock: trial::landlock_version(),
        cgroup: cgroup(),
    }
}

fn refused(step: Step, error: &std::io::Error) -> Refused {
    Refused { step, errno: error.raw_os_error().map_or(Errno::EIO, Errno::from_raw) }
}

fn device() -> Result<(), Refused> {
    let opened = OpenOptions::new().read(true).write(true).open("/dev/fuse");
    opened.map(drop).map_err(|error| refused(Step::Device, &error))
}

fn loopback() -> Result<(), Refused> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map(drop).map_err(|error| refused(Step::Loopback, &error))
}

/// A kernel without Yama has no such file, and no such restriction.
fn memory(ptrace_scope: Option<&str>) -> Result<(), Refused> {
    match ptrace_scope.and_then(|text| text.trim().parse::<u32>().ok()) {
        Some(scope) if scope >= YAMA_NO_ATTACH => Err(Refused { step: Step::ReadMemory, errno: Errno::EPERM }),
        Some(_) | None => Ok(()),
    }
}

fn cgroup() -> Cgroup {
    const ROOT: &str = "/sys/fs/cgroup";
    let root = PathBuf::from(ROOT);
    if root.join("cgroup.controllers").exists() {
        let own = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
        let path = own.lines().find_map(|line| line.strip_prefix("0::/")).map_or_else(|| root.clone(), |own| root.join(own));
        let writable = access(&path, AccessFlags::W_OK).is_ok();
        Cgroup::V2 { path, writable }
    } else if root.join("memory").exists() {
        Cgroup::V1
    } else {
        Cgroup::Absent
    }
}
