//! The recorder's side of the launcher: starts it, has it prepare and confine the session, and sees to its end.

use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::prctl;

use super::layers;
use super::protocol::{MountSpec, PROBE, Preparation, ProtocolError, Reply, Request, Step, StepFailure};
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
    /// It could not be talked to.
    #[error(transparent)]
    Protocol(#[from] ProtocolError),
}

/// A launcher that runs; dropping it ends all that it started.
#[derive(Debug)]
struct Running {
    child: Child,
    socket: UnixStream,
}

impl Running {
    fn start(program: &Path) -> Result<Self, LaunchError> {
        let failed = |source| LaunchError::Start { program: program.to_owned(), source };
        // What the launcher adopted comes here should it be killed.
        prctl::set_child_subreaper(true).map_err(|errno| failed(errno.into()))?;
        let (socket, theirs) = UnixStream::pair().map_err(failed)?;
        let mut command = Command::new(program);
        command.arg(ARGUMENT).arg(std::os::fd::AsRawFd::as_raw_fd(&theirs).to_string());
        let child = sys::spawn_with_fd(&mut command, theirs.as_fd()).map_err(failed)?;
        Ok(Self { child, socket })
    }

    fn ask(&self, request: &Request) -> Result<(Reply, Option<OwnedFd>), LaunchError> {
        protocol::send(&self.socket, request, None)?;
        protocol::receive(&self.socket)?.ok_or(LaunchError::Ended)
    }

    fn prepare(&self, private: bool, mount: Option<MountSpec>) -> Result<(Preparation, Option<OwnedFd>), LaunchError> {
        match self.ask(&Request::Prepare { private, mount })? {
            (Reply::Prepared(preparation), device) => Ok((preparation, device)),
            (Reply::Confined(_) | Reply::Exited(_), _) => Err(LaunchError::Ended),
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
        let launcher = Running::start(&spec.program)?;
        let (preparation, device) = launcher.prepare(spec.private, spec.mount.clone())?;
        let (launcher, preparation, device) = match preparation.namespace {
            Err(failure) if failure.step == Step::IdMap => {
                // It is in a user namespace without users, and there is no way back.
                let launcher = Running::start(&spec.program)?;
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
            match self.launcher.ask(&Request::Confine { hide })?.0 {
                Reply::Confined(uncovered) => uncovered,
                Reply::Prepared(_) | Reply::Exited(_) => return Err(LaunchError::Ended),
            }
        } else {
            Vec::new()
        };
        let layers = layers::report(&self.preparation, self.mount_wanted, &uncovered, nix::unistd::geteuid().is_root());
        Ok(Session { launcher: self.launcher, traps_execs: self.preparation.seccomp.is_ok(), layers })
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

    /// The launcher's process.
    pub(crate) fn launcher_pid(&self) -> u32 {
        self.launcher.child.id()
    }

    /// The socket on which the launcher reports ends.
    pub(crate) const fn socket(&self) -> &UnixStream {
        &self.launcher.socket
    }
}
