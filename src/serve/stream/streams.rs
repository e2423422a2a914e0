//! `Streams`: the one reader of a process, its subscribers, and their named places.

use std::sync::Arc;
use std::time::Duration;

use super::acks::AckWriter;
use super::consumers::{Asker, ConsumerUpdate, ConsumerView, Consumers};
use super::ending::Ending;
use super::error::StreamsError;
use super::history::History;
use super::limits::Limits;
use super::page::{PageRequest, read_page};
use super::ring::Ring;
use super::subscription::{Subscription, Wishes};
use crate::encode::proto::{EncodedResponse, Mask};
use crate::journal::{ConsumerStore, DataDir, ReaderStore};
use crate::query::Matcher;

/// Shortest time between two heartbeats that a subscriber may ask for.
const SHORTEST_HEARTBEAT: Duration = Duration::from_millis(50);

/// Longest time that a subscriber may have events wait for more.
const LONGEST_LINGER: Duration = Duration::from_secs(60);

/// Where a stream begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// Behind this position.
    After(u64),
    /// With the first event that is kept.
    Beginning,
    /// With what is committed from now on.
    Now,
    /// With the first event that was seen at or after this time, µs since 1970.
    Since(i64),
}

/// A consumer that a stream reads for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ForConsumer {
    /// Its name.
    pub name: String,
    /// Events that may be delivered and not acknowledged; 0 leaves it as it is.
    pub max_ack_pending: u32,
}

/// What a subscriber asks for. 0 takes the default of [`Limits`].
#[derive(Debug)]
pub struct StreamRequest {
    /// Where to begin; for a consumer that exists, where it stands counts and this does not.
    pub start: Option<Start>,
    /// Which events.
    pub matcher: Matcher,
    /// Which of their fields.
    pub mask: Mask,
    /// The consumer whose place is kept.
    pub consumer: Option<ForConsumer>,
    /// Who asks.
    pub asker: Asker,
    /// Most events of a batch.
    pub max_batch_events: u32,
    /// How long an event may wait for more, in milliseconds.
    pub linger_ms: u32,
    /// Longest silence, in milliseconds.
    pub heartbeat_ms: u32,
    /// End when these sessions have ended.
    pub end_with: Option<Vec<String>>,
    /// End at the journal's head.
    pub end_at_head: bool,
}

/// The streams of one journal.
pub struct Streams {
    ring: Arc<Ring>,
    history: Arc<History>,
    consumers: Arc<Consumers>,
    limits: Limits,
}

impl Streams {
    /// Starts the reader of the journal in a data directory.
    ///
    /// # Errors
    /// [`StreamsError`] when there is no journal, or it cannot be read.
    pub fn start(data_dir: &DataDir, limits: Limits) -> Result<Arc<Self>, StreamsError> {
        let path = data_dir.journal();
        let ring = Ring::start(data_dir, limits)?;
        let history = Arc::new(History::new(path.clone(), limits));
        let rows = ReaderStore::open(&path)?.consumers()?;
        let (writer, jobs) = AckWriter::new();
        let consumers = Arc::new(Consumers::new(rows, writer, limits));
        let this = Arc::new(Self { ring, history, consumers, limits });
        jobs.start(ConsumerStore::open(&path)?, Arc::downgrade(&this.consumers), Arc::clone(&this.ring), limits.ack_interval)?;
        Ok(this)
    }

    /// `seq` of the last event that subscribers can have.
    #[must_use]
    pub fn head(&self) -> u64 {
        self.ring.head()
    }

    /// Blocks of history that were read from the journal so far, for whoever wanted them.
    #[must_use]
    pub fn blocks_read(&self) -> u64 {
        self.history.reads()
    }

    /// Ends every stream with its place; new ones are refused.
    pub fn shut_down(&self) {
        self.ring.shut_down();
    }

