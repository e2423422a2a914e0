//! What recorder and launcher say to each other: frames of JSON over a stream socket, at most one descriptor with each.
//!
//! The frame is its length in four bytes, little endian, and the message. A descriptor comes with the length. Both sides are one
//! program, started from the same file, so there are no versions.

use std::io::{ErrorKind, IoSlice, Read as _, Write as _};
use std::os::fd::{AsFd, AsRawFd as _, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;

use nix::errno::Errno;
use nix::sys::socket::{ControlMessage, MsgFlags, sendmsg};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::capture::exec::procfs::Bytes;
use crate::capture::exec::statistics::Usage;
use crate::event::OsText;
use crate::runtime::sys;

/// Longest frame: the kernel takes at most 6 MiB of arguments and environment, and JSON may write a byte as five.
const LONGEST: u32 = 32 << 20;

/// A file system for the workspace, mounted by the launcher within the session's private mount namespace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MountSpec {
    /// The directory that is covered, absolute, with links resolved.
    pub target: OsText,
    /// Type for `mount(2)`, such as `fuse`.
    pub fstype: String,
    /// Source for `mount(2)`; shown in the mount table.
    pub source: String,
    /// Flags for `mount(2)` (`MS_NOSUID` …).
    pub flags: u64,
    /// Options for `mount(2)`, without `fd=`.
    pub options: String,
    /// The device to open and to name in `fd=<number>` before the options; its descriptor comes back to the recorder.
    pub device: Option<OsText>,
}

/// From the recorder to the launcher.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Request {
    /// Make the session's namespaces and its mount, and find out what works. Answered by [`Reply::Prepared`].
    Prepare {
        /// Whether to have namespaces at all.
        private: bool,
        /// The workspace's file system.
        mount: Option<MountSpec>,
    },
    /// Cover directories with empty ones. Answered by [`Reply::Confined`].
    Confine {
        /// The directories, absolute.
        hide: Vec<OsText>,
    },
    /// Enter the namespaces of the process behind the descriptor, a pidfd, and take a copy of its mounts. Answered by
    /// [`Reply::Joined`].
    Join {
        /// What the process is in; absent where it has no namespaces of its own.
        namespace: Option<Namespace>,
    },
    /// Start the command. The descriptor is the socket on which it talks until it runs. Answered there.
    Start(StartSpec),
}

/// What the command is.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct StartSpec {
    /// Arguments; the first one is looked up in `PATH` if it has no slash.
    pub(crate) argv: Vec<OsText>,
    /// The whole environment.
    pub(crate) env: Vec<(OsText, OsText)>,
    /// Working directory, as it is seen within the session.
    pub(crate) cwd: OsText,
    /// Whether program starts wait for the recorder.
    pub(crate) seccomp: bool,
    /// What holds only for a command that is not its caller's own child.
    pub(crate) detached: Option<Detached>,
}

/// What a command that the server runs for somebody else has of its own.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Detached {
    /// Soft and hard limit of open files, as they were before the recorder raised its own.
    pub(crate) open_files: (u64, u64),
}

/// From the launcher to the recorder.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Reply {
    /// The session is prepared. The descriptor is the mount's device.
    Prepared(Preparation),
    /// Whether the namespaces were entered.
    Joined(Result<(), StepFailure>),
    /// Which directories could not be covered.
    Confined(Vec<(OsText, i32)>),
    /// A child of the launcher (the command, or an orphan of its tree) has ended.
    Exited(Exited),
}

/// What the launcher could set up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Preparation {
    /// The private mount namespace.
    pub namespace: Result<Namespace, StepFailure>,
    /// The workspace's file system.
    pub mount: Result<(), StepFailure>,
    /// Whether a seccomp filter with a listener can be installed.
    pub seccomp: Result<(), StepFailure>,
    /// Address of [`PROBE`] in the launcher's memory, to find out whether the recorder can read the memory of the session's processes.
    pub probe: u64,
}

/// What the recorder should find at [`Preparation::probe`].
pub(crate) static PROBE: [u8; 16] = *b"agentsh exec 0x1";

/// How the session got its private mount namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Namespace {
    /// By privilege.
    Privileged,
    /// Within a user namespace of its own, in which the user is the same and other users' files belong to `nobody`.
    User,
}

/// A step of the launcher that failed; the session goes on without what it was for, where it can.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{step:?} failed: {}", Errno::from_raw(*errno).desc())]
pub struct StepFailure {
    /// Which one.
    pub step: Step,
    /// Why.
    pub errno: i32,
}

impl StepFailure {
    pub(crate) const fn new(step: Step, errno: Errno) -> Self {
        Self { step, errno: errno as i32 }
    }
}

