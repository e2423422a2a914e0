//! A registry sensor's side of `EventService.Ingest`: questions with a deadline, a fail mode, a cache, and everything reported.
//!
//! What stands here is what a driver's user-mode service on Windows would do; docs/sensors.md has the protocol in words.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use agentsh::encode::proto::ingest_request::Message as Ask;
use agentsh::encode::proto::ingest_response::Message as Reply;
use agentsh::encode::proto::{
    AppliedBecause, AppliedVerdict, Decision, Event, IngestHello, IngestRequest, IngestResponse, VerdictRequest, event::Payload,
};
use agentsh::policy::fold_registry_key;
use agentsh::serve::grpc::event_service_client::EventServiceClient;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_stream::wrappers::ReceiverStream;
use tonic::metadata::MetadataValue;
use tonic::transport::Endpoint;
use tonic::{Request, Status, Streaming};

/// Verdicts that are kept; when there are more, all are forgotten.
const MOST_CACHED: usize = 4_096;
/// Reports that wait for the server; beyond them the sensor refuses, since what it let through could not be told.
const MOST_REPORTS: usize = 65_536;

/// What is done when no answer comes in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailMode {
    /// Let it through.
    Open,
    /// Refuse it.
    Closed,
}

/// Where an answer came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum From {
    Server,
    Cache,
    FailMode,
}

/// What to do with an operation.
#[derive(Clone, Debug)]
pub struct Answer {
    pub allow: bool,
    pub from: From,
    pub reason: String,
    pub attack: Vec<String>,
}

/// Where the server is and how long it may take.
#[derive(Clone, Debug)]
pub struct Options {
    /// `host:port`.
    pub address: String,
    /// The sensor's key.
    pub key: String,
    /// How long an operation waits for its answer.
    pub deadline: Duration,
    pub fail: FailMode,
}

/// One kept verdict.
#[derive(Clone, Debug)]
struct Kept {
    decision: Decision,
    rule: Option<String>,
    reason: String,
    attack: Vec<String>,
}

/// A stream to the server.
struct Link {
    asks: mpsc::Sender<IngestRequest>,
    answers: Streaming<IngestResponse>,
}

/// A sensor.
pub struct Sensor {
    options: Options,
    link: Option<Link>,
    /// The next event's number.
    next: u64,
    /// Reports that are not acknowledged, in order, with their numbers.
    reports: VecDeque<AppliedVerdict>,
    acknowledged: u64,
    /// The policy that the kept verdicts are of.
    digest: String,
    kept: BTreeMap<(i32, String, String), Kept>,
}

impl Sensor {
    /// A sensor that connects when it is asked.
    pub fn new(options: Options) -> Self {
        Self {
            options,
            link: None,
            next: 1,
            reports: VecDeque::new(),
            acknowledged: 0,
            digest: String::new(),
            kept: BTreeMap::new(),
        }
    }

    /// Verdicts that are kept now.
    #[allow(dead_code, reason = "see `reconnect`")]
    pub fn cached(&self) -> usize {
        self.kept.len()
    }

    /// Up to which number the journal has the sensor's events.
    #[allow(dead_code, reason = "see `reconnect`")]
    pub const fn acknowledged(&self) -> u64 {
        self.acknowledged
    }

    /// Goes on with a server at another address.
    #[allow(dead_code, reason = "a sensor that follows its server is for others to write; the tests start one anew")]
    pub fn reconnect(&mut self, address: String) {
        self.options.address = address;
        self.link = None;
    }

    /// Changes the deadline.
    #[allow(dead_code, reason = "see `reconnect`")]
    pub const fn wait_at_most(&mut self, deadline: Duration) {
        self.options.deadline = deadline;
    }

    /// Decides an operation: by the cache, by the server, or by the fail mode when the deadline passes.
    pub async fn decide(&mut self, operation: Event) -> Answer {
        let key = key_of(&operation);
        // Only while there is a stream: its server has said which policy answers.
        if self.link.is_some()
            && let Some(kept) = key.as_ref().and_then(|key| self.kept.get(key)).cloned()
        {
            let report = AppliedVerdict {
                operation: Some(operation),
                decision: kept.decision.into(),
                because: AppliedBecause::Cache.into(),
                rule: kept.rule.clone(),
                reason: kept.reason.clone(),
                policy_digest: self.digest.clone(),
                ..AppliedVerdict::default()
            };
            self.report(report).await;
            return Answer {
                allow: kept.decision != Decision::Deny,
                from: From::Cache,
                reason: kept.reason,
                attack: kept.attack,
            };
        }
        let deadline = self.options.deadline;
        match timeout(deadline, self.ask(operation.clone())).await {
            Ok(Ok(kept)) => {
                if self.kept.len() >= MOST_CACHED {
                    self.kept.clear();
                }
                if let Some(key) = key {
                    self.kept.insert(key, kept.clone());
                }
                Answer { allow: kept.decision != Decision::Deny, from: From::Server, reason: kept.reason, attack: kept.attack }
            }
            // The stream may still bring the answer to a question that nobody waits for; a new one starts clean.
            Ok(Err(_)) | Err(_) => {
                self.link = None;
                self.fail(operation)
            }
        }
    }

