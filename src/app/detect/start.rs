//! `Detector`: detection beside a journal that is open, on a thread of its own. It never slows or changes a verdict.

use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use super::files::engine;
use super::pass::At;
use super::reader::{DetectError, Finish, Work, stands};
use crate::detect::DetectConfig;
use crate::journal::DataDir;
use crate::runtime::clock;

/// A detector that takes the rules in while the journal is being opened.
pub struct Preparing {
    begin: Sender<DataDir>,
    detector: Detector,
}

/// A detector that runs, or waits until the process that detects has ended.
pub struct Detector {
    tell: Sender<Finish>,
    ready: Receiver<()>,
    place: DataDir,
    thread: JoinHandle<u64>,
}

/// How long a recording waits at its end for the rules to be looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// For the rules to be taken in, where that is still under way.
    pub for_rules: Duration,
    /// For everything to be looked at.
    pub in_all: Duration,
}

impl Preparing {
    /// The journal is open: it looks at events from now on. One that is dropped instead ends.
    #[must_use]
    pub fn begin(self, data_dir: &DataDir) -> Detector {
        // A thread that has ended says why by itself.
        let _it_has_ended = self.begin.send(data_dir.clone());
        Detector { place: data_dir.clone(), ..self.detector }
    }
}

impl Detector {
    /// Takes the rules in, on a thread of its own: to be called as early as can be. `None` when detection is switched off. `data_dir` is
    /// where the journal will be; nothing is made there.
    ///
    /// # Errors
    /// [`DetectError`] when no thread can be had. What else is wrong is logged by the thread: a recording does not fail for it.
    pub fn prepare(config: &DetectConfig, data_dir: &DataDir) -> Result<Option<Preparing>, DetectError> {
        Self::prepare_watched(config, data_dir, None)
    }

    fn prepare_watched(config: &DetectConfig, data_dir: &DataDir, at: Option<At>) -> Result<Option<Preparing>, DetectError> {
        if !config.enabled {
            return Ok(None);
        }
        let (tell, told) = channel();
        let (begin, begun) = channel();
        let (say_ready, ready) = channel();
        let (config, place) = (config.clone(), data_dir.clone());
        let thread = std::thread::Builder::new().name("detect".to_owned()).spawn(move || {
            let engine = engine(&config, &place).map(|mut engine| {
                engine.make_ready();
                engine
            });
            // Nobody asks before the end, and not everybody does.
            let _nobody_asks = say_ready.send(());
            // Where there is no journal, nothing is to be done.
            let Ok(data_dir) = begun.recv() else { return 0 };
            Work { data_dir, told, at }.run(engine.map_err(DetectError::from))
        })?;
        Ok(Some(Preparing { begin, detector: Self { tell, ready, place: data_dir.clone(), thread } }))
    }

    /// Starts it on a journal that is open; `None` when it is switched off.
    ///
    /// # Errors
    /// As [`Detector::prepare`].
    pub fn start(config: &DetectConfig, data_dir: &DataDir) -> Result<Option<Self>, DetectError> {
        Self::start_watched(config, data_dir, None)
    }

    /// As [`Detector::start`]; `at` is called at each step, for tests that kill there.
    ///
    /// # Errors
    /// As [`Detector::start`].
    pub fn start_watched(config: &DetectConfig, data_dir: &DataDir, at: Option<At>) -> Result<Option<Self>, DetectError> {
        Ok(Self::prepare_watched(config, data_dir, at)?.map(|preparing| preparing.begin(data_dir)))
    }

    /// Lets it look at everything up to `head`, at most for `patience`, and ends it. Says up to which event everything was looked at:
    /// what is left is found by the next process that detects.
    pub fn finish(self, head: u64, patience: Duration) -> u64 {
        self.finish_within(head, Patience { for_rules: patience, in_all: patience })
    }

    /// As [`Detector::finish`], with less patience for rules that are not there yet.
    pub fn finish_within(self, head: u64, patience: Patience) -> u64 {
        if let Err(RecvTimeoutError::Timeout) = self.ready.recv_timeout(patience.for_rules.min(patience.in_all)) {
            // The thread finds nobody any more when it has the rules, and ends.
            return stands(&self.place);
        }
        let _it_has_ended = self.tell.send(Finish { head, deadline: clock::instant() + patience.in_all });
        self.thread.join().unwrap_or_else(|_panic| {
            tracing::error!("the detector ended with a panic; the next start goes on at its cursor");
            0
        })
    }
}