/// The steps of the launcher.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Step {
    /// The configuration does without.
    NotWanted,
    /// `unshare(2)`.
    Unshare,
    /// Writing the user namespace's identity maps. After this one failed the launcher is of no more use.
    IdMap,
    /// `setns(2)`: entering the namespaces of a session that is there already.
    Join,
    /// Cutting the namespace's mounts off from the host's.
    Propagation,
    /// Opening the mount's device.
    Device,
    /// `mount(2)`.
    Mount,
    /// Installing the filter.
    Seccomp,
    /// Reading the memory of a process of the session.
    ReadMemory,
    /// Starting a process.
    Fork,
    /// `prctl(2)`: dying with the launcher, or giving up new privileges.
    Prctl,
    /// Changing to the working directory.
    ChangeDirectory,
    /// Turning arguments and environment into what `execve(2)` takes.
    Arguments,
    /// `execve(2)`, or finding the program.
    Exec,
}

/// How a child of the launcher ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Exited {
    /// The process.
    pub(crate) pid: u32,
    /// Wait status.
    pub(crate) status: i32,
    /// What it and the descendants that it waited for used.
    pub(crate) usage: Usage,
    /// Bytes that it and the descendants that it waited for read and wrote.
    pub(crate) bytes: Option<Bytes>,
}

/// From the command, before it runs, to the recorder. The socket closes when it runs.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Launching {
    /// This process will be the command.
    Started {
        /// Its id.
        pid: u32,
    },
    /// From now on program starts wait for the recorder; the descriptor is the listener.
    Listening {
        /// A signal that does not kill makes a waiting call come again.
        restarts: bool,
    },
    /// Where nothing waits by itself: this program is about to be run. Waits for [`Permission`].
    Candidate {
        /// The program, absolute or relative to the working directory.
        path: OsText,
    },
    /// The command cannot be started. Waits until the recorder closes the socket, then ends.
    Failed {
        /// What failed.
        failure: StepFailure,
        /// The program that was tried last.
        path: Option<OsText>,
    },
}

/// The answer to [`Launching::Candidate`].
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Permission {
    /// Whether the program may run.
    pub(crate) granted: bool,
}

/// Why the other side could not be talked to.
#[derive(Debug, thiserror::Error)]
pub enum ProtocolError {
    /// The socket failed.
    #[error("the socket between recorder and launcher failed: {0}")]
    Socket(#[from] std::io::Error),
    /// A frame is no message. Nothing after it can be read.
    #[error("a frame between recorder and launcher is no message: {0}")]
    Decode(#[from] serde_json::Error),
    /// A frame is longer than any message.
    #[error("a frame of {length} bytes between recorder and launcher is too long")]
    TooLong {
        /// Its length.
        length: usize,
    },
}

impl From<Errno> for ProtocolError {
    fn from(errno: Errno) -> Self {
        Self::Socket(errno.into())
    }
}

/// Sends a message; waits while the socket's buffer is full.
pub(crate) fn send<T: Serialize>(mut socket: &UnixStream, message: &T, fd: Option<BorrowedFd<'_>>) -> Result<(), ProtocolError> {
    let body = serde_json::to_vec(message)?;
    let length = u32::try_from(body.len()).ok().filter(|length| *length <= LONGEST);
    let head = length.ok_or(ProtocolError::TooLong { length: body.len() })?.to_le_bytes();
    let numbers = fd.map(|fd| [fd.as_raw_fd()]);
    let control: Vec<ControlMessage<'_>> = numbers.iter().map(|numbers| ControlMessage::ScmRights(numbers)).collect();
    // Four bytes go as one piece or not at all: the socket's buffer counts in larger ones.
    retry(|| sendmsg::<()>(socket.as_raw_fd(), &[IoSlice::new(&head)], &control, MsgFlags::MSG_NOSIGNAL, None))?;
    Ok(socket.write_all(&body)?)
}

/// Receives a message, with the descriptor that came with it; `None` when the other side has closed.
pub(crate) fn receive<T: DeserializeOwned>(socket: &UnixStream) -> Result<Option<(T, Option<OwnedFd>)>, ProtocolError> {
    let mut head = [0; 4];
    let (filled, fd) = match retry(|| sys::receive_with_fd(socket.as_fd(), &mut head)) {
        Ok((0, _)) | Err(Errno::ECONNRESET) => return Ok(None),
        other => other?,
    };
    if !fill(socket, head.get_mut(filled..).unwrap_or_default())? {
        return Ok(None);
    }
    let length = u32::from_le_bytes(head);
    if length > LONGEST {
        return Err(ProtocolError::TooLong { length: usize::try_from(length).unwrap_or(usize::MAX) });
    }
    let mut body = vec![0; usize::try_from(length).unwrap_or(0)];
    if !fill(socket, &mut body)? {
        return Ok(None);
    }
    Ok(Some((serde_json::from_slice(&body)?, fd)))
}

/// Reads until the buffer is full; `false` when the other side closed before.
fn fill(mut socket: &UnixStream, buffer: &mut [u8]) -> Result<bool, ProtocolError> {
    match socket.read_exact(buffer) {
        Ok(()) => Ok(true),
        Err(error) if matches!(error.kind(), ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

fn retry<T>(mut call: impl FnMut() -> nix::Result<T>) -> nix::Result<T> {
    loop {
        match call() {
            Err(Errno::EINTR) => {}
            other => return other,
        }
    }
}
