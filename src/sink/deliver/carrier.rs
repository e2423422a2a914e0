//! `Carrier`: the loop itself.

mod again;

use std::fs::File;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::net::UnixDatagram;
use tokio::sync::watch;

use super::trouble::Trouble;
use super::{Delivery, Step};
use crate::event::{Kind, SinkRecovered, SinkStalled};
use crate::journal::{Bell, Condition, CursorStore, DeadLetterRow, Page, ReaderStore, StoreError};
use crate::runtime::clock;
use crate::runtime::metrics::{Counter, Gauge, metrics};
use crate::sink::config::Start;
use crate::sink::destination::{DeliverError, Destination, Flush, Refused};

/// How long the loop waits for a ring before it looks by itself, and the longest time without a look at the gauges.
const LOOK: Duration = Duration::from_secs(1);

/// What is asked of the destination.
#[derive(Clone, Copy)]
enum Call<'p> {
    Resume(u64),
    Deliver(&'p Page),
    Flush(Flush),
}

/// Told to end: what was not delivered is delivered after the next start.
struct Told;

pub(super) struct Carrier<D> {
    name: String,
    cursor_name: String,
    destination: D,
    delivery: Delivery,
    conditions: Vec<Condition>,
    reader: ReaderStore,
    cursors: CursorStore,
    stop: watch::Receiver<bool>,
    /// Up to here everything was handed over or passed over by the selection.
    read_to: u64,
    /// The last event that was handed over.
    handed: u64,
    /// Up to here everything is with the peer, or will be a dead letter with the next cursor.
    safe: u64,
    /// What the cursor in the journal says, and when it was written.
    written: u64,
    written_at: Instant,
    dead_letters: Vec<DeadLetterRow>,
    trouble: Option<Trouble>,
    /// The head when the loop was told to end.
    end_at: Option<u64>,
    /// The sink's lock, until its last cursor is written: the next to have it begins there.
    claim: Option<File>,
    /// When it was looked for dead letters that are to be sent again.
    looked_again_at: Instant,
    gauges: Gauges,
}

struct Gauges {
    delivered: Arc<Counter>,
    behind: Arc<Gauge>,
    age: Arc<Gauge>,
    retries: Arc<Counter>,
    dead_letters: Arc<Counter>,
    stalled: Arc<Gauge>,
    looked_at: Option<Instant>,
}

impl Gauges {
    fn of(name: &str) -> Self {
        let all = metrics();
        Self {
            delivered: all.sink_delivered.of(name),
            behind: all.sink_behind.of(name),
            age: all.sink_age.of(name),
            retries: all.sink_retries.of(name),
            dead_letters: all.sink_dead_letters.of(name),
            stalled: all.sink_stalled.of(name),
            looked_at: None,
        }
    }
}

impl<D: Destination> Carrier<D> {
    pub(super) fn new(
        name: &str,
        destination: D,
        delivery: Delivery,
        reader: ReaderStore,
        cursors: CursorStore,
        stop: watch::Receiver<bool>,
    ) -> Self {
        Self {
            name: name.to_owned(),
            cursor_name: format!("sink/{name}"),
            destination,
            conditions: delivery.selection.conditions(),
            delivery,
            reader,
            cursors,
            stop,
            read_to: 0,
            handed: 0,
            safe: 0,
            written: 0,
            written_at: clock::instant(),
            dead_letters: Vec::new(),
            trouble: None,
            end_at: None,
            claim: None,
            looked_again_at: clock::instant(),
            gauges: Gauges::of(name),
        }
    }

    /// Delivers until it is told to end, and then for `close_timeout` at most.
    pub(super) async fn run(mut self, bell: Bell) {
        let rings = match bell.socket().and_then(UnixDatagram::from_std) {
            Ok(rings) => rings,
            Err(error) => {
                tracing::error!(sink = self.name, %error, "the sink has ended: its doorbell cannot be watched");
                return;
            }
        };
        let (mut told, patience) = (self.stop.clone(), self.delivery.config.close_timeout());
        let late = async move {
            // The sender is dropped without a word only with the whole process.
            // What it answers holds a lock on the watch: it must not outlive the line.
            drop(told.wait_for(|stop| *stop).await);
            tokio::time::sleep(patience).await;
        };
        tokio::select! {
            _told = self.deliver_until_told(&rings) => {}
            () = late => tracing::warn!(sink = self.name, "the sink was cut off before everything was delivered"),
        }
        if let Err(error) = self.write_cursor() {
            tracing::warn!(sink = self.name, %error, "the sink's last cursor could not be written; some events may be delivered twice");
        }
        self.look();
    }