    /// Opens a stream.
    ///
    /// # Errors
    /// [`StreamsError`]: what was asked for cannot be had.
    pub async fn subscribe(&self, request: StreamRequest) -> Result<Subscription, StreamsError> {
        if self.ring.watch().borrow().ended {
            return Err(StreamsError::Ended);
        }
        let batch_events = self.batch_events(request.max_batch_events)?;
        let kept = match &request.consumer {
            Some(consumer) => self.consumers.find(&consumer.name, &request.asker)?,
            None => None,
        };
        let start = match (kept, request.start) {
            (Some(acked), _) => Start::After(acked),
            (None, Some(start)) => start,
            // A consumer that is new and says nothing misses nothing.
            (None, None) if request.consumer.is_some() => Start::Beginning,
            (None, None) => return Err(StreamsError::NoStart),
        };
        if request.end_with.as_ref().is_some_and(Vec::is_empty) {
            return Err(StreamsError::NoSession);
        }
        let sessions = request.end_with;
        let look = move |store: &ReaderStore| {
            let ending = sessions.map(|sessions| Ending::of(store, &sessions)).transpose()?;
            let (position, head) = begin(store, start)?;
            Ok((position, head, ending))
        };
        let (mut position, head, ending) = match start {
            Start::Since(_) => self.history.search(look).await?,
            Start::After(_) | Start::Beginning | Start::Now => self.history.read(look).await?,
        };
        let held = match &request.consumer {
            Some(consumer) => {
                let held = self.consumers.hold(&consumer.name, &request.asker, position, consumer.max_ack_pending).await?;
                position = held.acked;
                Some(held)
            }
            None => None,
        };
        let millis = |given: u32, default: Duration| {
            if given == 0 { default } else { Duration::from_millis(given.into()) }
        };
        let wishes = Wishes {
            matcher: request.matcher,
            mask: request.mask,
            batch_events,
            linger: millis(request.linger_ms, Duration::ZERO).min(LONGEST_LINGER),
            heartbeat: millis(request.heartbeat_ms, self.limits.heartbeat).max(SHORTEST_HEARTBEAT),
            ending,
            end_at: request.end_at_head.then_some(head),
        };
        Ok(Subscription::new(Arc::clone(&self.ring), Arc::clone(&self.history), self.limits, wishes, held, position))
    }

    fn batch_events(&self, asked: u32) -> Result<u64, StreamsError> {
        let most = self.limits.most_batch_events as u64;
        match u64::from(asked) {
            0 => Ok(self.limits.batch_events as u64),
            asked if asked > most => Err(StreamsError::TooLarge { field: "max_batch_events", asked, most }),
            asked => Ok(asked),
        }
    }

    /// Acknowledges; answers with the place that is on record.
    ///
    /// # Errors
    /// [`StreamsError`].
    pub async fn ack(&self, consumer: &str, asker: &Asker, seq: u64) -> Result<u64, StreamsError> {
        self.consumers.ack(consumer, asker, seq).await
    }

    /// The consumers that the asker may see, by name.
    #[must_use]
    pub fn consumers(&self, asker: &Asker) -> Vec<ConsumerView> {
        self.consumers.list(asker)
    }

    /// Pauses, resumes, moves or deletes a consumer; `None` once it is deleted.
    ///
    /// # Errors
    /// [`StreamsError`].
    pub async fn update_consumer(
        &self,
        name: &str,
        asker: &Asker,
        update: ConsumerUpdate,
    ) -> Result<Option<ConsumerView>, StreamsError> {
        if let Some(place) = update.reset_to {
            // It must be a place that can be read from.
            self.history.read(move |store| begin(store, Start::After(place)).map(drop)).await?;
        }
        self.consumers.update(name, asker, update).await
    }

    /// One page of events.
    ///
    /// # Errors
    /// [`StreamsError`].
    pub async fn page(&self, mut request: PageRequest) -> Result<EncodedResponse, StreamsError> {
        let most = self.limits.most_page_events;
        if request.limit > most {
            return Err(StreamsError::TooLarge { field: "limit", asked: request.limit.into(), most: most.into() });
        }
        if request.limit == 0 {
            request.limit = self.limits.page_events;
        }
        let bytes = self.limits.page_bytes;
        self.history.search(move |store| read_page(store, &request, bytes)).await
    }
}

impl Drop for Streams {
    fn drop(&mut self) {
        // Nobody reads for them any more.
        self.ring.shut_down();
        self.ring.stop();
    }
}

/// The position behind which a stream begins, and the journal's last `seq`.
fn begin(store: &ReaderStore, start: Start) -> Result<(u64, u64), StreamsError> {
    let (first, head) = (store.first()?, store.head()?);
    let before_first = first.saturating_sub(1);
    let position = match start {
        Start::Beginning => before_first,
        Start::Now => head,
        Start::Since(time_us) => store.first_since(time_us)?.map_or(head, |seq| seq - 1),
        Start::After(asked) if asked > head => return Err(StreamsError::Future { asked, head }),
        // 0 is the beginning, whatever that is.
        Start::After(0) => before_first,
        Start::After(asked) if asked < before_first => return Err(StreamsError::Expired { asked, first }),
        Start::After(asked) => asked,
    };
    Ok((position, head))
}
