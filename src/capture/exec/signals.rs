//! Signals that are sent to the recorder while a command runs: they are the command's.
//!
//! What a terminal sends (Ctrl-C, Ctrl-\, hang-up) goes to the whole foreground process group, so the command has it already; the kernel
//! marks these `SI_KERNEL`. Everything else (`kill`, a service manager, `timeout`) was meant for the command and is passed on.

use std::os::fd::{AsFd as _, OwnedFd};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::eventfd::{EfdFlags, EventFd};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd, siginfo};

use crate::runtime::sys;

/// Signals that end a recorder that does nothing about them.
const TAKEN: [Signal; 4] = [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP, Signal::SIGQUIT];

/// The running command, as far as signals go. Shared by the one who runs it and the one who signals it.
#[derive(Default)]
pub struct CommandHandle {
    state: Mutex<State>,
    /// Signals go to the command's process group, which is its own.
    whole_group: bool,
    on_start: Option<Box<dyn Fn(u32) + Send + Sync>>,
}

impl std::fmt::Debug for CommandHandle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CommandHandle")
            .field("state", &self.state)
            .field("whole_group", &self.whole_group)
            .finish_non_exhaustive()
    }
}

#[derive(Debug, Default)]
struct State {
    command: Command,
    first: Option<Signal>,
}

#[derive(Debug, Default)]
enum Command {
    #[default]
    NotStarted,
    Running {
        pid: u32,
        pidfd: OwnedFd,
    },
    Over,
}

impl CommandHandle {
    /// For a command that has a process group of its own, to which signals go; `on_start` is told the process that becomes it.
    pub fn of_group(on_start: impl Fn(u32) + Send + Sync + 'static) -> Self {
        Self { whole_group: true, on_start: Some(Box::new(on_start)), ..Self::default() }
    }

    /// The command's process, while it runs.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        match &self.state().command {
            Command::Running { pid, .. } => Some(*pid),
            Command::NotStarted | Command::Over => None,
        }
    }

    fn send(&self, pidfd: &OwnedFd, signal: Signal) -> Result<(), Errno> {
        if self.whole_group {
            match sys::pidfd_send_signal_to_group(pidfd.as_fd(), signal) {
                // The kernel is older than 6.9, or the command has no group of its own yet.
                Err(Errno::EINVAL | Errno::ESRCH) => {}
                other => return other,
            }
        }
        sys::pidfd_send_signal(pidfd.as_fd(), signal)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends a signal to the command. One that comes before it runs keeps it from starting.
    pub fn signal(&self, signal: Signal) {
        let mut state = self.state();
        state.first = state.first.or(Some(signal));
        match &state.command {
            // A command that has ended has no use for it.
            Command::Running { pidfd, .. } => drop(self.send(pidfd, signal)),
            Command::NotStarted | Command::Over => {}
        }
    }

    /// A signal came that the terminal had sent to the command as well.
    fn noticed(&self, signal: Signal) {
        let mut state = self.state();
        state.first = state.first.or(Some(signal));
    }

    /// The first signal that came, if one did: why the session ends.
    #[must_use]
    pub fn interrupted_by(&self) -> Option<Signal> {
        self.state().first
    }

    /// The command is this process now. A signal that came meanwhile reaches it.
    pub(super) fn started(&self, pid: u32, pidfd: OwnedFd) {
        let mut state = self.state();
        if let Some(signal) = state.first {
            let _ = self.send(&pidfd, signal);
        }
        state.command = Command::Running { pid, pidfd };
        drop(state);
        if let Some(tell) = &self.on_start {
            tell(pid);
        }
    }

    /// The command has ended.
    pub(super) fn over(&self) {
        self.state().command = Command::Over;
    }
}

/// The signals are held back from every thread that is started from here on.
#[derive(Debug)]
pub struct BlockedSignals(SigSet);

impl BlockedSignals {
    /// Blocks the signals that the forwarder takes. To be called in `main` before any other thread is started: a thread that does not
    /// block them would be killed by them, and the process with it.
    ///
    /// # Errors
    /// What `pthread_sigmask(3)` says.
    pub fn block() -> Result<Self, Errno> {
        let signals: SigSet = TAKEN.into_iter().collect();
        signals.thread_block()?;
        Ok(Self(signals))
    }

    /// Calls `each` for every signal, until the forwarder is dropped.
    ///
    /// # Errors
    /// As [`BlockedSignals::forward_to`].
    pub fn forward_each(self, each: impl Fn(Signal) + Send + 'static) -> Result<SignalForwarder, Errno> {
        self.start(move |received| {
            let number = i32::try_from(received.ssi_signo).ok();
            if let Some(signal) = number.and_then(|number| Signal::try_from(number).ok()) {
                each(signal);
            }
        })
    }

    /// Starts passing the signals on.
    ///
    /// # Errors
    /// What `signalfd(2)` and `eventfd(2)` say, or `EAGAIN` when no thread can be started.
    pub fn forward_to(self, command: Arc<CommandHandle>) -> Result<SignalForwarder, Errno> {
        self.start(move |received| pass_on(received, &command))
    }

    fn start(self, each: impl Fn(&siginfo) + Send + 'static) -> Result<SignalForwarder, Errno> {
        let signals = SignalFd::with_flags(&self.0, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK)?;
        let stop = Arc::new(EventFd::from_flags(EfdFlags::EFD_CLOEXEC)?);
        let stopped = Arc::clone(&stop);
        let thread = std::thread::Builder::new().name("signals".to_owned());
        let thread = thread.spawn(move || forward(&signals, &stopped, &each)).map_err(|_| Errno::EAGAIN)?;
        Ok(SignalForwarder { stop, thread: Some(thread) })
    }
}

/// Passes signals on until it is dropped. They stay blocked: what comes later is ignored until the process ends.
#[derive(Debug)]
pub struct SignalForwarder {
    stop: Arc<EventFd>,
    thread: Option<JoinHandle<()>>,
}

impl Drop for SignalForwarder {
    fn drop(&mut self) {
        let _ = self.stop.write(1);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn forward(signals: &SignalFd, stop: &EventFd, each: &impl Fn(&siginfo)) {
    loop {
        let mut sources = [PollFd::new(signals.as_fd(), PollFlags::POLLIN), PollFd::new(stop.as_fd(), PollFlags::POLLIN)];
        match poll(&mut sources, PollTimeout::NONE) {
            Err(Errno::EINTR) => continue,
            Err(_) => return,
            Ok(_) => {}
        }
        while let Ok(Some(received)) = signals.read_signal() {
            each(&received);
        }
        if sources.last().is_some_and(|stop| stop.any().unwrap_or(true)) {
            return;
        }
    }
}

fn pass_on(received: &siginfo, command: &CommandHandle) {
    let number = i32::try_from(received.ssi_signo).ok();
    let Some(signal) = number.and_then(|number| Signal::try_from(number).ok()) else { return };
    if received.ssi_code == SI_KERNEL { command.noticed(signal) } else { command.signal(signal) }
}

/// `si_code` of a signal that the kernel itself sends, such as a terminal's (`asm-generic/siginfo.h`).
const SI_KERNEL: i32 = 0x80;
