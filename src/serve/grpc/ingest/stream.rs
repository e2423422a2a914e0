//! One sensor's stream: hello, then batches and questions in the order of its numbers.

use std::sync::Arc;

use tokio::sync::{OwnedMutexGuard, mpsc, watch};
use tonic::{Status, Streaming};

use super::applied::{self, Applied};
use super::place::{Place, Places, Turn};
use super::{check, hindsight};
use crate::channel::GateError;
use crate::channel::intake::AppendError;
use crate::encode::proto::ingest_request::Message as Request;
use crate::encode::proto::ingest_response::Message as Response;
use crate::encode::proto::{
    AppliedVerdict, IngestAck, IngestBatch, IngestRequest, IngestResponse, IngestWelcome, Verdict, VerdictRequest,
};
use crate::event::{self, Event};
use crate::journal::{Journal, ReaderStore};
use crate::policy::{Judgement, Policy};
use crate::runtime::metrics::metrics;
use crate::serve::grpc::decision::decision;

/// Batches of a stream whose commit is waited for; the window bounds their events.
const PENDING: usize = 1_024;

/// What all streams share.
pub(super) struct Parts {
    pub(super) journal: Arc<Journal>,
    pub(super) policy: Arc<Policy>,
    pub(super) window: u64,
    pub(super) places: Places,
}

type Answers = mpsc::Sender<Result<IngestResponse, Status>>;
type Committed = std::pin::Pin<Box<dyn Future<Output = Option<u64>> + Send>>;

/// Runs a stream to its end.
pub(super) async fn run(
    parts: &Arc<Parts>,
    name: &str,
    mut requests: Streaming<IngestRequest>,
    answers: &Answers,
    mut stop: watch::Receiver<bool>,
) -> Result<(), Status> {
    let first = tokio::select! {
        biased;
        // A sensor that never says who it is must not hold up the end.
        _ = stop.wait_for(|stop| *stop) => return Err(shuts_down()),
        first = requests.message() => first?,
    };
    let description = match first {
        None => return Ok(()),
        Some(IngestRequest { message: Some(Request::Hello(hello)) }) => hello.description,
        Some(_) => return Err(Status::failed_precondition("the first message of a stream is `hello`")),
    };
    let place = parts.places.of(name);
    let mut turn = place.take();
    let acked = welcome(parts, name, &place, answers).await?;
    tracing::info!(sensor = name, description, acked, "a sensor has come");

    let (pending, acknowledged) = acknowledge(acked, answers.clone());
    let mut stream = Stream { parts, name, place: &place, turn: &turn, answers, pending, acknowledged, handed: acked };
    let outcome = loop {
        let mut taken = stream.turn.clone();
        let next = tokio::select! {
            biased;
            // An error means that the server is gone.
            _ = stop.wait_for(|stop| *stop) => break Err(shuts_down()),
            () = taken.is_taken() => break Err(taken_over()),
            next = stream.next(&mut requests) => next,
        };
        match next {
            Ok(Some(request)) => {
                if let Err(status) = stream.take(request).await {
                    break Err(status);
                }
            }
            Ok(None) => break Ok(()),
            Err(status) => break Err(status),
        }
    };
    let Stream { pending, acknowledged, .. } = stream;
    // What was handed over is acknowledged before the stream ends: nothing more comes behind it.
    drop(pending);
    if turn.holds() {
        let mut acknowledged = acknowledged;
        tokio::select! {
            () = turn.is_taken() => {}
            () = ended(&mut acknowledged) => {}
        }
    }
    outcome
}

/// Waits until the task that acknowledges has done all.
async fn ended(acknowledged: &mut watch::Receiver<u64>) {
    while acknowledged.changed().await.is_ok() {}
}

fn shuts_down() -> Status {
    Status::unavailable("the server shuts down")
}

fn taken_over() -> Status {
    Status::aborted("another stream of this sensor has taken over")
}

fn cannot_write(reason: &str) -> Status {
    Status::unavailable(format!("the journal cannot write: {reason}"))
}

/// Says up to where the sensor's events are in the journal. What an earlier stream has handed over is waited for, so that it is exact.
async fn welcome(parts: &Arc<Parts>, name: &str, place: &Arc<Place>, answers: &Answers) -> Result<u64, Status> {
    let mut next = Arc::clone(&place.next).lock_owned().await;
    if let Some(reason) = parts.journal.failure() {
        return Err(cannot_write(&reason));
    }
    parts.journal.committed().await.ok_or_else(|| Status::unavailable("the journal is closed"))?;
    let (path, sensor) = (parts.journal.data_dir().journal(), name.to_owned());
    let read = tokio::task::spawn_blocking(move || {
        let row = ReaderStore::open(&path).map_err(|error| error.to_string())?.sensor(&sensor);
        row.map(|row| row.map_or(0, |row| row.sequence)).map_err(|error| error.to_string())
    });
    let acked = read
        .await
        .map_err(|_panic| Status::internal("reading the sensor's place failed"))?
        .map_err(|error| Status::unavailable(format!("the journal cannot be read: {error}")))?;
    *next = acked + 1;
    let window = u32::try_from(parts.window).unwrap_or(u32::MAX);
    send(
        answers,
        Response::Welcome(IngestWelcome {
            sensor: name.to_owned(),
            acked_sequence: acked,
            window,
            policy_digest: parts.policy.digest().to_owned(),
        }),
    )
    .await?;
    Ok(acked)
}

