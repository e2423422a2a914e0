//! `WineCapture`: a pipe and a thread for each Wine server that a command starts.
//!
//! Bound: [`MOST_SERVERS`] at a time; a server beyond them is not traced, and that is said. A pipe that is full makes the server wait, and
//! with it the programs of its prefix: nothing is lost.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read};
use std::os::fd::{AsFd as _, OwnedFd};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use nix::fcntl::OFlag;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::eventfd::{EfdFlags, EventFd};
use nix::unistd::pipe2;

use super::state::{Operation, Seen, WineState};
use crate::capture::exec::procfs;
use crate::channel::Gatekeeper;
use crate::event::{Actor, EventsLost, OsText, ProcessExec};
use crate::runtime::clock;

/// Wine servers of a command that are traced: one for each prefix that it uses.
const MOST_SERVERS: usize = 16;
/// The longest line that is read; what a request shows of a value is 1,024 bytes, and no name has more.
const LONGEST_LINE: u64 = 1024 * 1024;

/// Traces the Wine servers of a command.
pub struct WineCapture {
    gatekeeper: Arc<dyn Gatekeeper>,
    stop: Arc<EventFd>,
    readers: Mutex<Vec<JoinHandle<()>>>,
}

impl WineCapture {
    /// Traces into a gatekeeper.
    ///
    /// # Errors
    /// When there is no descriptor left.
    pub fn new(gatekeeper: Arc<dyn Gatekeeper>) -> io::Result<Self> {
        let stop = Arc::new(EventFd::from_flags(EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK)?);
        Ok(Self { gatekeeper, stop, readers: Mutex::default() })
    }

    /// Where a program that is about to run is to write its trace, if it is a Wine server. A script that starts one is passed over.
    pub fn standard_error(&self, exec: &ProcessExec) -> Option<OwnedFd> {
        match server(exec)? {
            Server::Traced => {}
            Server::Untraced => {
                // Something between the session's command and the server has set `WINEDEBUG` anew.
                let reason = "a Wine server was started without a trace of its requests: WINEDEBUG has no `+server`";
                lose(&*self.gatekeeper, 0, reason.to_owned());
                return None;
            }
        }
        let mut readers = self.readers.lock().unwrap_or_else(PoisonError::into_inner);
        readers.retain(|reader| !reader.is_finished());
        let started = if readers.len() < MOST_SERVERS { self.start() } else { Err(io::Error::other("there are too many")) };
        match started {
            Ok((pipe, reader)) => {
                readers.push(reader);
                Some(pipe)
            }
            Err(error) => {
                tracing::warn!(%error, "a wine server is not traced");
                lose(&*self.gatekeeper, 0, format!("a Wine server is not traced: {error}"));
                None
            }
        }
    }

    fn start(&self) -> io::Result<(OwnedFd, JoinHandle<()>)> {
        let (trace, pipe) = pipe2(OFlag::O_CLOEXEC)?;
        let (stop, gatekeeper) = (Arc::clone(&self.stop), Arc::clone(&self.gatekeeper));
        let thread = std::thread::Builder::new().name("wine".to_owned());
        let reader =
            thread.spawn(move || Reader { gatekeeper, state: WineState::default(), actors: HashMap::new() }.run(trace, stop))?;
        Ok((pipe, reader))
    }

    /// Takes in what the pipes still hold and ends the threads. The command's processes have ended.
    pub fn finish(self) {
        let _ = self.stop.write(1);
        for reader in self.readers.into_inner().unwrap_or_else(PoisonError::into_inner) {
            let _panicked = reader.join();
        }
    }
}

/// A Wine server that is about to run.
enum Server {
    /// It writes its requests.
    Traced,
    /// It does not.
    Untraced,
}

/// What a program is, if it is Wine's server and neither a script that starts it nor a call to the one that runs (`wineserver(1)`).
fn server(exec: &ProcessExec) -> Option<Server> {
    let path = exec.path.as_bytes();
    let name = path.rsplit(|byte| *byte == b'/').next().unwrap_or_default();
    if !exec.interpreters.is_empty() || !matches!(name, b"wineserver" | b"wineserver64" | b"wineserver32") {
        return None;
    }
    let options: Vec<&[u8]> = exec.argv.iter().skip(1).map(|argument| argument.as_bytes()).collect();
    let is = |short: &[u8], long: &[u8]| options.iter().any(|option| option.starts_with(short) || option.starts_with(long));
    if is(b"-d", b"--debug") {
        Some(Server::Traced)
    } else if is(b"-k", b"--kill") || is(b"-w", b"--wait") || is(b"-h", b"--help") || is(b"-v", b"--version") {
        None
    } else {
        Some(Server::Untraced)
    }
}

