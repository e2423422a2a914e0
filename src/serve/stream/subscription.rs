//! One subscriber: a position in the journal, and what it has asked for.
//!
//! It is asked for the next message when the connection can take one, so that a slow client is a position that does not move: it holds
//! the one message that its connection has not taken, and delays nobody.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::watch;

use super::batch::Batch;
use super::block::{Block, Gap, Step};
use super::consumers::{Held, Leave, Lost};
use super::ending::Ending;
use super::error::StreamsError;
use super::history::History;
use super::limits::Limits;
use super::pending::Pending;
use super::ring::{Ring, State};
use crate::encode::proto::stream_end::Reason;
use crate::encode::proto::subscribe_response::Message;
use crate::encode::proto::{BatchMarks, EncodedResponse, EventsMissing, Heartbeat, Mask, StreamEnd, SubscribeResponse};
use crate::query::Matcher;
use crate::runtime::clock;
use crate::runtime::metrics::metrics;

/// Rows that a filter looks at before others may run.
const SLICE: usize = 256;

/// How long an event waits while a filter looks for more.
const PATIENCE: Duration = Duration::from_millis(20);

/// What a stream was opened with.
pub(super) struct Wishes {
    pub(super) matcher: Matcher,
    pub(super) mask: Mask,
    pub(super) batch_events: u64,
    pub(super) linger: Duration,
    pub(super) heartbeat: Duration,
    pub(super) ending: Option<Ending>,
    /// The journal's last event when the stream began, where it is to end there.
    pub(super) end_at: Option<u64>,
}

/// A stream of the journal.
pub struct Subscription {
    ring: Arc<Ring>,
    history: Arc<History>,
    limits: Limits,
    state: watch::Receiver<State>,
    wishes: Wishes,
    held: Option<Held>,
    /// Everything up to here was looked at, and is in the batch or was handed over.
    position: u64,
    /// Everything up to here was handed over.
    sent: u64,
    block: Option<Arc<Block>>,
    batch: Batch,
    gap: Option<Gap>,
    queue: VecDeque<EncodedResponse>,
    heartbeat_at: Instant,
    ended: bool,
}

/// How far a step came.
enum Progress {
    /// There may be more.
    More,
    /// The batch is to be handed over before anything else.
    Full,
    /// There is nothing new.
    AtHead,
}

impl Subscription {
    pub(super) fn new(
        ring: Arc<Ring>,
        history: Arc<History>,
        limits: Limits,
        wishes: Wishes,
        held: Option<Held>,
        position: u64,
    ) -> Self {
        if wishes.is_plain() {
            ring.plain.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        }
        metrics().subscribers.add(1);
        Self {
            state: ring.watch(),
            heartbeat_at: clock::instant() + wishes.heartbeat,
            ring,
            history,
            limits,
            wishes,
            held,
            position,
            sent: position,
            block: None,
            batch: Batch::default(),
            gap: None,
            queue: VecDeque::new(),
            ended: false,
        }
    }

    /// The next message, when there is one; `None` when the stream is at its end.
    ///
    /// # Errors
    /// [`StreamsError`] when the journal cannot be read; the stream is at its end then.
    pub async fn next(&mut self) -> Option<Result<EncodedResponse, StreamsError>> {
        match self.advance().await {
            Ok(message) => message.map(Ok),
            Err(error) => {
                self.ended = true;
                Some(Err(error))
            }
        }
    }

    async fn advance(&mut self) -> Result<Option<EncodedResponse>, StreamsError> {
        loop {
            if let Some(message) = self.queue.pop_front() {
                return Ok(Some(message));
            }
            if self.ended {
                return Ok(None);
            }
            let ended = self.state.borrow_and_update().ended;
            let leave = match self.leave() {
                Ok(leave) => leave,
                Err(lost) => {
                    self.lose(lost);
                    continue;
                }
            };
            if ended {
                self.flush();
                self.end(Reason::Shutdown);
                continue;
            }
            if self.wishes.ending.as_ref().is_some_and(|ending| ending.is_over(self.position)) {
                self.flush();
                self.end(Reason::SessionEnded);
                continue;
            }
            if leave.is_some_and(|leave| (leave.paused && self.batch.is_empty()) || leave.room <= self.batch.count) {
                self.flush();
                self.wait(leave, None).await;
                continue;
            }
            let room = leave.map_or(u64::MAX, |leave| leave.room);
            match self.step(room.min(self.wishes.batch_events)).await? {
                Progress::Full => self.flush(),
                Progress::More => {
                    if self.batch.since.is_some_and(|since| clock::instant() >= since + self.wishes.linger.max(PATIENCE)) {
                        self.flush();
                    } else if clock::instant() >= self.heartbeat_at {
                        self.beat(leave);
                    } else {
                        tokio::task::consume_budget().await;
                    }
                }
                Progress::AtHead => self.at_head(leave).await,
            }
        }
    }