async fn send(answers: &Answers, message: Response) -> Result<(), Status> {
    let answer = IngestResponse { message: Some(message) };
    answers.send(Ok(answer)).await.map_err(|_gone| Status::cancelled("the sensor is gone"))
}

/// Starts the task that acknowledges what is handed over, in order, as it is committed. The receiver knows up to where; it closes when all
/// is done.
fn acknowledge(acked: u64, answers: Answers) -> (mpsc::Sender<(u64, Committed)>, watch::Receiver<u64>) {
    let (pending, mut handed) = mpsc::channel::<(u64, Committed)>(PENDING);
    let (acknowledged, seen) = watch::channel(acked);
    tokio::spawn(async move {
        while let Some((mut sequence, committed)) = handed.recv().await {
            let Some(mut seq) = committed.await else { break };
            // One answer for all that the commit covered.
            while let Ok((next, committed)) = handed.try_recv() {
                match committed.await {
                    Some(later) => (sequence, seq) = (next, later),
                    None => break,
                }
            }
            acknowledged.send_replace(sequence);
            if send(&answers, Response::Ack(IngestAck { acked_sequence: sequence, seq })).await.is_err() {
                break;
            }
        }
    });
    (pending, seen)
}

struct Stream<'s> {
    parts: &'s Arc<Parts>,
    name: &'s str,
    place: &'s Arc<Place>,
    turn: &'s Turn,
    answers: &'s Answers,
    pending: mpsc::Sender<(u64, Committed)>,
    acknowledged: watch::Receiver<u64>,
    /// Last number that was handed over.
    handed: u64,
}

