//! `Sessions`: what the services ask, and the shutdown.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use nix::sys::resource::{Resource, getrlimit};
use nix::sys::signal::Signal;

use super::command;
use super::end;
use super::live::LiveSession;
use super::open;
use super::records::Records;
use super::table::{Open, Shared, Table};
use super::timer;
use crate::app::lease;
use crate::config::{Config, Environment};
use crate::journal::Journal;
use crate::runtime::clock;
use crate::serve::sessions::{
    NewSession, RunningCommand, SessionError, SessionInfo, SessionPage, SessionState, SessionStore, StartCommand, WhichSessions,
};

/// What sessions are opened with.
pub(super) struct Setting {
    pub(super) journal: Arc<Journal>,
    pub(super) config: Config,
    pub(super) environment: Environment,
    /// The agentsh program that becomes a launcher.
    pub(super) program: PathBuf,
    /// Soft and hard limit of open files before the first workspace was served, which raises it.
    pub(super) open_files: (u64, u64),
}

/// What the threads of this module share.
pub(super) struct Inner {
    pub(super) setting: Setting,
    pub(super) shared: Shared,
    /// Those that run commands and end sessions: joined before the journal is closed.
    threads: Mutex<Vec<JoinHandle<()>>>,
}

/// The sessions of a server.
pub struct Sessions {
    inner: Arc<Inner>,
    timer: Mutex<Option<JoinHandle<()>>>,
}

impl Sessions {
    /// Takes sessions up: ends on record those of servers that died, and starts the timer.
    ///
    /// # Errors
    /// When the journal cannot be read or no thread is to be had.
    pub fn start(
        journal: Arc<Journal>,
        config: &Config,
        environment: &Environment,
        program: impl Into<PathBuf>,
    ) -> Result<Self, std::io::Error> {
        let died = lease::end_those_of_the_dead(&journal).map_err(std::io::Error::other)?;
        if died > 0 {
            tracing::warn!(sessions = died, "sessions of a recorder that died were ended");
        }
        let open_files = getrlimit(Resource::RLIMIT_NOFILE).unwrap_or((1_024, 1_024));
        let setting =
            Setting { journal, config: config.clone(), environment: environment.clone(), program: program.into(), open_files };
        let inner = Arc::new(Inner { setting, shared: Shared::default(), threads: Mutex::default() });
        let watched = Arc::clone(&inner);
        let timer = std::thread::Builder::new().name("session-timer".to_owned()).spawn(move || timer::run(&watched))?;
        Ok(Self { inner, timer: Mutex::new(Some(timer)) })
    }

    /// Ends every session: commands are told, killed after the configured grace, and the ends put on record. Nothing can be started
    /// any more. Says whether all had ended within `deadline`. What this holds of the journal is let go when it returns `true`.
    pub fn shut_down(&self, deadline: Duration) -> bool {
        let until = clock::instant() + deadline;
        let grace = self.inner.setting.config.sessions.grace.duration().min(deadline / 2);
        let ids: Vec<String> = {
            let mut table = self.inner.shared.lock();
            table.closing = true;
            let open: Vec<String> = table.open.keys().cloned().collect();
            open.into_iter().filter(|id| end::begin(&mut table, id, end::SHUTDOWN)).collect()
        };
        for id in ids {
            end::complete_aside(&self.inner, &id, grace);
        }
        let all_ended = |table: &Table| table.open.is_empty() && table.opening == 0 && table.commands == 0;
        // Whoever ended a session before may have given its commands more time than a server that stops has.
        if !self.inner.shared.wait_until(Some(clock::instant() + grace), all_ended) {
            self.inner.shared.lock().open.values().for_each(end::kill);
        }
        let ended = self.inner.shared.wait_until(Some(until), all_ended);
        self.end_timer();
        if ended {
            let threads = std::mem::take(&mut *self.inner.threads.lock().unwrap_or_else(PoisonError::into_inner));
            for thread in threads {
                let _ = thread.join();
            }
        } else {
            tracing::error!("sessions did not end in time; the next start puts their ends on record");
        }
        ended
    }

    fn end_timer(&self) {
        self.inner.shared.lock().closed = true;
        self.inner.shared.notify();
        if let Some(timer) = self.timer.lock().unwrap_or_else(PoisonError::into_inner).take() {
            let _ = timer.join();
        }
    }
}

impl Drop for Sessions {
    fn drop(&mut self) {
        self.end_timer();
    }
}

impl Inner {
    /// Runs something on a thread that is joined at the end.
    ///
    /// # Errors
    /// When no thread is to be had; it was not run then.
    pub(super) fn spawn(&self, name: &str, task: impl FnOnce() + Send + 'static) -> std::io::Result<()> {
        let thread = std::thread::Builder::new().name(name.to_owned()).spawn(task)?;
        let mut threads = self.threads.lock().unwrap_or_else(PoisonError::into_inner);
        threads.retain(|thread| !thread.is_finished());
        threads.push(thread);
        Ok(())
    }

    pub(super) fn records(&self) -> Result<Records, SessionError> {
        Records::open(self.setting.journal.data_dir())
    }

