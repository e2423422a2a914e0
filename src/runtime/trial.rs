//! Trials: finds out what the kernel allows by doing it, in a process that is made for that and ends with it.
//!
//! How: a child is forked as if to start a program, and everything is tried between `fork(2)` and `execve(2)`; the child then reports
//! a step and an error number instead of a program, and is gone, with the namespaces, mounts and filters that it made. No helper
//! program is needed, the caller may have threads, and nothing of the caller changes. Between fork and exec only async-signal-safe
//! functions may run (`signal-safety(7)`): all texts are made before the fork, and nothing in the child allocates.

use std::ffi::{CStr, CString};
use std::io;
use std::os::unix::process::CommandExt;
use std::process::Command;

use nix::errno::Errno;

/// What a trial was doing when it was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Starting a process.
    Fork,
    /// `unshare(2)`.
    Unshare,
    /// Writing the user namespace's identity maps.
    IdMap,
    /// Cutting the namespace's mounts off from the host's.
    Propagation,
    /// Opening `/dev/fuse`.
    Device,
    /// `mount(2)`.
    Mount,
    /// Giving up new privileges, which an unprivileged filter needs.
    NoNewPrivileges,
    /// Installing a seccomp filter with a listener.
    Listener,
    /// Asking the kernel for a feature.
    Feature,
    /// Listening on the loopback address.
    Loopback,
    /// Reading the memory of the session's processes.
    ReadMemory,
}

impl Step {
    const ALL: [Step; 11] = [
        Step::Fork,
        Step::Unshare,
        Step::IdMap,
        Step::Propagation,
        Step::Device,
        Step::Mount,
        Step::NoNewPrivileges,
        Step::Listener,
        Step::Feature,
        Step::Loopback,
        Step::ReadMemory,
    ];
}

/// A step that was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{step:?}: {}", errno.desc())]
pub struct Refused {
    /// The step.
    pub step: Step,
    /// What the kernel said.
    pub errno: Errno,
}

/// How a process gets a mount namespace of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Namespace {
    /// By privilege.
    Privileged,
    /// Within a user namespace of its own.
    User,
}

/// Makes a mount namespace that is cut off from the host's mounts.
///
/// # Errors
/// [`Refused`].
pub fn mount_namespace(namespace: Namespace) -> Result<(), Refused> {
    let entry = Entry::new(namespace);
    in_child(move || entry.enter())
}

/// Mounts a FUSE file system in such a namespace, without anyone to serve it.
///
/// # Errors
/// [`Refused`].
pub fn fuse_mount(namespace: Namespace) -> Result<(), Refused> {
    let entry = Entry::new(namespace);
    in_child(move || {
        entry.enter()?;
        mount_fuse(entry.uid, entry.gid)
    })
}

/// Installs a seccomp filter whose decisions another process takes (`seccomp_unotify(2)`); the filter itself lets everything pass.
///
/// # Errors
/// [`Refused`].
pub fn seccomp_listener() -> Result<(), Refused> {
    in_child(install_listener)
}

/// Opens a handle on this process (`pidfd_open(2)`, Linux 5.3).
///
/// # Errors
/// [`Refused`].
#[expect(unsafe_code, reason = "no crate in use wraps pidfd_open(2)")]
pub fn pidfd() -> Result<(), Refused> {
    // SAFETY: the call takes two numbers; the descriptor that it makes is closed at once, and nothing else knows it.
    unsafe {
        let fd = libc::syscall(libc::SYS_pidfd_open, libc::c_long::from(std::process::id()), 0_i64);
        check(Step::Feature, fd)?;
        libc::close(i32::try_from(fd).unwrap_or(-1));
    }
    Ok(())
}

/// The version of Landlock's interface, from 1 (`landlock_create_ruleset(2)`).
///
/// # Errors
/// [`Refused`]: `ENOSYS` when the kernel is built without, `EOPNOTSUPP` when it is not switched on.
#[expect(unsafe_code, reason = "no crate in use wraps Landlock")]
pub fn landlock_version() -> Result<u32, Refused> {
    const VERSION: libc::c_long = 1;
    // SAFETY: with this flag the call reads no memory of ours and answers a number.
    let version = unsafe { libc::syscall(libc::SYS_landlock_create_ruleset, std::ptr::null::<u8>(), 0_usize, VERSION) };
    check(Step::Feature, version)?;
    Ok(u32::try_from(version).unwrap_or(0))
}

/// What the child answers when nothing was refused: no error number is as large.
const ALL_DONE: i32 = 0x4000_0000;

/// Runs `tried` between fork and exec. It must call async-signal-safe functions alone.
#[expect(unsafe_code, reason = "pre_exec runs between fork and exec")]
fn in_child(mut tried: impl FnMut() -> Result<(), Refused> + Send + Sync + 'static) -> Result<(), Refused> {
    // Never started: the trial always ends in an error before.
    let mut command = Command::new("/");
    // SAFETY: every caller in this file passes a closure that makes system calls through libc and writes to arrays of its own; it
    // takes no lock and allocates nothing. An error made of a number allocates nothing either.
    unsafe {
        command.pre_exec(move || {
            let code = match tried() {
                Ok(()) => ALL_DONE,
                Err(Refused { step, errno }) => ((step as i32) << 16) | errno as i32,
            };
            Err(io::Error::from_raw_os_error(code))
        });
    }
    let code = match command.spawn() {
        Ok(_unreachable) => ALL_DONE,
        Err(error) => error.raw_os_error().unwrap_or(libc::EIO),
    };
    if code == ALL_DONE {
        return Ok(());
    }
    let step = Step::ALL.into_iter().find(|step| *step as i32 == code >> 16).unwrap_or(Step::Fork);
    Err(Refused { step, errno: Errno::from_raw(code & 0xffff) })
}

