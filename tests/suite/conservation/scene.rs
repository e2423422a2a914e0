//! The stage: who runs, how they are reached, and how all of it ends.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use agentsh::journal::{DataDir, ReaderStore};

use super::audit::Journaled;
use super::consumers::Subscriber;
use super::link::Link;
use super::oracle::Oracle;
use super::process::{Process, Role, address};
use super::service::{Places, Service};
use super::{carrier, collectors, consumers, oracle};
use crate::journal::children::Numbers;
use crate::peers::nats_server::NatsServer;
use crate::peers::s3_server::S3Server;
use crate::support::has_program;

/// Numbers that one recorder issues at most; the next one begins behind them.
const NUMBERS: u64 = 1 << 20;

/// How long everybody has to catch up once all is well.
const CATCH_UP: Duration = Duration::from_secs(240);

/// A network, and what is on its far side.
pub const STREAM: usize = 0;
pub const WEBHOOK: usize = 1;
pub const OTLP: usize = 2;
pub const NATS: usize = 3;
pub const BUCKET: usize = 4;
const LINKS: [&str; 5] = ["stream", "webhook", "otlp", "nats", "bucket"];

/// A collector: its files and its process.
pub struct Collector {
    pub order: collectors::Order,
    role: fn(collectors::Order) -> Role,
    pub process: Process,
    /// Its network.
    link: usize,
}

pub struct Scene {
    pub data_dir: PathBuf,
    pub places: Places,
    pub links: Vec<Link>,
    pub collectors: Vec<Collector>,
    pub nats: Option<NatsServer>,
    pub bucket: Option<S3Server>,
    folder: PathBuf,
    config: PathBuf,
    pub(super) numbers: Numbers,
    pub(super) recorders: Vec<Oracle>,
    pub answers: Vec<PathBuf>,
    pub(super) server: Option<Service>,
    carrier: carrier::Order,
    pub(super) carrying: Option<Process>,
    pub apart: consumers::Order,
    pub(super) reading: Process,
    /// Faults by name, and how often each happened.
    pub(super) happened: BTreeMap<String, u64>,
}

impl Scene {
    pub async fn set(folder: &Path, seed: u64) -> Self {
        let mut links = Vec::new();
        for _ in LINKS {
            links.push(Link::start().await);
        }
        let nats = has_program("nats-server", "conservation: nats").then(|| NatsServer::start(&folder.join("nats"), &[]));
        if let Some(nats) = &nats {
            links[NATS].lead_to(([127, 0, 0, 1], nats.port).into());
        }
        let bucket = S3Server::start("conservation: bucket");
        if let Some(bucket) = &bucket {
            bucket.tell(&["create", "lake"]);
            links[BUCKET].lead_to(bucket.addr());
        }
        let collector = |name, link, role: fn(collectors::Order) -> Role| {
            let order = collectors::Order::new(folder, name);
            Collector { process: Process::start(&role(order.clone())), order, role, link }
        };
        let collectors = vec![collector("webhook", WEBHOOK, Role::Webhook), collector("otlp", OTLP, Role::Otlp)];
        for collector in &collectors {
            links[collector.link].lead_to(address(&collector.order.address()));
        }
        let data_dir = folder.join("data");
        let places = Places {
            data_dir: data_dir.clone(),
            lake: folder.join("lake"),
            jsonl: folder.join("events.jsonl"),
            webhook: links[WEBHOOK].addr(),
            otlp: links[OTLP].addr(),
            nats: nats.as_ref().map(|_| links[NATS].addr()),
        };
        let config = folder.join("config.yaml");
        std::fs::write(&config, places.configuration()).unwrap();
        let carrier = carrier::Order {
            root: data_dir.clone(),
            bucket: bucket.as_ref().map(|_| links[BUCKET].addr()),
            nats: places.nats,
            stop: folder.join("stop-carrier"),
        };
        let apart = consumers::Order { folder: folder.to_owned(), addr: links[STREAM].addr() };
        let mut scene = Self {
            data_dir,
            places,
            links,
            collectors,
            nats,
            bucket,
            folder: folder.to_owned(),
            config,
            numbers: Numbers(seed),
            recorders: Vec::new(),
            answers: Vec::new(),
            server: None,
            carrier,
            carrying: None,
            reading: Process::start(&Role::Subscribe(apart.clone())),
            apart,
            happened: BTreeMap::new(),
        };
        scene.start_server();
        scene.start_carrier();
        for _ in 0..2 {
            scene.start_recorder();
        }
        scene
    }

    pub(super) fn start_server(&mut self) {
        let server = Service::start(&self.config, &self.folder.join("server.log"));
        let server = server.unwrap_or_else(|| {
            panic!("no server: {}", std::fs::read_to_string(self.folder.join("server.log")).unwrap_or_default())
        });
        self.links[STREAM].lead_to(server.grpc);
        self.server = Some(server);
    }

