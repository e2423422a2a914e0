//! Every `unsafe` system call that no crate wraps safely, each with its SAFETY sentence.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::signal::Signal;
use nix::sys::socket::{ControlMessageOwned, MsgFlags, recvmsg};
use nix::unistd::ForkResult;

/// Opens a handle on a live process (`pidfd_open(2)`, Linux 5.3); it stays with that process when the number is used again.
///
/// # Errors
/// `ESRCH` when there is no such process, `EINVAL` or `ENOENT` when the number is that of a thread which is not a process's first.
#[expect(unsafe_code, reason = "no crate in use wraps pidfd_open(2)")]
pub fn pidfd_open(pid: u32) -> Result<OwnedFd, Errno> {
    // SAFETY: pidfd_open takes two numbers and touches no memory of ours.
    let fd = unsafe { libc::syscall(libc::SYS_pidfd_open, libc::c_long::from(pid), 0_i64) };
    let fd = RawFd::try_from(Errno::result(fd)?).map_err(|_| Errno::EBADF)?;
    // SAFETY: the call has just made this descriptor, and nothing else knows it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Bytes of a TCP socket's send queue that the peer's kernel has not acknowledged (`SIOCOUTQ`, tcp(7)).
///
/// # Errors
/// `EINVAL` when the socket listens, or is no TCP socket.
#[expect(unsafe_code, reason = "no crate in use wraps the ioctl SIOCOUTQ")]
pub fn unacknowledged(socket: BorrowedFd<'_>) -> Result<u64, Errno> {
    let mut bytes: libc::c_int = 0;
    // SAFETY: the request (the same number as TIOCOUTQ) writes one int, which `bytes` is.
    let result = unsafe { libc::ioctl(socket.as_raw_fd(), libc::TIOCOUTQ, &raw mut bytes) };
    Errno::result(result)?;
    u64::try_from(bytes).map_err(|_| Errno::EINVAL)
}

/// Sends a signal to the process behind a pidfd (`pidfd_send_signal(2)`, Linux 5.1).
///
/// # Errors
/// `ESRCH` when the process has ended, `EPERM` when it may not be signalled.
#[expect(unsafe_code, reason = "no crate in use wraps pidfd_send_signal(2)")]
pub fn pidfd_send_signal(pidfd: BorrowedFd<'_>, signal: Signal) -> Result<(), Errno> {
    // SAFETY: a null siginfo asks the kernel to fill one in as kill(2) does; the other arguments are numbers.
    let result = unsafe {
        libc::syscall(libc::SYS_pidfd_send_signal, pidfd.as_raw_fd(), signal as libc::c_int, std::ptr::null::<u8>(), 0_u32)
    };
    Errno::result(result).map(drop)
}

/// Sends a signal to the process group whose leader is behind a pidfd (`PIDFD_SIGNAL_PROCESS_GROUP`, Linux 6.9).
///
/// # Errors
/// `EINVAL` on an older kernel, `ESRCH` when there is no such group, `EPERM` when nobody in it may be signalled.
#[expect(unsafe_code, reason = "no crate in use wraps pidfd_send_signal(2)")]
pub fn pidfd_send_signal_to_group(pidfd: BorrowedFd<'_>, signal: Signal) -> Result<(), Errno> {
    const PROCESS_GROUP: u32 = 1 << 2;
    // SAFETY: a null siginfo asks the kernel to fill one in as kill(2) does; the other arguments are numbers.
    let result = unsafe {
        libc::syscall(
            libc::SYS_pidfd_send_signal,
            pidfd.as_raw_fd(),
            signal as libc::c_int,
            std::ptr::null::<u8>(),
            PROCESS_GROUP,
        )
    };
    Errno::result(result).map(drop)
}

/// The version of Landlock that the kernel has; 0 when it has none, or it is switched off.
#[must_use]
#[expect(unsafe_code, reason = "no crate in use wraps landlock(7)")]
pub fn landlock_version() -> u32 {
    const VERSION: u32 = 1;
    // SAFETY: with this flag the call takes no structure.
    let version = unsafe { libc::syscall(libc::SYS_landlock_create_ruleset, std::ptr::null::<u8>(), 0_usize, VERSION) };
    u32::try_from(version).unwrap_or(0)
}

/// The version of Landlock since which signals can be confined (Linux 6.12).
pub const LANDLOCK_SCOPES_SIGNALS: u32 = 6;

/// From now on this process, and what it starts, can signal and trace nothing but what it starts (`LANDLOCK_SCOPE_SIGNAL`). Needs
/// `no_new_privs`.
///
/// # Errors
/// `ENOSYS`, `EOPNOTSUPP`, `EINVAL` or `E2BIG` where the kernel has no Landlock, or an older one.
#[expect(unsafe_code, reason = "no crate in use wraps landlock(7)")]
pub fn confine_signals() -> Result<(), Errno> {
    /// `struct landlock_ruleset_attr` (`linux/landlock.h`).
    #[repr(C)]
    struct Attributes {
        handled_access_fs: u64,
        handled_access_net: u64,
        scoped: u64,
    }
    const SCOPE_SIGNAL: u64 = 1 << 1;
    let attributes = Attributes { handled_access_fs: 0, handled_access_net: 0, scoped: SCOPE_SIGNAL };
    // SAFETY: the kernel reads as many bytes of `attributes` as it is told there are.
    let fd = unsafe {
        libc::syscall(libc::SYS_landlock_create_ruleset, &raw const attributes, std::mem::size_of::<Attributes>(), 0_u32)
    };
    let fd = RawFd::try_from(Errno::result(fd)?).map_err(|_| Errno::EBADF)?;
    // SAFETY: the call has just made this descriptor, and nothing else knows it.
    let ruleset = unsafe { OwnedFd::from_raw_fd(fd) };
    // SAFETY: the call takes two numbers.
    Errno::result(unsafe { libc::syscall(libc::SYS_landlock_restrict_self, ruleset.as_raw_fd(), 0_u32) }).map(drop)
}

/// The wait status of the process behind a pidfd, once it has been reaped (`PIDFD_GET_INFO` with `PIDFD_INFO_EXIT`, Linux 6.15).
///
/// `None` when it has not been reaped, or when the kernel is older and cannot tell.
#[must_use]
#[expect(unsafe_code, reason = "no crate in use wraps the ioctl PIDFD_GET_INFO")]
pub fn pidfd_exit_status(pidfd: BorrowedFd<'_>) -> Option<i32> {
    // SAFETY: pidfd_info is plain numbers, for which all zeroes is a value.
    let mut info: libc::pidfd_info = unsafe { std::mem::zeroed() };
    info.mask = u64::from(libc::PIDFD_INFO_EXIT);
    // SAFETY: the request carries the size of `info`, and the kernel writes at most that many bytes into it.
    let result = unsafe { libc::ioctl(pidfd.as_raw_fd(), libc::PIDFD_GET_INFO, &raw mut info) };
    (result == 0 && info.mask & u64::from(libc::PIDFD_INFO_EXIT) != 0).then_some(info.exit_code)
}

/// A clock of a process: its CPU time in nanoseconds, over all of its threads, also those that have ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CpuClock {
    /// User and kernel time as the timer tick sampled it (`CPUCLOCK_PROF`).
    Sampled,
    /// User time as the timer tick sampled it (`CPUCLOCK_VIRT`).
    SampledUser,
    /// The scheduler's exact sum of both (`CPUCLOCK_SCHED`).
    Exact,
}

