//! Opening the file that a path names for the calling process, to see what it is, not to use it.
//!
//! Paths are looked up in the recorder's own file system as long as the caller is in the session's mount namespace and has the same
//! root. There the workspace is the directory itself and not the session's mount of it, so a look is no recorded operation and cannot
//! wait for the recorder's own file system. A caller with another root or namespace is looked through by `/proc/<pid>/root`.
//!
//! Links of `/proc` that point into a process (`/proc/self/exe`, `/dev/fd/3`) would lead into the recorder. They are refused to the
//! kernel's lookup (`RESOLVE_NO_MAGICLINKS`), and then walked here, step by step, as the caller's.

use std::ffi::OsStr;
use std::fs::File;
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Component, Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, OFlag, OpenHow, ResolveFlag, openat2};

use crate::capture::exec::procfs;

/// Links that a path may lead through (`MAXSYMLINKS` of the kernel).
const MOST_LINKS: usize = 40;

/// What the session's own processes see, to compare others with.
#[derive(Clone, Debug)]
pub(crate) struct SessionView {
    namespace: Option<PathBuf>,
    root: Option<(u64, u64)>,
}

impl SessionView {
    /// The view of the process `pid`.
    pub(crate) fn of(pid: u32) -> Self {
        let root = std::fs::metadata(format!("/proc/{pid}/root")).ok();
        Self { namespace: procfs::link(pid, "ns/mnt").ok(), root: root.map(|root| (root.dev(), root.ino())) }
    }

    /// Whether the session has another mount namespace than the recorder.
    pub(crate) fn is_apart(&self) -> bool {
        self.namespace.is_some() && std::fs::read_link("/proc/self/ns/mnt").ok() != self.namespace
    }

    /// Whether a process is in the session's mount namespace.
    pub(crate) fn has_namespace_of(&self, pid: u32) -> bool {
        self.namespace.is_some() && procfs::link(pid, "ns/mnt").ok() == self.namespace
    }

    fn is_view_of(&self, pid: u32) -> bool {
        let other = Self::of(pid);
        self.namespace.is_some() && self.namespace == other.namespace && self.root.is_some() && self.root == other.root
    }
}

/// The process on whose behalf paths are looked up.
#[derive(Clone, Copy, Debug)]
pub(super) struct Caller<'a> {
    /// Process.
    pub(super) pid: u32,
    /// Thread.
    pub(super) tid: u32,
    /// Its working directory.
    pub(super) cwd: &'a Path,
    /// What it shares with the session, or sees through its own root.
    pub(super) sees: Sees,
}

/// Whose file system a caller's paths are looked up in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sees {
    /// The recorder's.
    Session,
    /// Its own, since it has another root or namespace.
    Own,
}

impl Sees {
    pub(super) fn of(pid: u32, session: &SessionView) -> Self {
        if session.is_view_of(pid) { Self::Session } else { Self::Own }
    }
}

/// Opens (`O_PATH`) what `path` names for the caller, links followed.
///
/// # Errors
/// What the lookup says: `ENOENT`, `ENOTDIR`, `ELOOP`, `ENAMETOOLONG` and `EACCES` are what the caller would get.
pub(super) fn open(caller: &Caller<'_>, base: &Path, path: &Path) -> Result<OwnedFd, Errno> {
    let absolute = base.join(path);
    match caller.sees {
        Sees::Session => match lookup(AT_FDCWD, &absolute, ResolveFlag::RESOLVE_NO_MAGICLINKS) {
            // Either a link into a process, or too many links, or a kernel before 5.6.
            Err(Errno::ELOOP | Errno::ENOSYS) => walk(caller, &absolute),
            other => other,
        },
        Sees::Own => {
            let root = File::options().read(true).custom_flags(libc::O_PATH).open(format!("/proc/{}/root", caller.pid));
            let root = root.map_err(|error| error.raw_os_error().map_or(Errno::EIO, Errno::from_raw))?;
            let root_path = procfs::link(caller.pid, "root").unwrap_or_default();
            // The base is named from the namespace's root, and what is given is looked up from the caller's.
            let within = if path.is_absolute() { path } else { absolute.strip_prefix(&root_path).unwrap_or(&absolute) };
            lookup(root, within, ResolveFlag::RESOLVE_IN_ROOT)
        }
    }
}

