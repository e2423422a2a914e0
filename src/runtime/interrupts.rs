//! SIGINT and SIGTERM for a command that reads until it is told to stop: they are noted, and end the system call that waits.

use std::sync::atomic::{AtomicBool, Ordering};

use nix::errno::Errno;
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction};

static NOTED: AtomicBool = AtomicBool::new(false);

extern "C" fn note(_signal: libc::c_int) {
    NOTED.store(true, Ordering::Relaxed);
}

/// From now on the first SIGINT or SIGTERM is noted and ends what waits with `EINTR`; the next one ends the process as usual.
///
/// # Errors
/// What `sigaction(2)` says.
#[expect(unsafe_code, reason = "a signal handler must be async-signal-safe")]
pub fn take_note() -> Result<(), Errno> {
    // Without SA_RESTART, so that what waits is told; with SA_RESETHAND, so that nobody is held who insists.
    let action = SigAction::new(SigHandler::Handler(note), SaFlags::SA_RESETHAND, SigSet::empty());
    for signal in [Signal::SIGINT, Signal::SIGTERM] {
        // SAFETY: the handler does nothing but store to an atomic, which is async-signal-safe.
        unsafe { sigaction(signal, &action)? };
    }
    Ok(())
}

/// Whether one of them came.
#[must_use]
pub fn noted() -> bool {
    NOTED.load(Ordering::Relaxed)
}
