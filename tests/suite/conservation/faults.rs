//! The stage: who runs, and what happens to them, from a seed.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use agentsh::journal::{DataDir, ReaderStore};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::collectors::{self, Mood, Taken};
use super::consumers::Subscriber;
use super::link::{Link, Weather};
use super::oracle::{Oracle, Order};
use super::service::{Places, Service};
use crate::journal::children::Numbers;

/// Numbers that one recorder issues at most; the next one begins behind them.
const NUMBERS: u64 = 1 << 20;

/// How long everybody has to catch up once all is well.
const CATCH_UP: Duration = Duration::from_secs(240);

pub struct Scene {
    pub data_dir: PathBuf,
    pub places: Places,
    pub stream_link: Link,
    webhook_link: Link,
    otlp_link: Link,
    pub webhook: Arc<Taken>,
    pub otlp: Arc<Taken>,
    folder: PathBuf,
    config: PathBuf,
    numbers: Numbers,
    recorders: Vec<Oracle>,
    pub answers: Vec<PathBuf>,
    server: Option<Service>,
    /// Faults by name, and how often each happened.
    happened: std::collections::BTreeMap<&'static str, u64>,
}

impl Scene {
    pub async fn set(folder: &Path, seed: u64) -> Self {
        let (webhook, otlp) = (Arc::new(Taken::default()), Arc::new(Taken::default()));
        let (stream_link, webhook_link, otlp_link) = (Link::start().await, Link::start().await, Link::start().await);
        webhook_link.lead_to(collectors::webhook(Arc::clone(&webhook)).await);
        otlp_link.lead_to(collectors::otlp(Arc::clone(&otlp)).await);
        let places = Places {
            data_dir: folder.join("data"),
            lake: folder.join("lake"),
            jsonl: folder.join("events.jsonl"),
            webhook: webhook_link.addr(),
            otlp: otlp_link.addr(),
        };
        let config = folder.join("config.yaml");
        std::fs::write(&config, places.configuration()).unwrap();
        let mut scene = Self {
            data_dir: places.data_dir.clone(),
            places,
            stream_link,
            webhook_link,
            otlp_link,
            webhook,
            otlp,
            folder: folder.to_owned(),
            config,
            numbers: Numbers(seed),
            recorders: Vec::new(),
            answers: Vec::new(),
            server: None,
            happened: std::collections::BTreeMap::new(),
        };
        scene.start_server();
        for _ in 0..2 {
            scene.start_recorder();
        }
        scene
    }

    fn start_server(&mut self) {
        let server = Service::start(&self.config, &self.folder.join("server.log"));
        let server = server.unwrap_or_else(|| {
            panic!("no server: {}", std::fs::read_to_string(self.folder.join("server.log")).unwrap_or_default())
        });
        self.stream_link.lead_to(server.grpc);
        self.server = Some(server);
    }

    fn start_recorder(&mut self) {
        let generation = self.answers.len() as u64;
        let order = Order {
            root: self.data_dir.clone(),
            answers: self.folder.join(format!("answers-{generation}")),
            first: generation * NUMBERS,
            count: NUMBERS,
            seed: self.numbers.next(),
            stop: self.folder.join(format!("stop-{generation}")),
        };
        self.answers.push(order.answers.clone());
        self.recorders.push(Oracle::start(&order));
    }

    /// One fault, and a while without a new one.
    pub fn something_happens(&mut self, subscribers: &[Arc<Subscriber>]) {
        let name = match self.numbers.below(16) {
            0 | 1 => self.a_recorder_is_killed(),
            2 => self.a_recorder_is_stopped(),
            3 => self.the_server_is_killed(),
            4 => self.the_server_is_stopped(),
            5 => self.the_server_is_told_to_end(),
            6 => {
                subscribers[self.numbers.below(subscribers.len() as u64) as usize].cut.store(true, Ordering::Relaxed);
                "a subscriber goes away"
            }
            7 => self.connections_are_cut(),
            8..=11 => self.the_network_is_bad(),
            _ => self.a_collector_has_a_mood(),
        };
        *self.happened.entry(name).or_default() += 1;
        self.wait(20, 400);
    }

    fn wait(&mut self, least: u64, more: u64) {
        std::thread::park_timeout(Duration::from_millis(least + self.numbers.below(more)));
    }