fn lookup<Fd: std::os::fd::AsFd>(base: Fd, path: &Path, how: ResolveFlag) -> Result<OwnedFd, Errno> {
    openat2(base, path, OpenHow::new().flags(OFlag::O_PATH | OFlag::O_CLOEXEC).resolve(how))
}

/// Opens what a descriptor of the caller's refers to.
pub(super) fn open_descriptor(caller: &Caller<'_>, descriptor: i32) -> Result<OwnedFd, Errno> {
    follow(&PathBuf::from(format!("/proc/{}/fd/{descriptor}", caller.pid)))
}

/// Opens by a path that the kernel may follow into the process that it names.
fn follow(path: &Path) -> Result<OwnedFd, Errno> {
    let opened = File::options().read(true).custom_flags(libc::O_PATH).open(path);
    opened.map(OwnedFd::from).map_err(|error| error.raw_os_error().map_or(Errno::EIO, Errno::from_raw))
}

/// Where an open file lies. A file that has no name any more, or never had one, keeps the kernel's name for it.
pub(super) fn path_of(file: &OwnedFd) -> Option<PathBuf> {
    std::fs::read_link(format!("/proc/self/fd/{}", file.as_raw_fd())).ok()
}

/// Follows `path` as the caller would, one component after the other.
fn walk(caller: &Caller<'_>, path: &Path) -> Result<OwnedFd, Errno> {
    let mut walked = PathBuf::from("/");
    let mut rest: Vec<Vec<u8>> = components(path);
    let mut links = 0;
    while let Some(component) = rest.pop() {
        if component == b".." {
            walked.pop();
            continue;
        }
        walked.push(OsStr::from_bytes(&component));
        if walked == Path::new("/proc/self") {
            walked = PathBuf::from(format!("/proc/{}", caller.pid));
        } else if walked == Path::new("/proc/thread-self") {
            walked = PathBuf::from(format!("/proc/{}/task/{}", caller.pid, caller.tid));
        } else if let Ok(target) = std::fs::read_link(&walked) {
            links += 1;
            if links > MOST_LINKS {
                return Err(Errno::ELOOP);
            }
            if leads_into_a_process(&walked) {
                let inside = follow(&walked)?;
                match path_of(&inside) {
                    // What has a place is walked on from there; what has none can only be the end.
                    Some(place) if !rest.is_empty() => walked = place,
                    _ => return if rest.is_empty() { Ok(inside) } else { Err(Errno::ENOENT) },
                }
            } else {
                walked.pop();
                if target.is_absolute() {
                    walked = PathBuf::from("/");
                }
                rest.extend(components(&target));
            }
        }
    }
    follow(&walked)
}

/// The components of a path, last first.
fn components(path: &Path) -> Vec<Vec<u8>> {
    let named = path.components().filter_map(|component| match component {
        Component::Normal(name) => Some(name.to_owned().into_vec()),
        Component::ParentDir => Some(b"..".to_vec()),
        Component::RootDir | Component::CurDir | Component::Prefix(_) => None,
    });
    let mut list: Vec<Vec<u8>> = named.collect();
    list.reverse();
    list
}

/// Whether a link below `/proc/<pid>` is one that the kernel does not follow by its text (`proc(5)`: `cwd`, `exe`, `root`, `fd`, `map_files`).
fn leads_into_a_process(link: &Path) -> bool {
    let mut names = link.components().skip(1);
    let is_number = |name: Component<'_>| name.as_os_str().to_str().is_some_and(|name| name.parse::<u32>().is_ok());
    names.next().is_some_and(|name| name.as_os_str() == "proc") && names.next().is_some_and(is_number)
}
