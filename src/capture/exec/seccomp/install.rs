//! Installs a session's filter with its listener, with the best wake-up behaviour that the kernel has.

use std::os::fd::OwnedFd;

use nix::errno::Errno;

use super::filter;
use crate::runtime::sys;

/// A filter that is in force.
pub(crate) struct Installed {
    /// Where the waiting calls are received.
    pub(crate) listener: OwnedFd,
    /// A signal that does not kill makes a waiting call come again.
    pub(crate) restarts: bool,
}

/// Installs the filter on this process, for good, and on all that it starts.
///
/// A call that the recorder has received waits for its answer through signals that do not kill, so that an exec is recorded once
/// (`SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV`, Linux 5.19). An older kernel restarts such a call, which then comes again.
pub(crate) fn install() -> Result<Installed, Errno> {
    let program = filter::program().ok_or(Errno::ENOTSUP)?;
    install_program(&program)
}

/// Whether this process may install a filter with a listener, found out by doing it. To be called in a process made for that.
pub(crate) fn probe_listener() -> Result<(), Errno> {
    if filter::program().is_none() {
        return Err(Errno::ENOTSUP);
    }
    install_program(&filter::probe()).map(drop)
}

fn install_program(program: &[libc::sock_filter]) -> Result<Installed, Errno> {
    match sys::seccomp_install(program, libc::SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV) {
        Err(Errno::EINVAL) => Ok(Installed { listener: sys::seccomp_install(program, 0)?, restarts: true }),
        installed => Ok(Installed { listener: installed?, restarts: false }),
    }
}