    async fn deliver_until_told(&mut self, rings: &UnixDatagram) -> Result<(), Told> {
        self.claim = self.claim().await?;
        self.resume().await?;
        let mut page = Page::default();
        loop {
            let head = self.read(&mut page).await?;
            if *self.stop.borrow() && self.end_at.is_none() {
                self.end_at = Some(head);
            }
            if page.is_empty() {
                self.read_to = self.read_to.max(head);
                self.safe = self.insist(Call::Flush(Flush::Idle)).await?;
                self.keep_cursor().await?;
            } else {
                self.at(Step::Read);
                let safe = self.insist(Call::Deliver(&page)).await?;
                self.at(Step::Delivered);
                let last = page.last_seq().unwrap_or(self.read_to);
                (self.handed, self.read_to, self.safe) = (last, last, safe);
                self.keep_cursor().await?;
            }
            if self.end_at.is_some_and(|end| self.read_to >= end) {
                break;
            }
            if page.is_empty() || clock::instant().saturating_duration_since(self.looked_again_at) >= LOOK {
                self.send_again().await;
            }
            if page.is_empty() && self.end_at.is_none() {
                self.wait(rings).await;
            }
        }
        self.safe = self.insist(Call::Flush(Flush::Close)).await?;
        Ok(())
    }

    /// Waits until no other process delivers to this sink.
    async fn claim(&mut self) -> Result<Option<File>, Told> {
        let mut said = false;
        loop {
            match self.delivery.data_dir.claim_reader(&self.name) {
                Ok(Some(claim)) => return Ok(Some(claim)),
                Ok(None) if !said => {
                    tracing::warn!(sink = self.name, "another process delivers to this sink; waiting for it to end")
                }
                Ok(None) => {}
                // A folder that cannot hold a lock must not keep evidence from leaving the machine.
                Err(error) => {
                    tracing::warn!(sink = self.name, %error, "the sink cannot be claimed; see that one process delivers to it");
                    return Ok(None);
                }
            }
            said = true;
            self.pause(LOOK).await?;
        }
    }

    /// Finds the place to go on at.
    async fn resume(&mut self) -> Result<(), Told> {
        let (cursor, head) = loop {
            let found = self.cursors.get(&self.cursor_name).and_then(|cursor| Ok((cursor, self.reader.head()?)));
            match found.and_then(|found| Ok((found, self.told_before()?))) {
                Ok((found, told)) => {
                    self.gauges.stalled.set(u64::from(told.is_some()));
                    self.trouble = told;
                    break found;
                }
                Err(error) => self.failed(unreadable(&error)).await?,
            }
        };
        self.written = cursor.unwrap_or(0);
        let begin = match (cursor, self.delivery.selection.start) {
            (Some(cursor), _) => cursor,
            (None, Start::First) => 0,
            (None, Start::Now) => head,
        };
        loop {
            let position = self.insist(Call::Resume(begin)).await?;
            let head = self.reader.head().unwrap_or(head);
            if position <= head {
                (self.read_to, self.handed, self.safe) = (position, position, position);
                break;
            }
            let reason = format!(
                "it says that it has events up to seq {position}, and this journal ends at {head}: it belongs to another journal; \
                 give the sink another place"
            );
            self.failed(DeliverError::Misconfigured { reason }).await?;
        }
        self.keep_cursor().await
    }

    /// The stall that the journal's last word on this sink is: its end is still to be told.
    fn told_before(&self) -> Result<Option<Trouble>, StoreError> {
        let mut since = None;
        let kinds = [Condition::Kinds(vec![Kind::SinkStalled, Kind::SinkRecovered])];
        self.reader.rows::<StoreError>(0, &kinds, None, |row| {
            if row.columns.subject == Some(self.name.as_str()) {
                since = (row.columns.kind == Kind::SinkStalled.as_str()).then_some(row.columns.time_us);
            }
            Ok(ControlFlow::Continue(()))
        })?;
        let ago = |since: i64| u64::try_from(clock::now().as_micros().saturating_sub(since)).unwrap_or(0);
        Ok(since.map(|since| Trouble::told(Duration::from_micros(ago(since)))))
    }