    fn a_recorder_is_killed(&mut self) -> &'static str {
        let index = self.numbers.below(self.recorders.len() as u64) as usize;
        self.recorders.swap_remove(index).kill();
        self.start_recorder();
        "a recorder is killed"
    }

    fn a_recorder_is_stopped(&mut self) -> &'static str {
        let index = self.numbers.below(self.recorders.len() as u64) as usize;
        let pid = Pid::from_raw(self.recorders[index].id());
        let _it_may_have_ended = kill(pid, Signal::SIGSTOP);
        self.wait(50, 1_500);
        let _it_may_have_ended = kill(pid, Signal::SIGCONT);
        "a recorder is stopped"
    }

    fn the_server_is_killed(&mut self) -> &'static str {
        if let Some(mut server) = self.server.take() {
            server.kill();
        }
        self.wait(1, 300);
        self.start_server();
        "the server is killed"
    }

    fn the_server_is_stopped(&mut self) -> &'static str {
        let Some(pid) = self.server.as_ref().map(Service::pid) else { return "" };
        let _it_may_have_ended = kill(pid, Signal::SIGSTOP);
        self.wait(50, 1_500);
        let _it_may_have_ended = kill(pid, Signal::SIGCONT);
        "the server is stopped"
    }

    fn the_server_is_told_to_end(&mut self) -> &'static str {
        if let Some(mut server) = self.server.take() {
            assert!(server.terminate(), "the server ends in good order: {}", self.log());
        }
        self.start_server();
        "the server is told to end"
    }

    fn connections_are_cut(&mut self) -> &'static str {
        self.link().cut();
        "connections are cut"
    }

    fn link(&mut self) -> &Link {
        match self.numbers.below(3) {
            0 => &self.stream_link,
            1 => &self.webhook_link,
            _ => &self.otlp_link,
        }
    }

    fn the_network_is_bad(&mut self) -> &'static str {
        let (weather, name) = match self.numbers.below(3) {
            0 => (Weather::Slow, "the network is slow"),
            1 => (Weather::Stalled, "the network stalls"),
            _ => (Weather::Refusing, "connections are refused"),
        };
        let which = self.numbers.below(3);
        let pick = |scene: &Self| match which {
            0 => scene.stream_link.set(weather),
            1 => scene.webhook_link.set(weather),
            _ => scene.otlp_link.set(weather),
        };
        pick(self);
        if weather == Weather::Refusing {
            match which {
                0 => self.stream_link.cut(),
                1 => self.webhook_link.cut(),
                _ => self.otlp_link.cut(),
            }
        }
        self.wait(50, 1_500);
        match which {
            0 => self.stream_link.set(Weather::Fine),
            1 => self.webhook_link.set(Weather::Fine),
            _ => self.otlp_link.set(Weather::Fine),
        }
        name
    }

    fn a_collector_has_a_mood(&mut self) -> &'static str {
        let (mood, name) = match self.numbers.below(3) {
            0 => (Mood::Busy, "a collector is busy"),
            1 => (Mood::Forgetful, "a collector's answer is lost"),
            _ => (Mood::Tired, "a collector is slow"),
        };
        let taken = Arc::clone(if self.numbers.below(2) == 0 { &self.webhook } else { &self.otlp });
        taken.set(mood);
        self.wait(50, 1_500);
        taken.set(Mood::Willing);
        name
    }

    /// No more faults; the recorders end in good order.
    pub fn calm_down(&mut self) {
        for recorder in &mut self.recorders {
            recorder.finish();
        }
        self.recorders.clear();
    }

    /// `seq` of the last event that a recorder has issued; the server's own come behind it.
    pub fn head(&self) -> u64 {
        ReaderStore::open(&DataDir::at(&self.data_dir).journal()).unwrap().head().unwrap()
    }

    pub fn wait_for_everybody(&self, subscribers: &[Arc<Subscriber>], head: u64) {
        let began = Instant::now();
        let behind = || {
            let mut behind: Vec<String> = subscribers
                .iter()
                .filter(|subscriber| subscriber.through() < head && subscriber.wrong.lock().unwrap().is_none())
                .map(|subscriber| format!("{} at {}", subscriber.name, subscriber.through()))
                .collect();
            for (name, taken) in [("webhook", &self.webhook), ("otlp", &self.otlp)] {
                if taken.len() < head {
                    behind.push(format!("{name} has {}", taken.len()));
                }
            }
            behind
        };
        while !behind().is_empty() {
            assert!(began.elapsed() < CATCH_UP, "not everybody has caught up with {head}: {:?}\n{}", behind(), self.log());
            std::thread::park_timeout(Duration::from_millis(20));
        }
    }

    /// The server ends in good order: what it had gathered is sealed.
    pub fn end(&mut self) {
        if let Some(mut server) = self.server.take() {
            assert!(server.terminate(), "the server ends in good order: {}", self.log());
        }
    }

    fn log(&self) -> String {
        let log = std::fs::read_to_string(self.folder.join("server.log")).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(30)..].join("\n")
    }

    pub fn report(&self, subscribers: &[Arc<Subscriber>], journal: &super::audit::Journaled) {
        eprintln!("conservation: {} events, {} recorders, faults: {:?}", journal.len(), self.answers.len(), self.happened);
        for subscriber in subscribers {
            eprintln!(
                "conservation: subscriber {}: {} connections, {} redelivered",
                subscriber.name,
                subscriber.connections.load(Ordering::Relaxed),
                subscriber.redelivered.load(Ordering::Relaxed)
            );
        }
        for (name, taken, link) in [("webhook", &self.webhook, &self.webhook_link), ("otlp", &self.otlp, &self.otlp_link)] {
            let (requests, repeats, bytes) = (taken.requests(), taken.repeats(), link.carried());
            eprintln!("conservation: {name}: {requests} requests, {repeats} repeats, {bytes} bytes");
        }
    }
}