fn check(step: Step, result: impl Into<i64>) -> Result<(), Refused> {
    if result.into() < 0 { Err(Refused { step, errno: Errno::last() }) } else { Ok(()) }
}

/// What it takes to enter a namespace, made before the fork.
struct Entry {
    namespace: Namespace,
    uid: u32,
    gid: u32,
    uid_map: CString,
    gid_map: CString,
}

impl Entry {
    fn new(namespace: Namespace) -> Self {
        let (uid, gid) = (nix::unistd::geteuid().as_raw(), nix::unistd::getegid().as_raw());
        let map = |id: u32| CString::new(format!("{id} {id} 1")).unwrap_or_default();
        Self { namespace, uid, gid, uid_map: map(uid), gid_map: map(gid) }
    }

    #[expect(unsafe_code, reason = "system calls of the child, through libc so that nothing allocates")]
    fn enter(&self) -> Result<(), Refused> {
        let flags = match self.namespace {
            Namespace::Privileged => libc::CLONE_NEWNS,
            Namespace::User => libc::CLONE_NEWNS | libc::CLONE_NEWUSER,
        };
        // SAFETY: unshare takes a number; the child has one thread.
        check(Step::Unshare, unsafe { libc::unshare(flags) })?;
        if self.namespace == Namespace::User {
            // Without setgroups(2), an unprivileged process may map its own group (user_namespaces(7)).
            write_file(c"/proc/self/setgroups", c"deny")?;
            write_file(c"/proc/self/uid_map", &self.uid_map)?;
            write_file(c"/proc/self/gid_map", &self.gid_map)?;
        }
        // SAFETY: all pointers are to constants or null, which mount(2) allows for a change of propagation.
        let cut_off = unsafe {
            libc::mount(std::ptr::null(), c"/".as_ptr(), std::ptr::null(), libc::MS_REC | libc::MS_PRIVATE, std::ptr::null())
        };
        check(Step::Propagation, cut_off)
    }
}

#[expect(unsafe_code, reason = "system calls of the child, through libc so that nothing allocates")]
fn write_file(path: &CStr, text: &CStr) -> Result<(), Refused> {
    let bytes = text.to_bytes();
    // SAFETY: path and text are alive for both calls, and no more than their bytes is read.
    unsafe {
        let fd = libc::open(path.as_ptr(), libc::O_WRONLY | libc::O_CLOEXEC);
        check(Step::IdMap, fd)?;
        let written = libc::write(fd, bytes.as_ptr().cast(), bytes.len());
        check(Step::IdMap, i64::try_from(written).unwrap_or(-1))
    }
}

#[expect(unsafe_code, reason = "system calls of the child, through libc so that nothing allocates")]
fn mount_fuse(uid: u32, gid: u32) -> Result<(), Refused> {
    // SAFETY: the path is a constant.
    let fd = unsafe { libc::open(c"/dev/fuse".as_ptr(), libc::O_RDWR | libc::O_CLOEXEC) };
    check(Step::Device, fd)?;
    let mut options = [0_u8; 128];
    // The rest of the array stays zero, which ends the text. The numbers leave room for that.
    let written = io::Write::write_fmt(
        &mut options.as_mut_slice(),
        format_args!("fd={fd},rootmode=40000,user_id={uid},group_id={gid},default_permissions,allow_other"),
    );
    if written.is_err() {
        return Err(Refused { step: Step::Mount, errno: Errno::ENOMEM });
    }
    // SAFETY: the texts are constants, and the options are an array that outlives the call and ends in zeros.
    let mounted = unsafe {
        libc::mount(
            c"agentsh-trial".as_ptr(),
            c"/".as_ptr(),
            c"fuse".as_ptr(),
            libc::MS_NOSUID | libc::MS_NODEV,
            options.as_ptr().cast(),
        )
    };
    check(Step::Mount, mounted)
}

#[expect(unsafe_code, reason = "system calls of the child, through libc so that nothing allocates")]
fn install_listener() -> Result<(), Refused> {
    let mut pass = libc::sock_filter { code: 0x06, jt: 0, jf: 0, k: libc::SECCOMP_RET_ALLOW }; // BPF_RET | BPF_K
    let program = libc::sock_fprog { len: 1, filter: &raw mut pass };
    // SAFETY: prctl takes numbers here; the program points to one instruction, and both outlive the call.
    unsafe {
        check(Step::NoNewPrivileges, libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1_i64, 0_i64, 0_i64, 0_i64))?;
        let flags = libc::SECCOMP_FILTER_FLAG_NEW_LISTENER;
        let fd = libc::syscall(libc::SYS_seccomp, libc::SECCOMP_SET_MODE_FILTER, flags, &raw const program);
        check(Step::Listener, fd)
    }
}