/// Reads a CPU clock of another process (`clock_gettime(2)`; the clock's number is made as `clock_getcpuclockid(3)` does).
///
/// # Errors
/// `EINVAL` when there is no such process.
#[expect(unsafe_code, reason = "clock_gettime(2) with a clock of another process has no safe wrapper among the enabled features")]
pub fn process_cpu_time(pid: u32, clock: CpuClock) -> Result<Duration, Errno> {
    let which = match clock {
        CpuClock::Sampled => 0,
        CpuClock::SampledUser => 1,
        CpuClock::Exact => 2,
    };
    let pid = libc::clockid_t::try_from(pid).map_err(|_| Errno::EINVAL)?;
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` is a timespec of ours that outlives the call.
    Errno::result(unsafe { libc::clock_gettime((!pid << 3) | which, &raw mut time) })?;
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    Ok(Duration::new(seconds, u32::try_from(time.tv_nsec).unwrap_or(0)))
}

/// Time since the machine started, sleep included (`CLOCK_BOOTTIME`): the clock of a process's start time in `/proc/<pid>/stat`.
#[must_use]
#[expect(unsafe_code, reason = "clock_gettime(2) has no safe wrapper among the enabled features")]
pub fn time_since_boot() -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` is a timespec of ours that outlives the call.
    unsafe { libc::clock_gettime(libc::CLOCK_BOOTTIME, &raw mut time) };
    Duration::new(u64::try_from(time.tv_sec).unwrap_or(0), u32::try_from(time.tv_nsec).unwrap_or(0))
}