    fn fail(&mut self, operation: Event) -> Answer {
        let open = self.options.fail == FailMode::Open && self.reports.len() < MOST_REPORTS;
        let (decision, because) = match open {
            true => (Decision::Allow, AppliedBecause::FailOpen),
            false => (Decision::Deny, AppliedBecause::FailClosed),
        };
        // The server may have recorded the question; this is what became of it.
        let operation = Event { id: String::new(), ..operation };
        let report = AppliedVerdict {
            operation: Some(operation),
            decision: decision.into(),
            because: because.into(),
            ..AppliedVerdict::default()
        };
        self.reports.push_back(report);
        Answer { allow: open, from: From::FailMode, reason: "no answer came in time".to_owned(), attack: Vec::new() }
    }

    /// Asks the server, over a new stream if there is none.
    async fn ask(&mut self, operation: Event) -> Result<Kept, Status> {
        self.connect().await?;
        let sequence = self.next;
        self.send(Ask::Verdict(VerdictRequest { request_id: sequence, sequence, operation: Some(operation) })).await?;
        loop {
            if let Reply::Verdict(verdict) = self.receive().await?
                && verdict.request_id == sequence
            {
                self.next = sequence + 1;
                return Ok(Kept {
                    decision: verdict.decision(),
                    rule: verdict.rule,
                    reason: verdict.reason,
                    attack: verdict.attack,
                });
            }
        }
    }

    /// Opens a stream, forgets what was kept under another policy, and reports what waits.
    pub async fn connect(&mut self) -> Result<(), Status> {
        if self.link.is_some() {
            return Ok(());
        }
        let endpoint = Endpoint::from_shared(format!("http://{}", self.options.address));
        let endpoint = endpoint.map_err(|error| Status::invalid_argument(error.to_string()))?;
        let channel = endpoint.connect().await.map_err(|error| Status::unavailable(error.to_string()))?;
        let (asks, requests) = mpsc::channel(256);
        let hello = Ask::Hello(IngestHello { description: "registry sensor".to_owned() });
        asks.send(IngestRequest { message: Some(hello) }).await.map_err(|_| Status::unavailable("gone"))?;
        let mut request = Request::new(ReceiverStream::new(requests));
        let key = MetadataValue::try_from(self.options.key.as_str());
        request.metadata_mut().insert("x-api-key", key.map_err(|_| Status::invalid_argument("the key is no header value"))?);
        let mut answers = EventServiceClient::new(channel).ingest(request).await?.into_inner();
        let welcome = match answers.message().await?.and_then(|answer| answer.message) {
            Some(Reply::Welcome(welcome)) => welcome,
            other => return Err(Status::internal(format!("no welcome: {other:?}"))),
        };
        if welcome.policy_digest != self.digest {
            self.kept.clear();
            self.digest = welcome.policy_digest;
        }
        self.link = Some(Link { asks, answers });
        self.settle(welcome.acked_sequence);
        // What is not in the journal goes again, with the numbers that come next.
        self.next = welcome.acked_sequence + 1;
        for report in &mut self.reports {
            report.sequence = self.next;
            self.next += 1;
        }
        for report in self.reports.clone() {
            self.send(Ask::Applied(report)).await?;
        }
        Ok(())
    }

    /// Sends a report, or keeps it until there is a stream again.
    async fn report(&mut self, mut report: AppliedVerdict) {
        report.sequence = self.next;
        self.next += 1;
        self.reports.push_back(report.clone());
        if self.send(Ask::Applied(report)).await.is_err() {
            self.link = None;
        }
    }

    /// Waits until everything that was sent is in the journal.
    pub async fn flush(&mut self) -> Result<(), Status> {
        self.connect().await?;
        while self.acknowledged + 1 < self.next {
            self.receive().await?;
        }
        Ok(())
    }

    async fn send(&self, ask: Ask) -> Result<(), Status> {
        let link = self.link.as_ref().ok_or_else(|| Status::unavailable("there is no stream"))?;
        link.asks.send(IngestRequest { message: Some(ask) }).await.map_err(|_| Status::unavailable("the stream has ended"))
    }

    async fn receive(&mut self) -> Result<Reply, Status> {
        let link = self.link.as_mut().ok_or_else(|| Status::unavailable("there is no stream"))?;
        let answer = link.answers.message().await?.and_then(|answer| answer.message);
        let answer = answer.ok_or_else(|| Status::unavailable("the stream has ended"))?;
        if let Reply::Ack(ack) = &answer {
            self.settle(ack.acked_sequence);
        }
        Ok(answer)
    }

    fn settle(&mut self, acknowledged: u64) {
        self.acknowledged = acknowledged;
        // A report without a number was never sent.
        while self.reports.front().is_some_and(|report| (1..=acknowledged).contains(&report.sequence)) {
            self.reports.pop_front();
        }
    }
}

/// What must be the same for an answer to be the same: the kind, the key in whatever spelling, and the value's name. The cache is
/// emptied when the policy changes, so its digest is part of all of them.
fn key_of(operation: &Event) -> Option<(i32, String, String)> {
    let (key, rest) = match operation.payload.as_ref()? {
        Payload::RegistryCreateKey(p) => (&p.key, String::new()),
        Payload::RegistryOpenKey(p) => (&p.key, p.access.to_string()),
        Payload::RegistryQueryValue(p) => (&p.key, p.value_name.clone()),
        Payload::RegistrySetValue(p) => (&p.key, p.value_name.clone()),
        Payload::RegistryDeleteValue(p) => (&p.key, p.value_name.clone()),
        Payload::RegistryDeleteKey(p) => (&p.key, String::new()),
        Payload::RegistryRenameKey(p) => (&p.key, fold_registry_key(&p.new_key)),
        _ => return None,
    };
    Some((operation.kind, fold_registry_key(key), rest))
}
