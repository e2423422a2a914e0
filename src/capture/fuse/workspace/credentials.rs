//! Acting as the caller where the backing file system asks who acts: new files belong to the caller, its umask applies, and its writes
//! clear set-uid bits. What the caller may do has been checked by the kernel already (`default_permissions`).
//!
//! All of it is per thread: `setfsuid(2)`, `capset(2)` and, after `unshare(CLONE_FS)`, `umask(2)`.

use std::cell::Cell;

use nix::sched::{CloneFlags, unshare};
use nix::sys::stat::{Mode, umask};
use nix::unistd::{Gid, Uid, getegid, geteuid, setfsgid, setfsuid};

use super::file_system::Caller;
use super::system_calls::{Capabilities, set_thread_capabilities, thread_capabilities};

/// Bits of `linux/capability.h`.
const CAP_FSETID: u64 = 1 << 4;
const CAP_SETGID: u64 = 1 << 6;
const CAP_SETUID: u64 = 1 << 7;

/// What the recorder itself may do.
pub(super) struct Credentials {
    uid: u32,
    gid: u32,
    capabilities: Capabilities,
}

impl Credentials {
    /// Of the calling thread, which the worker threads descend from.
    pub(super) fn of_this_thread() -> Self {
        let capabilities = thread_capabilities().unwrap_or_default();
        Self { uid: geteuid().as_raw(), gid: getegid().as_raw(), capabilities }
    }

    /// Until the guard is dropped, what the thread makes belongs to the caller. An ordinary user's recorder serves that user alone and
    /// changes nothing.
    pub(super) fn act_as(&self, caller: Caller) -> Acting<'_> {
        let may = self.capabilities.effective & (CAP_SETUID | CAP_SETGID) == CAP_SETUID | CAP_SETGID;
        let other = (caller.uid, caller.gid) != (self.uid, self.gid);
        if !may || !other {
            return Acting { own: None };
        }
        setfsgid(Gid::from_raw(caller.gid));
        setfsuid(Uid::from_raw(caller.uid));
        // Leaving uid 0 took the file system capabilities away. They are needed: the caller may write here by a supplementary group
        // that this thread does not have. Without CAP_FSETID, set-gid rules apply as they would to the caller.
        let effective = if caller.uid == 0 { self.capabilities.effective } else { self.capabilities.effective & !CAP_FSETID };
        let _ = set_thread_capabilities(Capabilities { effective, ..self.capabilities });
        Acting { own: Some(self) }
    }

    /// Until the guard is dropped, writing to a file, and truncating it, clears its set-uid and set-gid bits as it does for the caller:
    /// one that is not executable keeps its set-gid bit where the caller is of its group.
    pub(super) fn without_set_uid(&self, wanted: bool, caller: Caller) -> Acting<'_> {
        if !wanted || self.capabilities.effective & CAP_FSETID == 0 {
            return Acting { own: None };
        }
        setfsgid(Gid::from_raw(caller.gid));
        let effective = self.capabilities.effective & !CAP_FSETID;
        let _ = set_thread_capabilities(Capabilities { effective, ..self.capabilities });
        Acting { own: Some(self) }
    }
}

/// The thread acts as somebody else until this is dropped.
pub(super) struct Acting<'a> {
    own: Option<&'a Credentials>,
}

impl Drop for Acting<'_> {
    fn drop(&mut self) {
        if let Some(own) = self.own {
            setfsuid(Uid::from_raw(own.uid));
            setfsgid(Gid::from_raw(own.gid));
            let _ = set_thread_capabilities(own.capabilities);
        }
    }
}

/// What a thread's own umask is.
#[derive(Clone, Copy)]
enum ThreadUmask {
    Shared,
    Own(u32),
    CannotHave,
}

thread_local! {
    static UMASK: Cell<ThreadUmask> = const { Cell::new(ThreadUmask::Shared) };
}

/// Makes the caller's umask the thread's, so that the backing file system applies it as it would have for the caller (a default ACL of
/// the directory takes its place). Returns the mode to ask for: masked already where the thread cannot have a umask of its own.
pub(super) fn mode_under_umask(mode: u32, caller_umask: u32) -> u32 {
    let mut state = UMASK.get();
    if matches!(state, ThreadUmask::Shared) {
        state = if unshare(CloneFlags::CLONE_FS).is_ok() { ThreadUmask::Own(u32::MAX) } else { ThreadUmask::CannotHave };
    }
    let mode = match state {
        ThreadUmask::Shared | ThreadUmask::CannotHave => mode & !caller_umask,
        ThreadUmask::Own(set) => {
            if set != caller_umask {
                umask(Mode::from_bits_truncate(caller_umask));
                state = ThreadUmask::Own(caller_umask);
            }
            mode
        }
    };
    UMASK.set(state);
    mode
}