    pub(super) fn start_recorder(&mut self) {
        let generation = self.answers.len() as u64;
        let order = oracle::Order {
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

    /// It has work only where there is a bucket or a stream.
    pub(super) fn start_carrier(&mut self) {
        let carrier::Order { root, bucket, nats, stop } = &self.carrier;
        if bucket.is_some() || nats.is_some() {
            let order = carrier::Order { root: root.clone(), bucket: *bucket, nats: *nats, stop: stop.clone() };
            self.carrying = Some(Process::start(&Role::Carry(order)));
        }
    }

    pub(super) fn start_collector(&mut self, index: usize) {
        let collector = &mut self.collectors[index];
        collector.process = Process::start(&(collector.role)(collector.order.clone()));
        self.links[collector.link].lead_to(address(&collector.order.address()));
    }

    pub(super) fn start_reading(&mut self) {
        self.reading = Process::start(&Role::Subscribe(self.apart.clone()));
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

    /// Sinks whose cursor must come to the end; the lakes seal what they have when they are told to end.
    fn sinks(&self) -> Vec<&'static str> {
        let mut sinks = vec!["webhook", "otlp", "jsonl"];
        if self.nats.is_some() {
            sinks.extend(["nats", carrier::BRIEF]);
        }
        sinks
    }

    pub fn wait_for_everybody(&self, subscribers: &[Arc<Subscriber>], head: u64) {
        let began = Instant::now();
        let behind = || {
            let through = subscribers.iter().map(|subscriber| (subscriber.name, subscriber.through()));
            let through = through.chain([("apart", self.apart.through())]);
            let cursors = self.sinks().into_iter().map(|sink| (sink, crate::sinks::rig::cursor(&self.data_dir, sink)));
            through.chain(cursors).filter(|(_, seq)| *seq < head).collect::<Vec<_>>()
        };
        let accused = || {
            let wrong = subscribers.iter().find_map(|subscriber| subscriber.wrong.lock().unwrap().clone());
            wrong.or_else(|| self.apart.read().wrong.lock().unwrap().clone())
        };
        while !behind().is_empty() {
            assert_eq!(accused(), None);
            assert!(began.elapsed() < CATCH_UP, "not everybody has caught up with {head}: {:?}\n{}", behind(), self.log());
            std::thread::park_timeout(Duration::from_millis(100));
        }
    }

    /// The server and the carrier end in good order: what they had gathered is sealed.
    pub fn end(&mut self) {
        if let Some(mut server) = self.server.take() {
            assert!(server.terminate(), "the server ends in good order: {}", self.log());
        }
        if let Some(mut carrying) = self.carrying.take() {
            std::fs::write(&self.carrier.stop, "").unwrap();
            carrying.finish();
        }
    }

    pub(super) fn log(&self) -> String {
        let log = std::fs::read_to_string(self.folder.join("server.log")).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(30)..].join("\n")
    }

    /// Compares everybody with the journal, and says what happened.
    pub fn audit(&self, subscribers: &[Arc<Subscriber>]) {
        let journal = Journaled::read(&self.data_dir);
        eprintln!("conservation: {} events, {} recorders, faults: {:?}", journal.len(), self.answers.len(), self.happened);
        journal.is_whole_and_has_what_was_answered(self);
        for subscriber in subscribers.iter().chain([&self.apart.read()]) {
            journal.agrees_with_subscriber(subscriber);
            let connections = subscriber.connections.load(Ordering::Relaxed);
            let redelivered = subscriber.redelivered.load(Ordering::Relaxed);
            eprintln!(
                "conservation: subscriber {}: {} events, {connections} connections, {redelivered} redelivered",
                subscriber.name,
                subscriber.through()
            );
        }
        journal.agrees_with_parquet("parquet", &self.places.lake);
        journal.agrees_with_jsonl(&self.places.jsonl);
        for (collector, lines) in self.collectors.iter().zip([true, false]) {
            let again = journal.agrees_with_collector(&collector.order, lines);
            eprintln!("conservation: {}: {again} repeats", collector.order.name);
        }
        if let Some(nats) = &self.nats {
            let again = journal.agrees_with_stream("nats", &nats.messages("AGENTSH"), true);
            assert_eq!(again, 0);
            let again = journal.agrees_with_stream(carrier::BRIEF, &nats.messages(carrier::BRIEF_STREAM), false);
            eprintln!("conservation: nats: no repeats; where ids are remembered for a moment: {again} repeats");
        }
        if let Some(bucket) = &self.bucket {
            let lake = self.folder.join("bucket");
            bucket.download(&lake);
            journal.agrees_with_parquet("bucket", &lake);
            eprintln!("conservation: bucket: {} objects", crate::lake::rig::files(&lake).len());
        }
        for (name, link) in LINKS.iter().zip(&self.links) {
            eprintln!("conservation: {name}: {} bytes", link.carried());
        }
    }
}
