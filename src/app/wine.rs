//! Wine in a session: whether its registry can be seen, and what is seen of it.

use std::ffi::{OsStr, OsString};
use std::sync::Arc;

use crate::capture::exec::{ProcessObserver, RunningProgram, Session};
use crate::capture::registry::RegistryConfig;
use crate::capture::registry::wine::{Wine, WineCapture, registry_layer};
use crate::channel::SessionChannel;
use crate::event::{LayerReport, OsText, ProcessExec};
use crate::runtime::sys;

/// Wine as a session finds it.
pub(super) struct WineLayer {
    enabled: bool,
    wine: Option<Wine>,
    /// Whether a server can be given a pipe when it starts.
    starts_are_seen: bool,
}

impl WineLayer {
    /// Looks for Wine on a `PATH`.
    pub(super) fn find(config: &RegistryConfig, path: Option<&OsStr>, session: &Session) -> Self {
        let wine = path.filter(|_| config.wine).and_then(Wine::find);
        Self { enabled: config.wine, wine, starts_are_seen: session.traps_execs() && sys::gives_descriptors() }
    }

    /// The layer's report (G-10).
    pub(super) fn report(&self) -> LayerReport {
        registry_layer(self.enabled, self.wine.as_ref(), self.starts_are_seen)
    }

    /// Prepares a command: its environment, and what takes the traces of the servers that it starts.
    pub(super) fn capture(&self, channel: &SessionChannel, env: &mut Vec<(OsString, OsString)>) -> Option<WineCapture> {
        let wine = self.wine.as_ref().filter(|_| self.starts_are_seen)?;
        match WineCapture::new(Arc::new(channel.clone())) {
            Ok(capture) => {
                wine.set(env);
                Some(capture)
            }
            Err(error) => {
                tracing::warn!(%error, "wine is not traced");
                None
            }
        }
    }
}

/// An environment's `PATH`.
pub(super) fn path_of(env: &[(OsString, OsString)]) -> Option<&OsStr> {
    env.iter().rfind(|(name, _)| name == "PATH").map(|(_, value)| value.as_os_str())
}

/// An environment as the process layer takes it.
pub(super) fn as_texts(env: &[(OsString, OsString)]) -> Vec<(OsText, OsText)> {
    env.iter().map(|(name, value)| (OsText::from(name.as_os_str()), OsText::from(value.as_os_str()))).collect()
}

/// Tells another observer all, and gives Wine's servers their pipes.
pub(super) struct WineObserver<'a, O> {
    pub(super) inner: O,
    pub(super) wine: Option<&'a WineCapture>,
}

impl<O: ProcessObserver> ProcessObserver for WineObserver<'_, O> {
    fn program_changed(&self, program: &RunningProgram<'_>) {
        self.inner.program_changed(program);
    }

    fn ended(&self, pid: u32) {
        self.inner.ended(pid);
    }

    fn standard_error(&self, exec: &ProcessExec) -> Option<std::os::fd::OwnedFd> {
        self.wine.and_then(|wine| wine.standard_error(exec))
    }
}
