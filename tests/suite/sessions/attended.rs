//! A client that goes away while its command is started: nothing runs on that nobody attends to.

use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use agentsh::serve::sessions::{
    CommandControl, NewSession, RunningCommand, SessionError, SessionInfo, SessionPage, SessionStore, StartCommand,
    WhichSessions, begin,
};
use tokio::sync::oneshot;

use crate::support::until;

/// A store that starts its one command only when it is told to.
struct Slow {
    begun: mpsc::Sender<()>,
    go_on: Mutex<mpsc::Receiver<()>>,
    abandoned: Arc<AtomicBool>,
    ends: Mutex<Vec<(OwnedFd, oneshot::Sender<agentsh::app::CommandEnd>)>>,
}

struct Control(Arc<AtomicBool>);

impl CommandControl for Control {
    fn signal(&self, _: i32) -> bool {
        true
    }

    fn abandon(&self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

impl SessionStore for Slow {
    fn create(&self, _: &NewSession) -> Result<SessionInfo, SessionError> {
        Err(SessionError::ShuttingDown)
    }

    fn list(&self, _: WhichSessions) -> Result<SessionPage, SessionError> {
        Err(SessionError::ShuttingDown)
    }

    fn get(&self, _: &str) -> Result<SessionInfo, SessionError> {
        Err(SessionError::ShuttingDown)
    }

    fn end(&self, _: &str, _: Option<Duration>) -> Result<SessionInfo, SessionError> {
        Err(SessionError::ShuttingDown)
    }

    fn signal(&self, _: &str, _: Option<&str>, _: i32) -> Result<u32, SessionError> {
        Err(SessionError::ShuttingDown)
    }

    fn exec(&self, command: StartCommand) -> Result<RunningCommand, SessionError> {
        self.begun.send(()).unwrap();
        self.go_on.lock().unwrap().recv().unwrap();
        let (stdin_read, stdin) = std::io::pipe().unwrap();
        let (stdout, stdout_write) = std::io::pipe().unwrap();
        let (stderr, _) = std::io::pipe().unwrap();
        let (finish, finished) = oneshot::channel();
        let (start, started) = oneshot::channel();
        start.send(1).unwrap();
        drop(stdin_read);
        // It runs on, and so its output stays open.
        self.ends.lock().unwrap().push((stdout_write.into(), finish));
        Ok(RunningCommand {
            session: command.session,
            command: "c1".to_owned(),
            stdin: stdin.into(),
            stdout: stdout.into(),
            stderr: stderr.into(),
            started,
            finished,
            control: Arc::new(Control(Arc::clone(&self.abandoned))),
        })
    }
}

#[test]
fn a_command_whose_client_goes_away_while_it_is_started_is_given_up() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    for goes_away in [true, false] {
        let (begun, begins) = mpsc::channel();
        let (tell, go_on) = mpsc::channel();
        let abandoned = Arc::new(AtomicBool::new(false));
        let ends = Mutex::default();
        let store = Arc::new(Slow { begun, go_on: Mutex::new(go_on), abandoned: Arc::clone(&abandoned), ends });
        let asked = runtime.spawn(begin(store.clone(), StartCommand { session: "s1".to_owned(), ..StartCommand::default() }));
        begins.recv().unwrap();
        if goes_away {
            asked.abort();
            assert!(runtime.block_on(asked).is_err_and(|error| error.is_cancelled()));
            tell.send(()).unwrap();
            until("the command is given up", || abandoned.load(Ordering::SeqCst));
        } else {
            tell.send(()).unwrap();
            let attended = runtime.block_on(asked).unwrap().unwrap();
            assert_eq!((attended.session.as_str(), attended.command.as_str()), ("s1", "c1"));
            assert!(!abandoned.load(Ordering::SeqCst), "its client is there");
            drop(attended);
            until("the command is given up", || abandoned.load(Ordering::SeqCst));
        }
    }
}
