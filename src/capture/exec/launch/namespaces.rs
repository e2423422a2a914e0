//! The launcher's side of confinement: the private mount namespace, the workspace's mount, and the directories that are covered.

use std::fs::{self, OpenOptions};
use std::os::fd::{AsRawFd as _, BorrowedFd, OwnedFd};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use nix::errno::Errno;
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, setns, unshare};
use nix::unistd::{getegid, geteuid};

use super::protocol::{MountSpec, Namespace, Step, StepFailure};
use crate::event::OsText;

/// Gives this process a mount namespace of its own: by privilege, else within a user namespace.
pub(super) fn enter() -> Result<Namespace, StepFailure> {
    let namespace = match unshare(CloneFlags::CLONE_NEWNS) {
        Ok(()) => Namespace::Privileged,
        Err(_) => {
            enter_user_namespace()?;
            Namespace::User
        }
    };
    // Mounts made here must not show outside, nor later ones outside show here. Mounts that the host made stay visible.
    mount(None::<&str>, "/", None::<&str>, MsFlags::MS_REC | MsFlags::MS_PRIVATE, None::<&str>)
        .map_err(|errno| StepFailure::new(Step::Propagation, errno))?;
    Ok(namespace)
}

/// Enters the namespaces of the process behind `holder`, a pidfd, and takes a copy of its mount table.
pub(super) fn join(holder: BorrowedFd<'_>, namespace: Namespace) -> Result<(), StepFailure> {
    let flags = match namespace {
        Namespace::Privileged => CloneFlags::CLONE_NEWNS,
        Namespace::User => CloneFlags::CLONE_NEWUSER | CloneFlags::CLONE_NEWNS,
    };
    let failed = |errno| StepFailure::new(Step::Join, errno);
    setns(holder, flags).map_err(failed)?;
    unshare(CloneFlags::CLONE_NEWNS).map_err(failed)
}

/// A user namespace in which this user and group are themselves, which is all that an unprivileged process may map.
fn enter_user_namespace() -> Result<(), StepFailure> {
    let (uid, gid) = (geteuid(), getegid());
    unshare(CloneFlags::CLONE_NEWUSER | CloneFlags::CLONE_NEWNS).map_err(|errno| StepFailure::new(Step::Unshare, errno))?;
    // Linux 3.19 lets an unprivileged process map its group only once it has given up setgroups(2) (user_namespaces(7)).
    write("/proc/self/setgroups", "deny")?;
    write("/proc/self/uid_map", &format!("{uid} {uid} 1"))?;
    write("/proc/self/gid_map", &format!("{gid} {gid} 1"))
}

fn write(path: &str, text: &str) -> Result<(), StepFailure> {
    fs::write(path, text).map_err(|error| StepFailure::new(Step::IdMap, errno_of(&error)))
}

pub(super) fn errno_of(error: &std::io::Error) -> Errno {
    error.raw_os_error().map_or(Errno::EIO, Errno::from_raw)
}

/// Mounts the workspace's file system; gives back its device.
pub(super) fn mount_workspace(spec: &MountSpec) -> Result<Option<OwnedFd>, StepFailure> {
    let device = match &spec.device {
        Some(path) => {
            let opened = OpenOptions::new().read(true).write(true).custom_flags(libc::O_CLOEXEC).open(path.as_path());
            Some(OwnedFd::from(opened.map_err(|error| StepFailure::new(Step::Device, errno_of(&error)))?))
        }
        None => None,
    };
    let options = match &device {
        Some(fd) if spec.options.is_empty() => format!("fd={}", fd.as_raw_fd()),
        Some(fd) => format!("fd={},{}", fd.as_raw_fd(), spec.options),
        None => spec.options.clone(),
    };
    mount(
        Some(spec.source.as_str()),
        spec.target.as_path(),
        Some(spec.fstype.as_str()),
        MsFlags::from_bits_truncate(spec.flags),
        Some(options.as_str()),
    )
    .map_err(|errno| StepFailure::new(Step::Mount, errno))?;
    Ok(device)
}

/// Covers each directory with an empty one that nothing can be written to. Gives back those that could not be covered.
pub(super) fn hide(directories: &[OsText]) -> Vec<(OsText, i32)> {
    let failed = directories.iter().filter_map(|directory| {
        let errno = cover(directory.as_path()).err()?;
        Some((directory.clone(), errno as i32))
    });
    failed.collect()
}

fn cover(directory: &Path) -> Result<(), Errno> {
    let flags = MsFlags::MS_RDONLY | MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC;
    mount(Some("agentsh"), directory, Some("tmpfs"), flags, Some("size=4k,nr_inodes=2,mode=0555"))
}
