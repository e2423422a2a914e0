//! What the parts of `EventService` and the server around them know of each other: who calls, and who takes what a sensor brings.

use std::future::Future;
use std::pin::Pin;

use futures_util::Stream;
use tonic::{Request, Response, Status, Streaming};

use crate::encode::proto::{IngestRequest, IngestResponse};

/// A future on the heap.
pub type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// The answers of a stream.
pub type BoxStream<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

/// Who calls. The server puts it into the extensions of a request that it has authenticated; without keys there is none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Caller {
    /// Name of the key or certificate.
    pub name: Option<String>,
    /// May act on what other keys made.
    pub admin: bool,
}

/// Takes what sensors bring: `EventService.Ingest`.
pub trait IngestHandler: Send + Sync + 'static {
    /// One sensor's stream.
    fn ingest(
        &self,
        request: Request<Streaming<IngestRequest>>,
    ) -> BoxFuture<Result<Response<BoxStream<IngestResponse>>, Status>>;
}

/// A server that records nothing, and so takes nothing from sensors.
#[derive(Clone, Copy, Debug)]
pub struct NoIngest;

impl IngestHandler for NoIngest {
    fn ingest(&self, _: Request<Streaming<IngestRequest>>) -> BoxFuture<Result<Response<BoxStream<IngestResponse>>, Status>> {
        Box::pin(std::future::ready(Err(Status::unimplemented("this server does not record: it takes no events from sensors"))))
    }
}