impl Stream<'_> {
    /// The next message, once the window has room for it.
    async fn next(&mut self, requests: &mut Streaming<IngestRequest>) -> Result<Option<IngestRequest>, Status> {
        let (handed, window) = (self.handed, self.parts.window);
        let room = self.acknowledged.wait_for(|acked| handed.saturating_sub(*acked) < window).await;
        room.map_err(|_ended| Status::unavailable("the journal is closed"))?;
        requests.message().await
    }

    async fn take(&mut self, request: IngestRequest) -> Result<(), Status> {
        match request.message {
            Some(Request::Batch(batch)) => self.take_batch(batch).await,
            Some(Request::Verdict(question)) => self.answer(question).await,
            Some(Request::Applied(said)) => self.take_applied(said).await,
            Some(Request::Hello(_)) => Err(Status::failed_precondition("`hello` is the first message of a stream only")),
            None => Err(Status::invalid_argument("a message without content")),
        }
    }

    /// The sensor's next number, held until what has it is handed over.
    async fn lock(&self) -> Result<OwnedMutexGuard<u64>, Status> {
        let next = Arc::clone(&self.place.next).lock_owned().await;
        if self.turn.holds() { Ok(next) } else { Err(taken_over()) }
    }

    async fn take_batch(&mut self, batch: IngestBatch) -> Result<(), Status> {
        let next = self.lock().await?;
        let first = batch.first_sequence;
        if first == 0 || first > *next {
            return Err(gap(*next, first));
        }
        let mut events = Vec::with_capacity(batch.events.len() + 1);
        let mut sequence = first;
        if let Some(lost) = batch.lost.filter(|lost| lost.count > 0) {
            events.push(check::loss(lost, self.name, sequence));
            sequence = following(sequence)?;
        }
        for (at, message) in batch.events.into_iter().enumerate() {
            events.push(check::event(message, self.name, sequence, &format!("events[{at}]"))?);
            sequence = following(sequence)?;
        }
        // What was sent before is on record already, or on its way.
        let known = usize::try_from(*next - first).unwrap_or(usize::MAX).min(events.len());
        events.drain(..known);
        let (last, failure) = self.hand_over(next, events).await?;
        if last > self.handed || failure.is_none() {
            self.handed = self.handed.max(last);
            let committed: Committed = Box::pin(self.parts.journal.committed());
            self.pending.send((self.handed, committed)).await.map_err(|_ended| Status::unavailable("the journal is closed"))?;
        }
        match failure {
            None => Ok(()),
            Some(AppendError::TooLarge { size, max }) => Err(Status::invalid_argument(format!(
                "the event with number {} has {size} bytes, and the journal's intake takes {max}",
                last + 1
            ))),
            Some(AppendError::Closed) => Err(Status::unavailable("the journal is closed")),
            Some(error @ (AppendError::Full | AppendError::Failing { .. } | AppendError::Io { .. })) => {
                Err(cannot_write(&error.to_string()))
            }
        }
    }

    /// Puts events into the intake on a thread that may wait. The number stays locked until that is done, also when the stream ends
    /// meanwhile. Returns the last number that is handed over.
    async fn hand_over(&self, mut next: OwnedMutexGuard<u64>, events: Vec<Event>) -> Result<(u64, Option<AppendError>), Status> {
        let (channel, policy) = (Arc::clone(self.parts.journal.channel()), Arc::clone(&self.parts.policy));
        let counter = metrics().ingested_events.of(self.name);
        let handing = tokio::task::spawn_blocking(move || {
            let decide = |event: &Event| hindsight::decision(event, &policy);
            let (taken, failure) = match channel.take_in_with(&events, decide) {
                Ok(()) => (events.len(), None),
                Err(failed) => (failed.taken, Some(failed.error)),
            };
            let taken = u64::try_from(taken).unwrap_or(0);
            counter.add(taken);
            *next += taken;
            (*next - 1, failure)
        });
        handing.await.map_err(|_panic| Status::internal("handing events over failed"))
    }

    /// Records what the sensor did by itself.
    async fn take_applied(&mut self, said: AppliedVerdict) -> Result<(), Status> {
        let mut next = self.lock().await?;
        if said.sequence == 0 || said.sequence > *next {
            return Err(gap(*next, said.sequence));
        }
        // What was sent before is on record already, or on its way.
        if said.sequence == *next {
            if let Some(reason) = self.parts.journal.failure() {
                return Err(cannot_write(&reason));
            }
            let message = said.operation.clone().ok_or_else(|| Status::invalid_argument("applied.operation: it is missing"))?;
            let operation = check::event(message, self.name, said.sequence, "applied.operation")?;
            check::gated(&operation)?;
            let Applied { judgement, policy_digest } = applied::judgement(&said, &operation, &self.parts.policy)?;
            let channel = Arc::clone(self.parts.journal.channel());
            let recording = tokio::task::spawn_blocking(move || {
                channel.publish_decided(&operation, &judgement, &policy_digest);
                *next += 1;
            });
            recording.await.map_err(|_panic| Status::internal("recording failed"))?;
            metrics().ingested_events.of(self.name).add(1);
            self.handed = said.sequence;
        }
        let committed: Committed = Box::pin(self.parts.journal.committed());
        self.pending.send((self.handed, committed)).await.map_err(|_ended| Status::unavailable("the journal is closed"))
    }

    /// Decides an operation that the sensor holds. It is on record with its decision when the answer goes out (G-1).
    async fn answer(&mut self, question: VerdictRequest) -> Result<(), Status> {
        let mut next = self.lock().await?;
        if question.sequence != *next {
            return Err(gap(*next, question.sequence));
        }
        let message = question.operation.ok_or_else(|| Status::invalid_argument("operation: it is missing"))?;
        let operation = check::event(message, self.name, question.sequence, "operation")?;
        check::gated(&operation)?;
        let (channel, policy) = (Arc::clone(self.parts.journal.channel()), Arc::clone(&self.parts.policy));
        let id = operation.id;
        let deciding = tokio::task::spawn_blocking(move || {
            let judgement = policy.decide(&operation);
            let recorded = channel.gate(&operation, &judgement, &policy);
            if recorded.is_ok() {
                *next += 1;
            }
            (judgement, recorded)
        });
        let (judgement, recorded) = deciding.await.map_err(|_panic| Status::internal("deciding failed"))?;
        let verdict = |judgement: &Judgement| Verdict {
            request_id: question.request_id,
            decision: decision(judgement.decision).into(),
            rule: judgement.rule.as_deref().map(str::to_owned),
            reason: judgement.reason.to_string(),
            event_id: id.to_string(),
            policy_digest: self.parts.policy.digest().to_owned(),
            attack: judgement.attack.iter().map(ToString::to_string).collect(),
        };
        match recorded {
            Ok(()) => {
                metrics().ingested_events.of(self.name).add(1);
                self.handed = question.sequence;
                send(self.answers, Response::Verdict(verdict(&judgement))).await?;
                let committed: Committed = Box::pin(self.parts.journal.committed());
                self.pending.send((self.handed, committed)).await.map_err(|_ended| Status::unavailable("the journal is closed"))
            }
            // Whether the refusal is on record is only known once the journal writes again: the next stream begins with that.
            Err(refused) => {
                let reason = match &refused {
                    GateError::JournalCannotWrite { reason } => format!("the journal cannot write: {reason}"),
                    GateError::IntakeFull => "the recorder cannot keep up and `journal.on_overload` is `deny`".to_owned(),
                };
                let judgement = Judgement::new(event::Decision::Deny, None, reason.as_str());
                send(self.answers, Response::Verdict(verdict(&judgement))).await?;
                Err(Status::unavailable(reason))
            }
        }
    }
}

fn gap(expected: u64, found: u64) -> Status {
    Status::failed_precondition(format!("the next number is {expected}, and this is {found}"))
}

fn following(sequence: u64) -> Result<u64, Status> {
    sequence.checked_add(1).ok_or_else(|| Status::invalid_argument("there are no numbers left"))
}