    /// An open session by its id or the start of it. One that is ending is not open any more.
    pub(super) fn find_open(&self, id: &str) -> Result<(String, Arc<LiveSession>), SessionError> {
        let look = |id: &str| self.shared.lock().open.get(id).map(|open| (Arc::clone(&open.session), open.ending));
        let (id, found) = match look(id) {
            Some(found) => (id.to_owned(), Some(found)),
            None => {
                let id = self.records()?.resolve(id)?;
                let found = look(&id);
                (id, found)
            }
        };
        match found {
            Some((session, None)) => Ok((id, session)),
            Some((_, Some(reason))) => Err(SessionError::Ended { id, reason: reason.to_owned() }),
            None => {
                let info = self.records()?.get(&id)?;
                Err(match info.state {
                    SessionState::Ended => SessionError::Ended { id, reason: info.end_reason },
                    SessionState::Running => SessionError::Elsewhere { id },
                })
            }
        }
    }

    /// What the journal says, and what runs now.
    fn with_life(&self, info: SessionInfo) -> SessionInfo {
        let table = self.shared.lock();
        let Some(open) = table.open.get(&info.id) else { return info };
        let millis = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        SessionInfo {
            commands: commands(open),
            idle_timeout_ms: millis(open.session.idle_timeout),
            hard_timeout_ms: millis(open.session.hard_timeout),
            ..info
        }
    }

    fn info(&self, id: &str) -> Result<SessionInfo, SessionError> {
        Ok(self.with_life(self.records()?.get(id)?))
    }
}

fn commands(open: &Open) -> Vec<crate::serve::sessions::CommandInfo> {
    let running = open.commands.values().map(|entry| {
        let mut info = entry.info.clone();
        info.pid = entry.handle.pid().unwrap_or(0);
        info
    });
    running.collect()
}

fn reserve(table: &mut Table, most: u32) -> Result<(), SessionError> {
    if table.closing {
        return Err(SessionError::ShuttingDown);
    }
    let taken = u32::try_from(table.open.len()).unwrap_or(u32::MAX).saturating_add(table.opening);
    if taken >= most {
        return Err(SessionError::TooMany { what: "sessions", most, key: "max_sessions" });
    }
    table.opening += 1;
    Ok(())
}

impl SessionStore for Sessions {
    fn create(&self, request: &NewSession) -> Result<SessionInfo, SessionError> {
        let inner = &self.inner;
        reserve(&mut inner.shared.lock(), inner.setting.config.sessions.max_sessions)?;
        let opened = open::open(&inner.setting, request).map(Arc::new);
        let is_open = {
            let mut table = inner.shared.lock();
            table.opening -= 1;
            if let Ok(session) = &opened
                && !table.closing
            {
                table.open.insert(session.id.to_string(), Open::new(Arc::clone(session)));
            }
            !table.closing
        };
        inner.shared.notify();
        let session = opened?;
        if !is_open {
            session.close(end::SHUTDOWN, 0, || inner.setting.journal.flush());
            return Err(SessionError::ShuttingDown);
        }
        if !inner.setting.journal.flush() {
            let reason = inner.setting.journal.failure().unwrap_or_else(|| "it does not say why".into()).to_string();
            end::end(inner, session.id.as_str(), end::FAILED, Duration::ZERO);
            return Err(SessionError::JournalCannotWrite { reason });
        }
        inner.info(session.id.as_str())
    }

    fn list(&self, which: WhichSessions) -> Result<SessionPage, SessionError> {
        let page = self.inner.records()?.list(which)?;
        Ok(SessionPage { sessions: page.sessions.into_iter().map(|info| self.inner.with_life(info)).collect(), ..page })
    }

    fn get(&self, id: &str) -> Result<SessionInfo, SessionError> {
        let records = self.inner.records()?;
        let id = records.resolve(id)?;
        Ok(self.inner.with_life(records.get(&id)?))
    }

    fn end(&self, id: &str, grace: Option<Duration>) -> Result<SessionInfo, SessionError> {
        let (id, _) = self.inner.find_open(id)?;
        end::end(&self.inner, &id, end::ENDED, grace.unwrap_or(self.inner.setting.config.sessions.grace.duration()));
        self.inner.info(&id)
    }

    fn signal(&self, session: &str, command: Option<&str>, number: i32) -> Result<u32, SessionError> {
        let (id, _) = self.inner.find_open(session)?;
        let signal = Signal::try_from(number)
            .map_err(|_| SessionError::Invalid { field: "signal", reason: format!("there is no signal {number}") })?;
        let table = self.inner.shared.lock();
        let entries = table.open.get(&id).into_iter().flat_map(|open| &open.commands);
        let mut told = 0;
        for (_, entry) in entries.filter(|(name, _)| command.is_none_or(|command| command == name.as_str())) {
            entry.handle.signal(signal);
            told += 1;
        }
        match command {
            Some(command) if told == 0 => Err(SessionError::UnknownCommand { session: id, command: command.to_owned() }),
            Some(_) | None => Ok(told),
        }
    }

    fn exec(&self, request: StartCommand) -> Result<RunningCommand, SessionError> {
        command::start(&self.inner, &request)
    }
}
