//! `EventsApi`: the service, each call of which is handed to the part that does it.

use std::sync::Arc;

use tonic::{Request, Response, Status, Streaming, async_trait};

use crate::encode::proto::{
    AckRequest, AckResponse, EncodedResponse, IngestRequest, IngestResponse, ListConsumersRequest, ListConsumersResponse,
    QueryRequest, SubscribeRequest, UpdateConsumerRequest, UpdateConsumerResponse,
};
use crate::serve::grpc::event_service_server::EventService;
use crate::serve::grpc::seam::{BoxStream, IngestHandler};
use crate::serve::stream::Streams;

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
}

#[async_trait]
impl EventService for EventsApi {
    type SubscribeStream = BoxStream<EncodedResponse>;
    type IngestStream = BoxStream<IngestResponse>;

    async fn subscribe(&self, _request: Request<SubscribeRequest>) -> Result<Response<Self::SubscribeStream>, Status> {
        let _ = &self.streams;
        Err(Status::unimplemented("subscribe"))
    }

    async fn ack(&self, _request: Request<AckRequest>) -> Result<Response<AckResponse>, Status> {
        Err(Status::unimplemented("ack"))
    }

    async fn list_consumers(&self, _request: Request<ListConsumersRequest>) -> Result<Response<ListConsumersResponse>, Status> {
        Err(Status::unimplemented("list_consumers"))
    }

    async fn update_consumer(
        &self,
        _request: Request<UpdateConsumerRequest>,
    ) -> Result<Response<UpdateConsumerResponse>, Status> {
        Err(Status::unimplemented("update_consumer"))
    }

    async fn query(&self, _request: Request<QueryRequest>) -> Result<Response<EncodedResponse>, Status> {
        Err(Status::unimplemented("query"))
    }

    async fn ingest(&self, request: Request<Streaming<IngestRequest>>) -> Result<Response<Self::IngestStream>, Status> {
        self.ingest.ingest(request).await
    }
}
