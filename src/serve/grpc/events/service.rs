//! `EventsApi`: the service, each call of which is handed to the part that does it.

use std::sync::Arc;

use futures_util::stream;
use tonic::{Request, Response, Status, Streaming, async_trait};

use super::filter;
use super::status::status;
use crate::encode::proto::subscribe_request::Start as Asked;
use crate::encode::proto::{
    AckRequest, AckResponse, Consumer, EncodedResponse, IngestRequest, IngestResponse, ListConsumersRequest,
    ListConsumersResponse, QueryRequest, SubscribeRequest, UpdateConsumerRequest, UpdateConsumerResponse,
};
use crate::query::{Filter, Matcher};
use crate::serve::grpc::event_service_server::EventService;
use crate::serve::grpc::seam::{BoxStream, Caller, IngestHandler};
use crate::serve::stream::{
    Asker, ConsumerUpdate, ConsumerView, ForConsumer, PageRequest, Start, StreamRequest, Streams, Subscription,
};

/// `EventService` over the streams of one journal.
#[derive(Clone)]
pub struct EventsApi {
    streams: Arc<Streams>,
    ingest: Arc<dyn IngestHandler>,
}

impl EventsApi {
    /// The service over `streams`; `ingest` takes what sensors bring.
    #[must_use]
    pub fn new(streams: Arc<Streams>, ingest: Arc<dyn IngestHandler>) -> Self {
        Self { streams, ingest }
    }

    fn consumer(&self, view: ConsumerView) -> Consumer {
        Consumer {
            behind: self.streams.head().saturating_sub(view.row.acked),
            name: view.row.name,
            acked_seq: view.row.acked,
            paused: view.row.paused,
            max_ack_pending: view.row.max_ack_pending,
            owner: view.row.owner.unwrap_or_default(),
            created_us: view.row.created_us,
            updated_us: view.row.updated_us,
            connected: view.connected,
        }
    }
}

/// Who asks. Without keys nobody is told apart.
fn asker<T>(request: &Request<T>) -> Asker {
    match request.extensions().get::<Caller>() {
        Some(caller) => Asker { name: caller.name.clone(), all: caller.admin },
        None => Asker { name: None, all: true },
    }
}

fn start(asked: Asked) -> Result<Start, Status> {
    match asked {
        Asked::AfterSeq(seq) => Ok(Start::After(seq)),
        Asked::FromStart(true) => Ok(Start::Beginning),
        Asked::FromNow(true) => Ok(Start::Now),
        Asked::SinceUs(time_us) => Ok(Start::Since(time_us)),
        Asked::FromStart(false) => Err(Status::invalid_argument("from_start is set to false: say where to begin instead")),
        Asked::FromNow(false) => Err(Status::invalid_argument("from_now is set to false: say where to begin instead")),
    }
}

fn messages(subscription: Subscription) -> BoxStream<EncodedResponse> {
    Box::pin(stream::unfold(subscription, |mut subscription| async {
        let message = subscription.next().await?;
        Some((message.map_err(|error| status(&error)), subscription))
    }))
}

#[async_trait]
impl EventService for EventsApi {
    type SubscribeStream = BoxStream<EncodedResponse>;
    type IngestStream = BoxStream<IngestResponse>;

    async fn subscribe(&self, request: Request<SubscribeRequest>) -> Result<Response<Self::SubscribeStream>, Status> {
        let asker = asker(&request);
        let request = request.into_inner();
        let (filter, cel) = filter::read(request.filter)?;
        let subscription = self
            .streams
            .subscribe(StreamRequest {
                start: request.start.map(start).transpose()?,
                matcher: Matcher::new(&filter, cel),
                mask: filter::mask(request.field_mask)?,
                consumer: (!request.consumer.is_empty())
                    .then_some(ForConsumer { name: request.consumer, max_ack_pending: request.max_ack_pending }),
                asker,
                max_batch_events: request.max_batch_events,
                linger_ms: request.linger_ms,
                heartbeat_ms: request.heartbeat_ms,
                end_with: request.end_with_session.then_some(filter.sessions),
                end_at_head: request.end_at_head,
            })
            .await
            .map_err(|error| status(&error))?;
        Ok(Response::new(messages(subscription)))
    }

    async fn ack(&self, request: Request<AckRequest>) -> Result<Response<AckResponse>, Status> {
        let asker = asker(&request);
        let request = request.into_inner();
        let acked = self.streams.ack(&request.consumer, &asker, request.seq).await;
        acked.map(|acked_seq| Response::new(AckResponse { acked_seq })).map_err(|error| status(&error))
    }

    async fn list_consumers(&self, request: Request<ListConsumersRequest>) -> Result<Response<ListConsumersResponse>, Status> {
        let views = self.streams.consumers(&asker(&request));
        Ok(Response::new(ListConsumersResponse { consumers: views.into_iter().map(|view| self.consumer(view)).collect() }))
    }

    async fn update_consumer(&self, request: Request<UpdateConsumerRequest>) -> Result<Response<UpdateConsumerResponse>, Status> {
        let asker = asker(&request);
        let request = request.into_inner();
        let update = ConsumerUpdate { paused: request.paused, reset_to: request.reset_to, delete: request.delete };
        if update == ConsumerUpdate::default() {
            return Err(Status::invalid_argument("nothing to change: set paused, reset_to or delete"));
        }
        let view = self.streams.update_consumer(&request.name, &asker, update).await.map_err(|error| status(&error))?;
        Ok(Response::new(UpdateConsumerResponse { consumer: view.map(|view| self.consumer(view)) }))
    }

    async fn query(&self, request: Request<QueryRequest>) -> Result<Response<EncodedResponse>, Status> {
        let request = request.into_inner();
        let (filter, cel) = filter::read(request.filter)?;
        let page = PageRequest {
            conditions: filter.conditions(),
            // What the database looks at is not looked at again.
            matcher: Matcher::new(&Filter::default(), cel),
            mask: filter::mask(request.field_mask)?,
            after: request.after_seq,
            limit: request.limit,
            newest: request.newest,
        };
        self.streams.page(page).await.map(Response::new).map_err(|error| status(&error))
    }

    async fn ingest(&self, request: Request<Streaming<IngestRequest>>) -> Result<Response<Self::IngestStream>, Status> {
        self.ingest.ingest(request).await
    }
}
