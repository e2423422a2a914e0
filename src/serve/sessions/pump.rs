//! Between a command's pipes and a client's stream: reads as fast as the client takes it, writes as fast as the command reads.

use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::unix::pipe;
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::error::SessionError;
use super::store::{CommandControl, CommandEnd, RunningCommand, SessionStore, StartCommand};

/// Bytes that are read from a stream of the command at once.
pub const CHUNK: usize = 32 * 1024;

/// Messages that wait for the other side, in each direction. When the queue is full, nothing more is read on the side that fills it.
pub const QUEUED: usize = 2;

/// How long a stream may be silent before the client is told that the command still runs: a connection on which nothing moves is
/// closed on the way.
const SILENCE: Duration = Duration::from_secs(15);

/// What a client says to a command.
#[derive(Debug)]
pub enum Input {
    /// Bytes for its standard input.
    Stdin(Bytes),
    /// Its standard input ends.
    StdinClosed,
    /// A signal for its process group.
    Signal(i32),
    /// The client is gone, or what it says cannot be understood.
    Gone,
}

/// What a client is told of a command.
#[derive(Debug)]
pub enum Said {
    /// It runs as this process.
    Started {
        /// The session.
        session: String,
        /// The command.
        command: String,
        /// Its process.
        pid: u32,
    },
    /// What it wrote.
    Stdout(Bytes),
    /// What it complained.
    Stderr(Bytes),
    /// Nothing new, and it still runs.
    Running,
    /// Its end; the last that is said.
    Finished(CommandEnd),
}

/// A command that was started, and that is attended to.
pub struct Attended {
    /// The session's full id.
    pub session: String,
    /// The command's id.
    pub command: String,
    /// Takes what the client says; closing it ends the command's standard input.
    pub inputs: mpsc::Sender<Input>,
    /// What the client is to be told. Dropping it gives the command up.
    pub said: mpsc::Receiver<Said>,
}

/// Starts a command on a thread that may wait, and attends to it. A client that goes away while it is started leaves no command behind:
/// from its first moment somebody sees that nobody listens.
///
/// # Errors
/// [`SessionError`].
pub async fn begin(store: Arc<dyn SessionStore>, command: StartCommand) -> Result<Attended, SessionError> {
    let (say, said) = mpsc::channel(QUEUED);
    let (inputs, given) = mpsc::channel(QUEUED);
    let starting = tokio::task::spawn_blocking(move || {
        let running = store.exec(command)?;
        let ids = (running.session.clone(), running.command.clone());
        // Here and not behind the `await`, where a client that is gone is waited for no longer.
        tokio::spawn(attend(running, given, say));
        Ok(ids)
    });
    let failed = |_panic| SessionError::Failed { what: "the command", reason: "the recorder failed".to_owned() };
    let (session, command) = starting.await.map_err(failed)??;
    Ok(Attended { session, command, inputs, said })
}

/// Attends to a command until its end was told, or until the client is gone: then the command is given up. `inputs` ends its standard
/// input when it closes.
async fn attend(command: RunningCommand, inputs: mpsc::Receiver<Input>, said: mpsc::Sender<Said>) {
    let control = Arc::clone(&command.control);
    let left = Left(Some(Arc::clone(&control)));
    let feeding = tokio::spawn(feed(command.stdin, inputs, Arc::clone(&control)));
    let told = tokio::select! {
        told = tell(command.session, command.command, command.started, command.finished, command.stdout, command.stderr, &said) => told,
        () = said.closed() => false,
    };
    if told {
        left.forget();
    }
    feeding.abort();
}

/// Gives a command up when it is dropped: whoever attended to it was dropped too.
struct Left(Option<Arc<dyn CommandControl>>);

impl Left {
    fn forget(mut self) {
        self.0 = None;
    }
}

impl Drop for Left {
    fn drop(&mut self) {
        if let Some(control) = self.0.take() {
            control.abandon();
        }
    }
}

/// Gives the command what the client says.
async fn feed(stdin: OwnedFd, mut inputs: mpsc::Receiver<Input>, control: Arc<dyn CommandControl>) {
    let mut stdin = sender(stdin).ok();
    while let Some(input) = inputs.recv().await {
        match input {
            Input::Stdin(bytes) => {
                // A command that has closed its standard input does not want the rest.
                if let Some(pipe) = &mut stdin
                    && pipe.write_all(&bytes).await.is_err()
                {
                    stdin = None;
                }
            }
            Input::StdinClosed => stdin = None,
            Input::Signal(number) => {
                control.signal(number);
            }
            Input::Gone => {
                control.abandon();
                return;
            }
        }
    }
}

/// Tells the client of the command, up to its end. `false` when the client is gone.
async fn tell(
    session: String,
    command: String,
    started: tokio::sync::oneshot::Receiver<u32>,
    finished: tokio::sync::oneshot::Receiver<CommandEnd>,
    stdout: OwnedFd,
    stderr: OwnedFd,
    said: &mpsc::Sender<Said>,
) -> bool {
    // It closes without a word when the command never became a process.
    if let Ok(pid) = started.await
        && said.send(Said::Started { session, command, pid }).await.is_err()
    {
        return false;
    }
    let (out, err) = tokio::join!(drain(stdout, said, Said::Stdout), drain(stderr, said, Said::Stderr));
    let mut finished = finished;
    let end = loop {
        match timeout(SILENCE, &mut finished).await {
            Ok(Ok(end)) => break end,
            Ok(Err(_)) => {
                break CommandEnd { exit_code: 125, error: Some("the recorder failed".to_owned()), ..CommandEnd::default() };
            }
            Err(_) if said.send(Said::Running).await.is_err() => return false,
            Err(_) => {}
        }
    };
    out && err && said.send(Said::Finished(end)).await.is_ok()
}

/// Tells the client what the command writes, until it is all told.
async fn drain(pipe: OwnedFd, said: &mpsc::Sender<Said>, kind: fn(Bytes) -> Said) -> bool {
    let Ok(mut pipe) = receiver(pipe) else { return false };
    let mut buffer = BytesMut::with_capacity(CHUNK);
    loop {
        buffer.reserve(CHUNK);
        match timeout(SILENCE, pipe.read_buf(&mut buffer)).await {
            Ok(Ok(0) | Err(_)) => return true,
            Ok(Ok(_)) => {
                if said.send(kind(buffer.split().freeze())).await.is_err() {
                    return false;
                }
            }
            Err(_) if said.send(Said::Running).await.is_err() => return false,
            Err(_) => {}
        }
    }
}

fn sender(fd: OwnedFd) -> io::Result<pipe::Sender> {
    pipe::Sender::from_owned_fd(fd)
}

fn receiver(fd: OwnedFd) -> io::Result<pipe::Receiver> {
    pipe::Receiver::from_owned_fd(fd)
}