/// Clock ticks in a second, the unit of times in `/proc/<pid>/stat`.
#[must_use]
#[expect(unsafe_code, reason = "sysconf(3) has no safe wrapper among the enabled features")]
pub fn clock_ticks_per_second() -> u64 {
    // SAFETY: sysconf takes a number and touches no memory of ours.
    let ticks = unsafe { libc::sysconf(libc::_SC_CLK_TCK) };
    u64::try_from(ticks).ok().filter(|ticks| *ticks > 0).unwrap_or(100)
}

/// A timer that can be waited for with `poll(2)` (`timerfd_create(2)`).
#[derive(Debug)]
pub struct Timer(OwnedFd);

impl AsFd for Timer {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl Timer {
    /// A timer that is not set.
    ///
    /// # Errors
    /// What `timerfd_create(2)` says.
    #[expect(unsafe_code, reason = "timerfd_create(2) has no safe wrapper among the enabled features")]
    pub fn new() -> Result<Self, Errno> {
        // SAFETY: timerfd_create takes two numbers and touches no memory of ours.
        let fd = unsafe { libc::timerfd_create(libc::CLOCK_MONOTONIC, libc::TFD_CLOEXEC | libc::TFD_NONBLOCK) };
        let fd = Errno::result(fd)?;
        // SAFETY: the call has just made this descriptor, and nothing else knows it.
        Ok(Self(unsafe { OwnedFd::from_raw_fd(fd) }))
    }

    /// Has the timer go off once, `after` from now; at least a nanosecond, since 0 would unset it.
    ///
    /// # Errors
    /// What `timerfd_settime(2)` says.
    #[expect(unsafe_code, reason = "timerfd_settime(2) has no safe wrapper among the enabled features")]
    pub fn set(&self, after: Duration) -> Result<(), Errno> {
        let never = libc::timespec { tv_sec: 0, tv_nsec: 0 };
        let after = after.max(Duration::from_nanos(1));
        let tv_sec = libc::time_t::try_from(after.as_secs()).unwrap_or(libc::time_t::MAX);
        let time = libc::itimerspec {
            it_interval: never,
            it_value: libc::timespec { tv_sec, tv_nsec: libc::c_long::from(after.subsec_nanos().cast_signed()) },
        };
        // SAFETY: `time` is ours and outlives the call; a null old value is allowed.
        Errno::result(unsafe { libc::timerfd_settime(self.0.as_raw_fd(), 0, &raw const time, std::ptr::null_mut()) }).map(drop)
    }

