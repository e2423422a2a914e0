//! Who did it: from the thread id that a kernel interface reports to the process behind it.

use std::collections::HashMap;
use std::fs;
use std::os::unix::ffi::OsStringExt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::event::{Actor, OsText};
use crate::runtime::clock;

/// Finds the process behind a request.
pub trait ActorSource: Send + Sync {
    /// The process that the thread `pid_or_tid` belongs to, as it is now; `uid` and `gid` are the ids that the kernel reports for the
    /// request. `None` when the kernel named nobody (0), as it does for what it starts by itself.
    fn actor(&self, pid_or_tid: u32, uid: u32, gid: u32) -> Option<Actor>;
}

/// Locks that the threads of a session share the cache by: one for each remainder of the id.
const SHARDS: usize = 16;
/// Processes and threads that a shard remembers. When it is full it is emptied: whoever is still alive is read again.
const SHARD_CAPACITY: usize = 256;
/// How long an answer holds. `chdir(2)` and the reuse of a thread id are not announced, so this bounds how late they are seen;
/// `exec` and exit are announced by [`ProcActors::invalidate`]. Reading a process again costs three files of `/proc`.
const MAX_AGE: Duration = Duration::from_millis(50);

/// What is remembered: of a process the actor, of a further thread only the process that it belongs to.
#[derive(Clone)]
enum Known {
    Process(Actor),
    ThreadOf(u32),
}

type Shard = HashMap<u32, (Instant, Known)>;

/// Reads `/proc` and remembers the answers for a short while, at most 4,096 of them.
///
/// It reads nothing that faults in the process's memory (`cmdline`, `environ`): such a page can be a file of the workspace, whose
/// page fault would wait for the very thread that asks.
pub struct ProcActors {
    shards: [Mutex<Shard>; SHARDS],
}

impl Default for ProcActors {
    fn default() -> Self {
        Self::new()
    }
}

impl ProcActors {
    /// An empty cache.
    #[must_use]
    pub fn new() -> Self {
        Self { shards: std::array::from_fn(|_| Mutex::new(Shard::new())) }
    }

    /// Forgets what is known of the process: it runs another program now, or it has ended.
    pub fn invalidate(&self, pid: u32) {
        if let Some(mut shard) = self.shard(pid) {
            shard.remove(&pid);
        }
    }

    fn shard(&self, id: u32) -> Option<MutexGuard<'_, Shard>> {
        let shard = self.shards.get(usize::try_from(id).ok()? % SHARDS)?;
        Some(shard.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn recall(&self, id: u32, now: Instant) -> Option<Known> {
        let shard = self.shard(id)?;
        let (read, known) = shard.get(&id)?;
        (now.saturating_duration_since(*read) < MAX_AGE).then(|| known.clone())
    }

    fn remember(&self, id: u32, now: Instant, known: Known) {
        if let Some(mut shard) = self.shard(id) {
            if shard.len() >= SHARD_CAPACITY && !shard.contains_key(&id) {
                shard.clear();
            }
            shard.insert(id, (now, known));
        }
    }

    fn process(&self, tid: u32, now: Instant) -> Option<Actor> {
        let pid = match self.recall(tid, now) {
            Some(Known::Process(actor)) => return Some(actor),
            Some(Known::ThreadOf(pid)) => pid,
            None => tid,
        };
        if pid != tid
            && let Some(Known::Process(actor)) = self.recall(pid, now)
        {
            return Some(actor);
        }
        let actor = read(tid)?;
        if actor.pid != tid {
            self.remember(tid, now, Known::ThreadOf(actor.pid));
        }
        self.remember(actor.pid, now, Known::Process(actor.clone()));
        Some(actor)
    }
}

impl ActorSource for ProcActors {
    fn actor(&self, pid_or_tid: u32, uid: u32, gid: u32) -> Option<Actor> {
        if pid_or_tid == 0 {
            return None;
        }
        // A thread that can no longer be read still asked: what the kernel said of it is kept.
        let found = self.process(pid_or_tid, clock::instant());
        let actor = found.unwrap_or_else(|| Actor { pid: pid_or_tid, ..Actor::default() });
        Some(Actor { uid: Some(uid), gid: Some(gid), ..actor })
    }
}

/// The process of the thread, from `/proc`: `status` for the thread group and the parent, the links `exe` and `cwd`.
fn read(tid: u32) -> Option<Actor> {
    let status = fs::read(format!("/proc/{tid}/status")).ok()?;
    let pid = field(&status, b"Tgid:").and_then(number)?;
    let link = |name: &str| {
        fs::read_link(format!("/proc/{pid}/{name}")).ok().map(|path| OsText::from_bytes(path.into_os_string().into_vec()))
    };
    let comm = if pid == tid { field(&status, b"Name:").map(unescape) } else { comm(pid) };
    Some(Actor {
        pid,
        ppid: field(&status, b"PPid:").and_then(number),
        exe: link("exe"),
        comm: comm.map(OsText::from_bytes),
        uid: None,
        gid: None,
        cwd: link("cwd"),
        ..Actor::default()
    })
}

/// The name of the process itself, where the request came from one of its threads with a name of its own.
fn comm(pid: u32) -> Option<Vec<u8>> {
    let mut name = fs::read(format!("/proc/{pid}/comm")).ok()?;
    if name.last() == Some(&b'\n') {
        name.pop();
    }
    Some(name)
}

fn field<'a>(status: &'a [u8], key: &[u8]) -> Option<&'a [u8]> {
    status.split(|byte| *byte == b'\n').find_map(|line| line.strip_prefix(key)).map(|value| value.trim_ascii())
}

fn number(text: &[u8]) -> Option<u32> {
    std::str::from_utf8(text).ok()?.parse().ok()
}

/// `status` writes a newline in a name as `\n` and a backslash as `\\` (`proc_task_name` of the kernel).
fn unescape(name: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(name.len());
    let mut rest = name.iter();
    while let Some(&byte) = rest.next() {
        match (byte, rest.as_slice().first()) {
            (b'\\', Some(b'n')) => {
                rest.next();
                bytes.push(b'\n');
            }
            (b'\\', Some(b'\\')) => {
                rest.next();
                bytes.push(b'\\');
            }
            _ => bytes.push(byte),
        }
    }
    bytes
}