    /// Reads the next page; returns the head from before.
    async fn read(&mut self, page: &mut Page) -> Result<u64, Told> {
        loop {
            let read = self.reader.head().and_then(|head| {
                self.reader.page(self.read_to, &self.conditions, self.delivery.config.page_events, page)?;
                Ok(head)
            });
            match read {
                Ok(head) => {
                    self.look();
                    return Ok(head);
                }
                Err(error) => self.failed(unreadable(&error)).await?,
            }
        }
    }

    /// Asks until the destination does it; returns the safe seq.
    async fn insist(&mut self, call: Call<'_>) -> Result<u64, Told> {
        let mut failed_here = false;
        loop {
            let answer = match call {
                Call::Resume(cursor) => self.destination.resume(cursor).await,
                Call::Deliver(page) => self.destination.deliver(page).await,
                Call::Flush(why) => self.destination.flush(why).await,
            };
            let (safe, refused) = match answer {
                Ok(safe) => (safe, Vec::new()),
                Err(DeliverError::Refused { refused, safe }) => (safe, refused),
                Err(error @ (DeliverError::Unavailable { .. } | DeliverError::Misconfigured { .. })) => {
                    failed_here = true;
                    self.failed(error).await?;
                    continue;
                }
            };
            if let Call::Deliver(page) = call {
                let count = page.len().saturating_sub(refused.len());
                self.gauges.delivered.add(u64::try_from(count).unwrap_or(u64::MAX));
            }
            self.bury(refused);
            // Having a place to begin at is not delivering, unless it was what failed. Nor is having taken events that are not safe yet:
            // a peer that takes and drops again and again never delivers.
            let delivers = match call {
                Call::Resume(_) => failed_here,
                Call::Deliver(page) => safe > self.safe || page.last_seq().is_none_or(|last| safe >= last),
                Call::Flush(_) => safe > self.safe || safe >= self.handed,
            };
            if delivers {
                self.recovered();
            }
            return Ok(safe);
        }
    }

    fn bury(&mut self, refused: Vec<Refused>) {
        let attempts = u64::from(self.trouble.as_ref().map_or(0, |trouble| trouble.attempts)) + 1;
        self.gauges.dead_letters.add(u64::try_from(refused.len()).unwrap_or(u64::MAX));
        let time_us = clock::now().as_micros();
        for Refused { seq, reason } in refused {
            tracing::warn!(sink = self.name, seq, reason, "an event was refused and is kept as a dead letter");
            self.dead_letters.push(DeadLetterRow { sink: self.name.clone(), seq, time_us, attempts, reason });
        }
    }

    /// Counts a failure, tells of the stall when it is one, and waits.
    async fn failed(&mut self, error: DeliverError) -> Result<(), Told> {
        let (reason, asked, hopeless) = match error {
            DeliverError::Unavailable { reason, retry_after } => (reason, retry_after, false),
            DeliverError::Misconfigured { reason } => (reason, Some(self.delivery.config.retry_max.duration()), true),
            DeliverError::Refused { .. } => return Ok(()),
        };
        self.gauges.retries.add(1);
        let trouble = self.trouble.get_or_insert_with(Trouble::new);
        trouble.attempts = trouble.attempts.saturating_add(1);
        if trouble.attempts == 1 {
            tracing::info!(sink = self.name, reason, "the sink cannot deliver; it is tried again");
        }
        let end = clock::instant() + trouble.delay(&self.delivery.config, asked);
        loop {
            self.stalled(&reason, hopeless);
            self.look();
            let left = end.saturating_duration_since(clock::instant());
            if left.is_zero() {
                return Ok(());
            }
            self.pause(left.min(LOOK)).await?;
        }
    }

    /// Says once that the sink is stalled, when it is.
    fn stalled(&mut self, reason: &str, hopeless: bool) {
        let Some(trouble) = &mut self.trouble else { return };
        if trouble.stalled || !(hopeless || trouble.lasted() >= self.delivery.config.stalled_after.duration()) {
            return;
        }
        trouble.stalled = true;
        self.gauges.stalled.set(1);
        tracing::warn!(sink = self.name, reason, "the sink is stalled");
        let (sink, delivered) = (self.name.clone(), self.cursor());
        (self.delivery.report)(SinkStalled { sink, delivered, reason: reason.to_owned() }.into());
    }

    fn recovered(&mut self) {
        let Some(trouble) = self.trouble.take() else { return };
        if trouble.stalled {
            self.gauges.stalled.set(0);
            let stalled_us = u64::try_from(trouble.lasted().as_micros()).unwrap_or(u64::MAX);
            tracing::warn!(sink = self.name, stalled_us, "the sink delivers again");
            let (sink, delivered) = (self.name.clone(), self.cursor());
            (self.delivery.report)(SinkRecovered { sink, delivered, stalled_us }.into());
        }
    }