    /// Takes note that it went off, so that it can be waited for again.
    pub fn acknowledge(&self) {
        let _ = nix::unistd::read(&self.0, &mut [0; 8]);
    }
}

/// A child that has ended and has not been reaped (`waitid(2)` with `WNOWAIT`); `None` while all children run.
///
/// # Errors
/// `ECHILD` when there is no child.
#[expect(unsafe_code, reason = "nix's waitid fails for a child that a realtime signal ended")]
pub fn ended_child() -> Result<Option<u32>, Errno> {
    // SAFETY: siginfo_t is plain numbers, for which all zeroes is a value; waitid leaves it so when no child has ended.
    let mut info: libc::siginfo_t = unsafe { std::mem::zeroed() };
    // SAFETY: `info` is ours and outlives the call.
    Errno::result(unsafe { libc::waitid(libc::P_ALL, 0, &raw mut info, libc::WEXITED | libc::WNOHANG | libc::WNOWAIT) })?;
    // SAFETY: waitid filled the fields of a child's end in, or left them zero.
    let pid = unsafe { info.si_pid() };
    Ok(u32::try_from(pid).ok().filter(|pid| *pid != 0))
}

/// Reaps a child that has ended, with what it and the descendants that it waited for used (`wait4(2)`).
///
/// # Errors
/// `ECHILD` when it is no child of this process; `EAGAIN` when it has not ended.
#[expect(unsafe_code, reason = "no crate in use wraps wait4(2)")]
pub fn reap(pid: u32) -> Result<(i32, libc::rusage), Errno> {
    let pid = libc::pid_t::try_from(pid).map_err(|_| Errno::ECHILD)?;
    let mut status = 0;
    // SAFETY: rusage is plain numbers, for which all zeroes is a value.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    // SAFETY: `status` and `usage` are ours and outlive the call.
    match Errno::result(unsafe { libc::wait4(pid, &raw mut status, libc::WNOHANG, &raw mut usage) })? {
        0 => Err(Errno::EAGAIN),
        _ => Ok((status, usage)),
    }
}

/// Forks a process that has one thread.
///
/// # Errors
/// `EBUSY` when the process has other threads (then the child would own locks that nobody releases), else what `fork(2)` says.
#[expect(unsafe_code, reason = "fork(2) is unsafe in a process with threads, which is checked here")]
pub fn fork_single_threaded() -> Result<ForkResult, Errno> {
    let threads = std::fs::read_dir("/proc/self/task").map_err(|_| Errno::ENOSYS)?.count();
    if threads != 1 {
        return Err(Errno::EBUSY);
    }
    // SAFETY: this is the only thread (counted above, and only a thread could start another), so the child has a consistent copy.
    unsafe { nix::unistd::fork() }
}

/// Ends the process at once (`_exit(2)`), without running what the process it was forked from registered for its own end.
#[expect(unsafe_code, reason = "no crate in use wraps _exit(2)")]
pub fn exit_now(code: u8) -> ! {
    // SAFETY: _exit takes a number and does not return.
    unsafe { libc::_exit(i32::from(code)) }
}

/// Gives `SIGPIPE` its default action back, which Rust's start-up code takes from every program.
///
/// # Errors
/// What `sigaction(2)` says.
#[expect(unsafe_code, reason = "a handler could be unsound; the default action is none")]
pub fn default_sigpipe() -> Result<(), Errno> {
    // SAFETY: SIG_DFL installs no handler.
    unsafe { nix::sys::signal::signal(Signal::SIGPIPE, nix::sys::signal::SigHandler::SigDfl) }.map(drop)
}

/// Starts `command` with one more descriptor open in it, under the same number as here.
///
/// # Errors
/// When the program cannot be started.
#[expect(unsafe_code, reason = "what runs between fork and exec must be async-signal-safe, which fcntl(2) is")]
pub fn spawn_with_fd(command: &mut Command, fd: BorrowedFd<'_>) -> io::Result<Child> {
    let number = fd.as_raw_fd();
    // SAFETY: the closure calls fcntl(2) alone, which is async-signal-safe and allocates nothing; `fd` is open until the
    // program has been started, since it is borrowed for that long.
    unsafe {
        command.pre_exec(move || {
            let result = libc::fcntl(number, libc::F_SETFD, 0);
            if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
        });
    }
    command.spawn()
}

/// Takes over the descriptor that the parent left open under `number` for this program, and closes it on exec. Works once.
///
/// # Errors
/// `EBADF` when the number is not open, is a standard stream, or was taken before.
#[expect(unsafe_code, reason = "a number becomes an owned descriptor")]
pub fn inherited_fd(number: RawFd) -> Result<OwnedFd, Errno> {
    static TAKEN: AtomicBool = AtomicBool::new(false);
    if number <= 2 || TAKEN.swap(true, Ordering::SeqCst) {
        return Err(Errno::EBADF);
    }
    // SAFETY: fcntl with F_SETFD takes numbers only, and fails if the descriptor is not open.
    Errno::result(unsafe { libc::fcntl(number, libc::F_SETFD, libc::FD_CLOEXEC) })?;
    // SAFETY: it is open (checked above), was opened before this program began, and is taken once.
    Ok(unsafe { OwnedFd::from_raw_fd(number) })
}

/// Receives bytes and at most one descriptor that came with them (`recvmsg(2)` with `SCM_RIGHTS`). No bytes means the end.
///
/// # Errors
/// What `recvmsg(2)` says.
#[expect(unsafe_code, reason = "received numbers become owned descriptors")]
pub fn receive_with_fd(socket: BorrowedFd<'_>, buffer: &mut [u8]) -> Result<(usize, Option<OwnedFd>), Errno> {
    let mut control = nix::cmsg_space!([RawFd; 2]);
    let mut vectors = [io::IoSliceMut::new(buffer)];
    let message = recvmsg::<()>(socket.as_raw_fd(), &mut vectors, Some(&mut control), MsgFlags::MSG_CMSG_CLOEXEC)?;
    let mut received = None;
    for content in message.cmsgs()? {
        if let ControlMessageOwned::ScmRights(numbers) = content {
            for number in numbers {
                // SAFETY: the kernel has just made this descriptor for us; one that is not kept is closed by its drop.
                received = Some(unsafe { OwnedFd::from_raw_fd(number) });
            }
        }
    }
    Ok((message.bytes, received))
}

/// Installs a seccomp filter on this thread and opens its listener (`SECCOMP_FILTER_FLAG_NEW_LISTENER`, Linux 5.0).
///
/// # Errors
/// `EACCES` without `no_new_privs`, `EBUSY` when a filter in force has a listener already, `EINVAL` for flags that the kernel lacks.
#[expect(unsafe_code, reason = "no crate in use installs a filter with a listener")]
pub fn seccomp_install(filter: &[libc::sock_filter], flags: libc::c_ulong) -> Result<OwnedFd, Errno> {
    let length = u16::try_from(filter.len()).map_err(|_| Errno::EINVAL)?;
    // The kernel only reads the program, although the C type says otherwise.
    let program = libc::sock_fprog { len: length, filter: filter.as_ptr().cast_mut() };
    let flags = flags | libc::SECCOMP_FILTER_FLAG_NEW_LISTENER;
    // SAFETY: `program` points to `filter`, whose length it carries; both outlive the call, and the kernel only reads them.
    let fd = unsafe { libc::syscall(libc::SYS_seccomp, libc::SECCOMP_SET_MODE_FILTER, flags, &raw const program) };
    let fd = RawFd::try_from(Errno::result(fd)?).map_err(|_| Errno::EBADF)?;
    // SAFETY: the call has just made this descriptor, and nothing else knows it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Whether [`SeccompListener::give_descriptor`] works here: since Linux 5.9.
#[must_use]
pub fn gives_descriptors() -> bool {
    let Ok(system) = nix::sys::utsname::uname() else { return false };
    let release = system.release().to_string_lossy();
    let mut numbers = release.split(|ch: char| !ch.is_ascii_digit()).filter_map(|number| number.parse::<u32>().ok());
    matches!((numbers.next(), numbers.next()), (Some(major), Some(minor)) if (major, minor) >= (5, 9))
}

/// Room for the kernel's notification structures, which may grow; [`SeccompListener::new`] checks that they fit.
const NOTIFICATION_ROOM: usize = 256;

#[repr(C, align(8))]
struct NotificationRoom([u8; NOTIFICATION_ROOM]);

/// A system call that waits for an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Notification {
    /// Names the waiting call in the answer.
    pub id: u64,
    /// The thread that made the call.
    pub tid: u32,
    /// The call's number.
    pub number: i64,
    /// The call's arguments.
    pub args: [u64; 6],
}

/// What the waiting call returns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SeccompAnswer {
    /// The kernel runs the call, and reads its arguments again.
    Continue,
    /// The call fails and is not run.
    Fail(Errno),
}

