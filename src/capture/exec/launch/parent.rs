//! The recorder's side of the launcher: starts it, has it prepare and confine the session, and sees to its end.

use std::io;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::prctl;

use super::layers;
use super::protocol::{Detached, MountSpec, Namespace, PROBE, Preparation, ProtocolError, Reply, Request, Step, StepFailure};
use super::{ARGUMENT, protocol};
use crate::capture::exec::notify::memory;
use crate::event::{LayerReport, OsText};
use crate::runtime::sys;

/// How long the launcher has to kill what is left and to end, in milliseconds, before it is killed itself.
const LAUNCHER_END_MS: u16 = 5_000;

/// What a session is made of.
#[derive(Clone, Debug)]
pub struct SessionSpec {
    /// The agentsh program that becomes the launcher; `/proc/self/exe` in agentsh itself.
    pub program: PathBuf,
    /// Whether the session gets a mount namespace of its own.
    pub private: bool,
    /// The workspace's file system, which needs such a namespace.
    pub mount: Option<MountSpec>,
}

/// Why there is no session. Nothing of it is left running.
#[derive(Debug, thiserror::Error)]
pub enum LaunchError {
    /// The launcher could not be started.
    #[error("the launcher {} cannot be started: {source}", program.display())]
    Start {
        /// The program.
        program: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// It ended before it had answered.
    #[error("the launcher ended before the session was prepared")]
    Ended,
    /// It could not enter the session's namespaces.
    #[error("the session's namespaces cannot be entered: {0}")]
    Join(StepFailure),
    /// It could not be talked to.
    #[error(transparent)]
    Protocol(#[from] ProtocolError),
}

/// What a command's standard streams are.
#[derive(Debug)]
pub struct Streams {
    /// Where it reads.
    pub stdin: OwnedFd,
    /// Where it writes.
    pub stdout: OwnedFd,
    /// Where it complains.
    pub stderr: OwnedFd,
}

/// A launcher that runs; dropping it ends all that it started.
#[derive(Debug)]
struct Running {
    child: Child,
    socket: UnixStream,
}

impl Running {
    fn start(program: &Path, streams: Option<Streams>) -> Result<Self, LaunchError> {
        let failed = |source| LaunchError::Start { program: program.to_owned(), source };
        // What the launcher adopted comes here should it be killed.
        prctl::set_child_subreaper(true).map_err(|errno| failed(errno.into()))?;
        let (socket, theirs) = UnixStream::pair().map_err(failed)?;
        let mut command = Command::new(program);
        command.arg(ARGUMENT).arg(std::os::fd::AsRawFd::as_raw_fd(&theirs).to_string());
        // The command's environment comes with it. The recorder's may hold a key, and `/proc` shows it.
        command.env_clear();
        if let Some(streams) = streams {
            command.stdin(streams.stdin).stdout(streams.stdout).stderr(streams.stderr);
        }
        let child = sys::spawn_with_fd(&mut command, theirs.as_fd()).map_err(failed)?;
        Ok(Self { child, socket })
    }

    fn ask(&self, request: &Request, fd: Option<BorrowedFd<'_>>) -> Result<(Reply, Option<OwnedFd>), LaunchError> {
        protocol::send(&self.socket, request, fd)?;
        protocol::receive(&self.socket)?.ok_or(LaunchError::Ended)
    }

    fn prepare(&self, private: bool, mount: Option<MountSpec>) -> Result<(Preparation, Option<OwnedFd>), LaunchError> {
        match self.ask(&Request::Prepare { private, mount }, None)? {
            (Reply::Prepared(preparation), device) => Ok((preparation, device)),
            (Reply::Joined(_) | Reply::Confined(_) | Reply::Exited(_), _) => Err(LaunchError::Ended),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // The launcher takes the closed socket as the end of the session: it kills what is left and ends.
        let _ = self.socket.shutdown(std::net::Shutdown::Both);
        if let Ok(pidfd) = sys::pidfd_open(self.child.id()) {
            let _ = poll(&mut [PollFd::new(pidfd.as_fd(), PollFlags::POLLIN)], PollTimeout::from(LAUNCHER_END_MS));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A session whose namespaces and mount exist, and in which nothing runs. Whoever serves the mount starts now, since what follows may
/// look into it.
#[derive(Debug)]
pub struct PreparedSession {
    launcher: Running,
    preparation: Preparation,
    mount_wanted: bool,
    device: Option<OwnedFd>,
}

impl PreparedSession {
    /// Starts a launcher and has it prepare the session. What could not be set up and can be done without is in the report.
    ///
    /// # Errors
    /// [`LaunchError`] when there is no launcher to talk to.
    pub fn open(spec: &SessionSpec) -> Result<Self, LaunchError> {
        let launcher = Running::start(&spec.program, None)?;
        let (preparation, device) = launcher.prepare(spec.private, spec.mount.clone())?;
        let (launcher, preparation, device) = match preparation.namespace {
            Err(failure) if failure.step == Step::IdMap => {
                // It is in a user namespace without users, and there is no way back.
                let launcher = Running::start(&spec.program, None)?;
                let (second, device) = launcher.prepare(false, spec.mount.clone())?;
                (launcher, Preparation { namespace: Err(failure), mount: second.mount.map_err(|_| failure), ..second }, device)
            }
            Ok(_) | Err(_) => (launcher, preparation, device),
        };
        let preparation = check_memory(launcher.child.id(), preparation);
        Ok(Self { launcher, preparation, mount_wanted: spec.mount.is_some(), device })
    }

    /// What could be set up.
    #[must_use]
    pub const fn preparation(&self) -> &Preparation {
        &self.preparation
    }

    /// The mount's device, for the one who serves it. `None` when it was taken, or when there is no mount.
    pub const fn take_device(&mut self) -> Option<OwnedFd> {
        self.device.take()
    }

    /// Covers `hide`, directories that the session must not see (G-9), with empty ones. The session is then ready to run a command.
    ///
    /// # Errors
    /// [`LaunchError`] when the launcher does not answer. A directory that cannot be covered is in the session's report.
    pub fn confine(self, hide: &[PathBuf]) -> Result<Session, LaunchError> {
        let hide: Vec<OsText> = hide.iter().map(|directory| OsText::from(directory.as_path())).collect();
        let uncovered = if self.preparation.namespace.is_ok() && !hide.is_empty() {
            match self.launcher.ask(&Request::Confine { hide }, None)?.0 {
                Reply::Confined(uncovered) => uncovered,
                Reply::Prepared(_) | Reply::Joined(_) | Reply::Exited(_) => return Err(LaunchError::Ended),
            }
        } else {
            Vec::new()
        };
        let layers = layers::report(&self.preparation, self.mount_wanted, &uncovered, nix::unistd::geteuid().is_root());
        Ok(Session {
            launcher: self.launcher,
            traps_execs: self.preparation.seccomp.is_ok(),
            namespace: self.preparation.namespace.ok(),
            detached: None,
            layers,
        })
    }
}

/// Reads the probe as the recorder will read arguments. Where that is forbidden nothing that waits could be judged, so nothing shall wait.
fn check_memory(launcher: u32, preparation: Preparation) -> Preparation {
    let mut found = [0; PROBE.len()];
    let readable = match memory::read(launcher, preparation.probe, &mut found) {
        Ok(count) if count == PROBE.len() && found == PROBE => Ok(()),
        Ok(_) => Err(StepFailure { step: Step::ReadMemory, errno: libc::EIO }),
        Err(errno) => Err(StepFailure::new(Step::ReadMemory, errno)),
    };
    Preparation { seccomp: preparation.seccomp.and(readable), ..preparation }
}

/// A session that is ready to run its command.
#[derive(Debug)]
pub struct Session {
    launcher: Running,
    traps_execs: bool,
    namespace: Option<Namespace>,
    detached: Option<Detached>,
    layers: Vec<LayerReport>,
}

impl Session {
    /// What each layer that is set up here does, for `capability_report` (G-10).
    #[must_use]
    pub fn layers(&self) -> &[LayerReport] {
        &self.layers
    }

    /// Whether program starts wait for the recorder.
    pub(crate) const fn traps_execs(&self) -> bool {
        self.traps_execs
    }

    /// Starts a further launcher within this session's namespaces, for a command beside others: it shares the workspace's mount, and
    /// has a copy of the mount table, so that what it mounts is its own and its orphans can be told from those of others.
    ///
    /// # Errors
    /// [`LaunchError`]; the session is as it was.
    pub fn join(&self, program: &Path, streams: Streams, open_files: (u64, u64)) -> Result<Self, LaunchError> {
        let launcher = Running::start(program, Some(streams))?;
        let holder = sys::pidfd_open(self.launcher.child.id()).map_err(ProtocolError::from)?;
        match launcher.ask(&Request::Join { namespace: self.namespace }, Some(holder.as_fd()))?.0 {
            Reply::Joined(joined) => joined.map_err(LaunchError::Join)?,
            Reply::Prepared(_) | Reply::Confined(_) | Reply::Exited(_) => return Err(LaunchError::Ended),
        }
        Ok(Self {
            launcher,
            traps_execs: self.traps_execs,
            namespace: self.namespace,
            detached: Some(Detached { open_files }),
            layers: self.layers.clone(),
        })
    }

    /// Whether the launcher has ended although the session goes on: it was killed.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        sys::pidfd_open(self.launcher.child.id()).map_or(true, |pidfd| {
            let mut ended = [PollFd::new(pidfd.as_fd(), PollFlags::POLLIN)];
            poll(&mut ended, PollTimeout::ZERO).is_ok_and(|count| count > 0)
        })
    }

    /// What its command has of its own, if it runs for somebody else.
    pub(crate) const fn detached(&self) -> Option<Detached> {
        self.detached
    }

    /// The launcher's process.
    #[must_use]
    pub fn launcher_pid(&self) -> u32 {
        self.launcher.child.id()
    }

    /// The socket on which the launcher reports ends.
    pub(crate) const fn socket(&self) -> &UnixStream {
        &self.launcher.socket
    }
}