    /// Waits, unless the loop is told to end.
    async fn pause(&mut self, delay: Duration) -> Result<(), Told> {
        match tokio::time::timeout(delay, self.stop.wait_for(|stop| *stop)).await {
            Err(_elapsed) => Ok(()),
            Ok(_told_or_gone) => Err(Told),
        }
    }

    /// Waits for a commit, for the end, or for the time to write the cursor.
    async fn wait(&mut self, rings: &UnixDatagram) {
        let due = self.delivery.config.cursor_interval.duration().saturating_sub(self.since_written());
        let patience = if self.cursor() > self.written { due.min(LOOK) } else { LOOK };
        let mut byte = [0];
        tokio::select! {
            rung = rings.recv(&mut byte) => {
                if rung.is_err() {
                    // A bell that cannot be heard: the loop looks by itself.
                    tokio::time::sleep(patience).await;
                }
                // Those that have piled up.
                while rings.try_recv(&mut byte).is_ok() {}
            }
            _told_or_gone = self.stop.wait_for(|stop| *stop) => {}
            () = tokio::time::sleep(patience) => {}
        }
    }

    /// Everything up to here is done with: what the selection passed over is, once all that was handed over is safe.
    fn cursor(&self) -> u64 {
        if self.safe >= self.handed { self.read_to.max(self.safe) } else { self.safe }
    }

    fn since_written(&self) -> Duration {
        clock::instant().saturating_duration_since(self.written_at)
    }

    /// Writes the cursor when it is time. Dead letters are written at once: the loop goes on only when they are kept.
    async fn keep_cursor(&mut self) -> Result<(), Told> {
        if self.dead_letters.is_empty() {
            if self.cursor() > self.written
                && self.since_written() >= self.delivery.config.cursor_interval.duration()
                && let Err(error) = self.write_cursor()
            {
                // It is written with the next ones; a kill before that delivers more than once.
                tracing::info!(sink = self.name, %error, "the sink's cursor could not be written");
                self.written_at = clock::instant();
            }
            return Ok(());
        }
        while let Err(error) = self.write_cursor() {
            let reason = format!("dead letters cannot be kept: {error}");
            self.failed(DeliverError::Unavailable { reason, retry_after: None }).await?;
        }
        self.recovered();
        Ok(())
    }

    fn write_cursor(&mut self) -> Result<(), StoreError> {
        let cursor = self.cursor();
        if cursor <= self.written && self.dead_letters.is_empty() {
            return Ok(());
        }
        self.at(Step::BeforeCursor);
        self.cursors.advance(&self.cursor_name, cursor, &self.dead_letters)?;
        self.at(Step::AfterCursor);
        self.dead_letters.clear();
        (self.written, self.written_at) = (cursor, clock::instant());
        Ok(())
    }

    fn at(&self, step: Step) {
        if let Some(at) = &self.delivery.at {
            at(step);
        }
    }

    /// Sets the gauges. While something is behind, how much is looked at with each page, so that it falls to nothing at once; how old it is
    /// costs a read, and is looked at once a second.
    fn look(&mut self) {
        let recent = self.gauges.looked_at.is_some_and(|at| clock::instant().saturating_duration_since(at) < LOOK);
        let cursor = self.cursor();
        if recent && self.gauges.behind.get() == 0 && self.trouble.is_none() {
            return;
        }
        let Ok(head) = self.reader.head() else { return };
        self.gauges.behind.set(head.saturating_sub(cursor));
        if head <= cursor {
            self.gauges.age.set(0);
        } else if !recent {
            let mut oldest = None;
            let mut page = Page::default();
            if self.reader.page(cursor, &self.conditions, 1, &mut page).is_ok() {
                oldest = page.iter().next().and_then(Result::ok).map(|row| row.columns.time_us);
            }
            let age = oldest.map_or(0, |oldest| clock::now().as_micros().saturating_sub(oldest) / 1_000_000);
            self.gauges.age.set(u64::try_from(age).unwrap_or(0));
        }
        if !recent {
            self.gauges.looked_at = Some(clock::instant());
        }
    }
}

fn unreadable(error: &StoreError) -> DeliverError {
    DeliverError::Unavailable { reason: format!("the journal cannot be read: {error}"), retry_after: None }
}