/// The receiving end of a seccomp filter's notifications (`seccomp_unotify(2)`).
#[derive(Debug)]
pub struct SeccompListener(OwnedFd);

impl AsFd for SeccompListener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl SeccompListener {
    /// Takes the listener over, and has the kernel wake the two sides on one CPU where it can (Linux 6.6), which halves the way.
    ///
    /// # Errors
    /// `E2BIG` when the kernel's structures are larger than this program knows, else what `seccomp(2)` says.
    #[expect(unsafe_code, reason = "no crate in use wraps seccomp(2)")]
    pub fn new(fd: OwnedFd) -> Result<Self, Errno> {
        const SYNCHRONOUS_WAKE_UP: libc::c_ulong = 1;
        let mut sizes = libc::seccomp_notif_sizes { seccomp_notif: 0, seccomp_notif_resp: 0, seccomp_data: 0 };
        // SAFETY: `sizes` is ours and outlives the call, which writes three numbers into it.
        Errno::result(unsafe { libc::syscall(libc::SYS_seccomp, libc::SECCOMP_GET_NOTIF_SIZES, 0, &raw mut sizes) })?;
        if usize::from(sizes.seccomp_notif.max(sizes.seccomp_notif_resp)) > NOTIFICATION_ROOM {
            return Err(Errno::E2BIG);
        }
        // SAFETY: this request takes a number. A kernel that does not know it says so, and then the wake-up is the usual one.
        unsafe { libc::ioctl(fd.as_raw_fd(), libc::SECCOMP_IOCTL_NOTIF_SET_FLAGS, SYNCHRONOUS_WAKE_UP) };
        Ok(Self(fd))
    }

