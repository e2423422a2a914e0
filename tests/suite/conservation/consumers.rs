//! Subscribers that come back after whatever happened to them, and note what they saw.

use std::fs::File;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use agentsh::encode::{proto, stored};
use agentsh::event::Seq;
use agentsh::serve::grpc::event_service_client::EventServiceClient;
use proto::subscribe_request::Start;
use proto::subscribe_response::Message;
use proto::{AckRequest, SubscribeRequest};
use serde::{Deserialize, Serialize};
use tonic::transport::{Channel, Endpoint};

use super::process::{beside, note, notes};

/// How a subscriber keeps its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// It remembers the last seq itself.
    Own,
    /// A named consumer: the server remembers what was acknowledged.
    Named(&'static str),
}

/// A subscriber, and what it saw: one leaf hash for each seq, in order, beginning with 1.
pub struct Subscriber {
    pub name: &'static str,
    pub place: Place,
    /// It reads only so many messages a second, and none for a while now and then.
    pub slow: bool,
    /// It asks for a few fields only.
    pub masked: bool,
    pub seen: Mutex<Vec<[u8; 32]>>,
    pub redelivered: AtomicU64,
    pub connections: AtomicU64,
    /// The first thing that must not be.
    pub wrong: Mutex<Option<String>>,
    /// Cuts its stream.
    pub cut: AtomicBool,
    /// Where it notes what it saw, if it may be killed.
    notes: Option<File>,
}

/// A subscriber in a process of its own, which may be killed: what it saw is in a file.
#[derive(Clone, Serialize, Deserialize)]
pub struct Order {
    pub folder: PathBuf,
    pub addr: SocketAddr,
}

/// Its name.
const APART: &str = "apart";

impl Order {
    fn seen(&self) -> PathBuf {
        beside(&self.folder, APART, "seen")
    }

    fn wrong(&self) -> PathBuf {
        beside(&self.folder, APART, "wrong")
    }

    pub fn through(&self) -> u64 {
        std::fs::metadata(self.seen()).map_or(0, |metadata| metadata.len() / 32)
    }

    /// What the process saw, in all its lives.
    pub fn read(&self) -> Arc<Subscriber> {
        let mut subscriber = Subscriber::make(APART, Place::Own, false, false);
        let seen = std::fs::read(self.seen()).unwrap_or_default();
        subscriber.seen = Mutex::new(seen.chunks_exact(32).map(|leaf| leaf.try_into().unwrap()).collect());
        subscriber.wrong = Mutex::new(std::fs::read_to_string(self.wrong()).ok());
        Arc::new(subscriber)
    }
}

