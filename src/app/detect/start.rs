//! `Detector`: detection beside a journal that is open, on a thread of its own. It never slows or changes a verdict.

use std::sync::mpsc::{Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use super::pass::At;
use super::reader::{DetectError, Finish, Work};
use crate::detect::DetectConfig;
use crate::journal::DataDir;
use crate::runtime::clock;

/// A detector that runs, or waits until the process that detects has ended.
pub struct Detector {
    tell: Sender<Finish>,
    thread: JoinHandle<u64>,
}

impl Detector {
    /// Starts it; `None` when it is switched off.
    ///
    /// # Errors
    /// [`DetectError`] when no thread can be had. What else is wrong is logged by the thread: a recording does not fail for it.
    pub fn start(config: &DetectConfig, data_dir: &DataDir) -> Result<Option<Self>, DetectError> {
        Self::start_watched(config, data_dir, None)
    }

    /// As [`Detector::start`]; `at` is called at each step, for tests that kill there.
    ///
    /// # Errors
    /// As [`Detector::start`].
    pub fn start_watched(config: &DetectConfig, data_dir: &DataDir, at: Option<At>) -> Result<Option<Self>, DetectError> {
        if !config.enabled {
            return Ok(None);
        }
        let (tell, told) = channel();
        let work = Work { config: config.clone(), data_dir: data_dir.clone(), told, at };
        let thread = std::thread::Builder::new().name("detect".to_owned()).spawn(move || work.run())?;
        Ok(Some(Self { tell, thread }))
    }

    /// Lets it look at everything up to `head`, at most for `patience`, and ends it. Says up to which event everything was looked at:
    /// what is left is found by the next process that detects.
    pub fn finish(self, head: u64, patience: Duration) -> u64 {
        let _it_has_ended = self.tell.send(Finish { head, deadline: clock::instant() + patience });
        self.thread.join().unwrap_or_else(|_panic| {
            tracing::error!("the detector ended with a panic; the next start goes on at its cursor");
            0
        })
    }
}