/// The reading end of a trace, which ends when its writers are gone, or when it is to stop and holds nothing any more.
struct Trace {
    pipe: File,
    stop: Arc<EventFd>,
}

impl Read for Trace {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let mut sources =
                [PollFd::new(self.pipe.as_fd(), PollFlags::POLLIN), PollFd::new(self.stop.as_fd(), PollFlags::POLLIN)];
            match poll(&mut sources, PollTimeout::NONE) {
                Err(nix::errno::Errno::EINTR) => continue,
                Err(errno) => return Err(errno.into()),
                Ok(_) => {}
            }
            let [trace, _stopped] = sources.map(|source| source.revents().unwrap_or(PollFlags::empty()));
            return if trace.is_empty() { Ok(0) } else { self.pipe.read(buffer) };
        }
    }
}

/// Reads one server's trace.
struct Reader {
    gatekeeper: Arc<dyn Gatekeeper>,
    state: WineState,
    /// The prefix's processes as they were when they came.
    actors: HashMap<u32, Actor>,
}

impl Reader {
    fn run(mut self, trace: OwnedFd, stop: Arc<EventFd>) {
        let mut trace = BufReader::new(Trace { pipe: File::from(trace), stop });
        let mut line = Vec::new();
        loop {
            line.clear();
            match trace.by_ref().take(LONGEST_LINE).read_until(b'\n', &mut line) {
                Ok(0) => return,
                Ok(_) => self.take(&String::from_utf8_lossy(line.strip_suffix(b"\n").unwrap_or(&line))),
                Err(error) => {
                    tracing::warn!(%error, "the trace of a wine server cannot be read");
                    return lose(&*self.gatekeeper, 0, format!("a Wine server's trace cannot be read any more: {error}"));
                }
            }
        }
    }

    fn take(&mut self, line: &str) {
        match self.state.line(line) {
            None => {}
            Some(Seen::Process(pid)) => {
                self.actors.insert(pid, actor(pid));
            }
            Some(Seen::Unknown) => {
                lose(&*self.gatekeeper, 1, "a registry operation on a key whose handle came from elsewhere".to_owned());
            }
            Some(Seen::Operation(operation)) => self.record(*operation),
        }
    }

    fn record(&self, operation: Operation) {
        let Operation { pid, image, payload, failed } = operation;
        let mut actor = self.actors.get(&pid).cloned().unwrap_or_else(|| Actor { pid, ..Actor::default() });
        if let Some(image) = image.as_deref() {
            // To the system, every program of Wine is Wine.
            actor.exe = Some(OsText::from(image));
            actor.comm = image.rsplit(['\\', '/']).next().map(OsText::from);
        }
        let kind = payload.kind();
        let subject = payload.subject().map(Cow::into_owned);
        let event = self.gatekeeper.judge_in_hindsight(payload, Some(actor.clone()));
        if let Some(status) = failed {
            self.gatekeeper.failed(event, kind, subject, Some(actor), errno(&status));
        }
    }
}

fn actor(pid: u32) -> Actor {
    let Some(status) = procfs::status(pid) else { return Actor { pid, ..Actor::default() } };
    let cwd = procfs::link(pid, "cwd").ok().map(|cwd| OsText::from(cwd.as_path()));
    Actor {
        pid,
        ppid: Some(status.ppid),
        exe: None,
        comm: Some(status.name),
        uid: status.uid,
        gid: status.gid,
        cwd,
        ..Actor::default()
    }
}

fn lose(gatekeeper: &dyn Gatekeeper, count: u64, reason: String) {
    let now = clock::now().as_micros();
    let lost = EventsLost { hop: "wine".to_owned(), reason, count, from_us: now, to_us: now, intake: None };
    gatekeeper.observe(lost.into(), None, None);
}

/// The nearest error of Linux to an NTSTATUS, by the name that the trace gives it.
fn errno(status: &str) -> i32 {
    match status {
        "ACCESS_DENIED" | "CANNOT_DELETE" => libc::EACCES,
        "OBJECT_NAME_NOT_FOUND" | "OBJECT_PATH_NOT_FOUND" | "KEY_DELETED" => libc::ENOENT,
        "OBJECT_NAME_COLLISION" => libc::EEXIST,
        "INVALID_HANDLE" => libc::EBADF,
        "NO_MEMORY" | "INSUFFICIENT_RESOURCES" => libc::ENOMEM,
        "INVALID_PARAMETER" | "OBJECT_NAME_INVALID" => libc::EINVAL,
        _ => libc::EIO,
    }
}