    /// Takes the next waiting call.
    ///
    /// # Errors
    /// `ENOENT` when the caller was killed meanwhile, `EINTR` when a signal came.
    #[expect(unsafe_code, reason = "no crate in use wraps the seccomp ioctls")]
    pub fn receive(&self) -> Result<Notification, Errno> {
        let mut room = NotificationRoom([0; NOTIFICATION_ROOM]);
        // SAFETY: the room is zeroed, as the kernel demands, and at least as large as the kernel's structure (checked in `new`).
        Errno::result(unsafe { libc::ioctl(self.0.as_raw_fd(), libc::SECCOMP_IOCTL_NOTIF_RECV, room.0.as_mut_ptr()) })?;
        // SAFETY: the room is aligned for and larger than seccomp_notif, which is plain numbers and starts what was written.
        let raw: libc::seccomp_notif = unsafe { room.0.as_ptr().cast::<libc::seccomp_notif>().read() };
        Ok(Notification { id: raw.id, tid: raw.pid, number: i64::from(raw.data.nr), args: raw.data.args })
    }

    /// Whether the call still waits, so that what was read from `/proc` and from its memory was the caller's own.
    #[must_use]
    #[expect(unsafe_code, reason = "no crate in use wraps the seccomp ioctls")]
    pub fn is_waiting(&self, id: u64) -> bool {
        // SAFETY: the kernel reads one u64 from a variable of ours.
        unsafe { libc::ioctl(self.0.as_raw_fd(), libc::SECCOMP_IOCTL_NOTIF_ID_VALID, &raw const id) == 0 }
    }

    /// Gives the process whose call waits a descriptor with this number, in the place of the one that has it (Linux 5.9).
    ///
    /// # Errors
    /// `ENOENT` when the call does not wait any more, `EMFILE` when the number is above the process's limit.
    #[expect(unsafe_code, reason = "no crate in use wraps the seccomp ioctls")]
    pub fn give_descriptor(&self, id: u64, fd: BorrowedFd<'_>, number: u32) -> Result<(), Errno> {
        // The kernel takes numbers of descriptors as unsigned; one that is open is not negative.
        let srcfd = u32::try_from(fd.as_raw_fd()).map_err(|_negative| Errno::EBADF)?;
        let flags = u32::try_from(libc::SECCOMP_ADDFD_FLAG_SETFD).map_err(|_too_large| Errno::EINVAL)?;
        let request = libc::seccomp_notif_addfd { id, flags, srcfd, newfd: number, newfd_flags: 0 };
        // SAFETY: the kernel reads its structure from a variable of ours, and takes the length from the request's number.
        Errno::result(unsafe { libc::ioctl(self.0.as_raw_fd(), libc::SECCOMP_IOCTL_NOTIF_ADDFD, &raw const request) }).map(drop)
    }

    /// Answers a waiting call.
    ///
    /// # Errors
    /// `ENOENT` when the call does not wait any more: its thread was killed or interrupted.
    #[expect(unsafe_code, reason = "no crate in use wraps the seccomp ioctls")]
    pub fn answer(&self, id: u64, answer: SeccompAnswer) -> Result<(), Errno> {
        const CONTINUE: u32 = 1;
        let (error, flags) = match answer {
            SeccompAnswer::Continue => (0, CONTINUE),
            SeccompAnswer::Fail(errno) => (-(errno as i32), 0),
        };
        let mut room = NotificationRoom([0; NOTIFICATION_ROOM]);
        // SAFETY: the room is aligned for and larger than seccomp_notif_resp.
        unsafe {
            room.0.as_mut_ptr().cast::<libc::seccomp_notif_resp>().write(libc::seccomp_notif_resp { id, val: 0, error, flags });
        }
        // SAFETY: the kernel reads its structure, at most the room's size (checked in `new`), from memory of ours.
        Errno::result(unsafe { libc::ioctl(self.0.as_raw_fd(), libc::SECCOMP_IOCTL_NOTIF_SEND, room.0.as_mut_ptr()) }).map(drop)
    }
}