    /// Everything was looked at.
    async fn at_head(&mut self, leave: Option<Leave>) {
        if let Some(since) = self.batch.since {
            let due = since + self.wishes.linger;
            if self.wishes.linger.is_zero() || clock::instant() >= due {
                self.flush();
            } else {
                self.wait(leave, Some(due)).await;
            }
            return;
        }
        if let Some(gap) = self.gap.take() {
            self.tell_gap(gap);
        } else if self.wishes.end_at.is_some_and(|head| self.position >= head) {
            self.end(Reason::HeadReached);
        } else {
            self.wait(leave, None).await;
        }
    }

    /// Waits for something to change, until `due` or until a heartbeat is due, which is queued then.
    async fn wait(&mut self, leave: Option<Leave>, due: Option<Instant>) {
        if !self.queue.is_empty() {
            return;
        }
        let until = due.map_or(self.heartbeat_at, |due| due.min(self.heartbeat_at));
        let changed = async {
            match &mut self.held {
                Some(held) => held.changed.changed().await.is_ok(),
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = self.state.changed() => {}
            _ = changed => {}
            () = tokio::time::sleep_until(until.into()) => {}
        }
        if clock::instant() >= self.heartbeat_at {
            self.beat(leave);
        }
    }

    /// Looks at some more of the journal.
    async fn step(&mut self, most: u64) -> Result<Progress, StreamsError> {
        let position = self.position;
        let kept = self.block.take().filter(|block| block.after <= position && position < block.through);
        let block = match kept {
            Some(block) => block,
            None => match self.find().await? {
                Some(block) => block,
                None => return Ok(Progress::AtHead),
            },
        };
        let progress = match block.step(position) {
            Step::End => {
                self.position = block.through;
                Progress::More
            }
            Step::Gap(_) if !self.batch.is_empty() => Progress::Full,
            Step::Gap(gap) => {
                self.position = gap.to;
                match &mut self.gap {
                    Some(before) if before.to + 1 == gap.from && before.reason == gap.reason => before.to = gap.to,
                    _ => {
                        if let Some(before) = self.gap.replace(gap) {
                            self.tell_gap(before);
                        }
                    }
                }
                Progress::More
            }
            Step::Rows(rows) => {
                if let Some(gap) = self.gap.take() {
                    self.tell_gap(gap);
                }
                self.rows(&block, rows, most)
            }
        };
        if self.position < block.through && self.queue.is_empty() {
            self.block = Some(block);
        }
        Ok(progress)
    }

    /// The block behind the position: of what is new, or else of history.
    async fn find(&self) -> Result<Option<Arc<Block>>, StreamsError> {
        if let Some(block) = self.ring.block(self.position) {
            metrics().stream_blocks.of("live").add(1);
            return Ok(Some(block));
        }
        if !self.ring.is_history(self.position) {
            return Ok(None);
        }
        let plain = self.wishes.is_plain();
        let block = self.history.block(self.position, plain).await?;
        if let Some(block) = &block {
            self.history.ahead(block, plain);
        }
        Ok(block)
    }

    /// Takes what is wanted of some rows without a gap.
    fn rows(&mut self, block: &Block, rows: std::ops::Range<usize>, most: u64) -> Progress {
        let before = self.held.as_ref().map_or(0, Held::delivered_before);
        let first = block.seq(rows.start);
        let again = first <= before;
        if !self.batch.is_empty() && self.batch.redelivered != again {
            return Progress::Full;
        }
        self.batch.redelivered = again;
        let left = usize::try_from(most.saturating_sub(self.batch.count)).unwrap_or(usize::MAX);
        let budget = self.limits.batch_bytes.saturating_sub(self.batch.bytes());
        if left == 0 || budget == 0 {
            return Progress::Full;
        }
        // What was not sent before goes into another batch.
        let alike = if again { usize::try_from(before - first + 1).unwrap_or(usize::MAX) } else { usize::MAX };
        let rows = rows.start..rows.end.min(rows.start.saturating_add(alike));
        if self.wishes.is_plain() {
            let end = block.rows_within(rows.start..rows.end.min(rows.start.saturating_add(left)), budget);
            self.batch.add_run(block, rows.start..end);
            self.position = block.seq(end - 1);
        } else {
            self.choose(block, rows, most);
        }
        Progress::More
    }

    /// Takes the rows that match, until the batch is full or others should run.
    fn choose(&mut self, block: &Block, rows: std::ops::Range<usize>, most: u64) {
        for row in rows.take(SLICE) {
            let seq = block.seq(row);
            if let Some(columns) = block.columns(row) {
                if self.batch.count >= most || self.batch.bytes() >= self.limits.batch_bytes {
                    return;
                }
                if self.wishes.matcher.matches(seq, &columns, || block.columns_behind(row)) {
                    self.batch.add(block, row, &columns, &self.wishes.mask);
                }
                if let Some(ending) = &mut self.wishes.ending {
                    ending.saw(seq, &columns);
                }
            }
            self.position = seq;
            if self.wishes.ending.as_ref().is_some_and(|ending| ending.is_over(seq)) {
                return;
            }
        }
    }

    /// What the consumer allows.
    fn leave(&mut self) -> Result<Option<Leave>, Lost> {
        let Some(held) = &mut self.held else { return Ok(None) };
        held.changed.borrow_and_update();
        held.leave().map(Some)
    }

    fn head(&self) -> u64 {
        self.ring.head().max(self.position)
    }

    /// Queues the batch, if there is one.
    fn flush(&mut self) {
        if self.batch.is_empty() {
            return;
        }
        let head = self.head();
        if let Some(held) = &self.held
            && let Err(lost) = held.deliver(&self.batch.pending, self.position)
        {
            self.lose(lost);
            return;
        }
        metrics().stream_batches.add(1);
        metrics().stream_events.add(self.batch.count);
        let marks = BatchMarks { through_seq: self.position, head_seq: head, redelivered: self.batch.redelivered };
        let message = self.batch.take(marks);
        self.sent = self.position;
        self.push(message);
    }

    fn tell_gap(&mut self, gap: Gap) {
        let missing = EventsMissing { from_seq: gap.from, to_seq: gap.to, reason: gap.reason.as_ref().to_owned() };
        self.sent = gap.to;
        self.say(Message::EventsLost(missing));
    }

    fn beat(&mut self, leave: Option<Leave>) {
        let head = self.head();
        if self.batch.is_empty() && self.gap.is_none() {
            self.sent = self.position;
            if let Some(held) = &self.held
                && let Err(lost) = held.deliver(&Pending::default(), self.position)
            {
                self.lose(lost);
                return;
            }
        }
        self.say(Message::Heartbeat(Heartbeat {
            through_seq: self.sent,
            head_seq: head,
            time_us: clock::now().as_micros(),
            paused: leave.is_some_and(|leave| leave.paused),
            ack_pending: leave.map_or(0, |leave| leave.pending),
        }));
    }

    fn lose(&mut self, lost: Lost) {
        self.batch.clear();
        self.gap = None;
        self.position = self.sent;
        self.end(match lost {
            Lost::Taken => Reason::ConsumerTaken,
            Lost::Changed => Reason::ConsumerChanged,
        });
    }

    fn end(&mut self, reason: Reason) {
        if !self.ended {
            if let Some(gap) = self.gap.take() {
                self.tell_gap(gap);
            }
            self.ended = true;
            let through_seq = self.position;
            self.say(Message::End(StreamEnd { reason: reason.into(), through_seq }));
        }
    }

    fn say(&mut self, message: Message) {
        self.push(EncodedResponse::of(&SubscribeResponse { message: Some(message) }));
    }

    fn push(&mut self, message: EncodedResponse) {
        // Who does not take the message keeps nothing else alive.
        self.block = None;
        self.heartbeat_at = clock::instant() + self.wishes.heartbeat;
        self.queue.push_back(message);
    }
}

impl Wishes {
    /// Whether events are sent as they are, all of them.
    fn is_plain(&self) -> bool {
        self.matcher.is_all() && self.mask.is_all() && self.ending.is_none()
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        if self.wishes.is_plain() {
            self.ring.plain.fetch_sub(1, std::sync::atomic::Ordering::Relaxed);
        }
        metrics().subscribers.add(-1);
    }
}