/// What its process runs, until it is killed.
pub async fn run(order: &Order) {
    let notes = notes(&order.seen(), 32);
    let mut subscriber = Arc::into_inner(order.read()).unwrap();
    subscriber.notes = Some(notes);
    let subscriber = Arc::new(subscriber);
    let reading = tokio::spawn(Arc::clone(&subscriber).run(order.addr, Arc::default()));
    while !reading.is_finished() {
        if let Some(wrong) = subscriber.wrong.lock().unwrap().as_ref() {
            std::fs::write(order.wrong(), wrong).unwrap();
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// The leaf that the journal has for an event that came over the wire.
pub fn leaf_of(message: proto::Event) -> Result<[u8; 32], String> {
    let seq = Seq::new(message.seq).ok_or("an event without seq")?;
    let event = proto::to_event(message).map_err(|error| error.to_string())?;
    let mut frame = Vec::new();
    stored::encode(&event, &mut frame);
    Ok(stored::leaf_hash(seq, &frame))
}

impl Subscriber {
    pub fn new(name: &'static str, place: Place, slow: bool, masked: bool) -> Arc<Self> {
        Arc::new(Self::make(name, place, slow, masked))
    }

    fn make(name: &'static str, place: Place, slow: bool, masked: bool) -> Self {
        Self {
            name,
            place,
            slow,
            masked,
            seen: Mutex::default(),
            redelivered: AtomicU64::default(),
            connections: AtomicU64::default(),
            wrong: Mutex::default(),
            cut: AtomicBool::default(),
            notes: None,
        }
    }

    pub fn through(&self) -> u64 {
        self.seen.lock().unwrap().len() as u64
    }

    fn accuse(&self, what: String) {
        self.wrong.lock().unwrap().get_or_insert(what);
    }

    /// Reads until `stop`, connecting again whenever a stream ends.
    pub async fn run(self: Arc<Self>, addr: std::net::SocketAddr, stop: Arc<AtomicBool>) {
        let endpoint = Endpoint::from_shared(format!("http://{addr}")).unwrap().connect_timeout(Duration::from_secs(2));
        while !stop.load(Ordering::Relaxed) {
            if let Ok(channel) = endpoint.connect().await {
                self.connections.fetch_add(1, Ordering::Relaxed);
                let client = EventServiceClient::new(channel).max_decoding_message_size(64 << 20);
                // Why a stream ended is part of the test's weather; what it delivered is judged.
                let _why = self.read(client, &stop).await;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    async fn read(&self, mut client: EventServiceClient<Channel>, stop: &AtomicBool) -> Result<(), tonic::Status> {
        let (start, consumer) = match self.place {
            Place::Own => (Some(Start::AfterSeq(self.through())), String::new()),
            Place::Named(name) => (None, name.to_owned()),
        };
        let paths: &[&str] = if self.masked { &["id", "kind"] } else { &[] };
        let request = SubscribeRequest {
            start,
            consumer,
            field_mask: (!paths.is_empty())
                .then(|| prost_types::FieldMask { paths: paths.iter().map(|path| (*path).to_owned()).collect() }),
            heartbeat_ms: 500,
            ..SubscribeRequest::default()
        };
        let mut acks = client.clone();
        let mut stream = client.subscribe(request).await?.into_inner();
        loop {
            if stop.load(Ordering::Relaxed) || self.cut.swap(false, Ordering::Relaxed) {
                return Ok(());
            }
            if self.slow {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            // A stalled network says nothing at all, not even a heartbeat.
            let Ok(message) = tokio::time::timeout(Duration::from_secs(4), stream.message()).await else { return Ok(()) };
            let Some(message) = message?.and_then(|message| message.message) else { return Ok(()) };
            match message {
                Message::Batch(batch) => {
                    for event in batch.events {
                        self.take(event, batch.redelivered);
                    }
                    if let Place::Named(name) = self.place {
                        let seq = self.through();
                        let acked = acks.ack(AckRequest { consumer: name.to_owned(), seq });
                        let _lost_with_the_connection = tokio::time::timeout(Duration::from_secs(4), acked).await;
                    }
                }
                Message::EventsLost(missing) => {
                    self.accuse(format!("{} to {} are missing: {}", missing.from_seq, missing.to_seq, missing.reason));
                }
                Message::Heartbeat(_) => {}
                Message::End(_) => return Ok(()),
            }
        }
    }

    fn take(&self, event: proto::Event, redelivered: bool) {
        let mut seen = self.seen.lock().unwrap();
        let expected = seen.len() as u64 + 1;
        if event.seq < expected {
            self.redelivered.fetch_add(1, Ordering::Relaxed);
            if self.place == Place::Own {
                self.accuse(format!("{} came again", event.seq));
            }
            let _ = redelivered;
            return;
        }
        if event.seq > expected {
            self.accuse(format!("{} came where {expected} was due", event.seq));
            return;
        }
        if self.masked {
            seen.push([0; 32]);
            return;
        }
        match leaf_of(event) {
            Ok(leaf) => {
                if let Some(notes) = &self.notes {
                    note(notes, &leaf);
                }
                seen.push(leaf);
            }
            Err(error) => self.accuse(format!("{expected} is no event: {error}")),
        }
    }
}
