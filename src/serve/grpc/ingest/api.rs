//! `IngestApi`: what all sensors' streams share.

use std::sync::Arc;

use tokio::sync::watch;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, Streaming};

use super::place::Places;
use super::stream::{Parts, run};
use crate::encode::proto::{IngestRequest, IngestResponse};
use crate::journal::Journal;
use crate::policy::Policy;
use crate::serve::auth::Identity;
use crate::serve::grpc::{BoxFuture, BoxStream, IngestHandler};

/// Answers that wait until a sensor reads them; when it does not, its stream waits.
const ANSWERS: usize = 16;

/// Takes events of sensors into a journal. Cheap to clone.
#[derive(Clone)]
pub struct IngestApi {
    parts: Arc<Parts>,
    stop: watch::Sender<bool>,
}

impl IngestApi {
    /// Takes into `journal`, answers verdicts from `policy`, with at most `window` events of a sensor that are not acknowledged.
    #[must_use]
    pub fn new(journal: Arc<Journal>, policy: Arc<Policy>, window: u64) -> Self {
        let (stop, _) = watch::channel(false);
        Self { parts: Arc::new(Parts { journal, policy, window: window.max(1), places: Places::default() }), stop }
    }

    /// Ends every stream, once what it has handed over is acknowledged, and takes no new one.
    pub fn shut_down(&self) {
        self.stop.send_replace(true);
    }
}

impl IngestHandler for IngestApi {
    fn ingest(
        &self,
        request: Request<Streaming<IngestRequest>>,
    ) -> BoxFuture<Result<Response<BoxStream<IngestResponse>>, Status>> {
        let identity = request.extensions().get::<Identity>().filter(|identity| identity.proven).cloned();
        let (parts, stop) = (Arc::clone(&self.parts), self.stop.subscribe());
        Box::pin(async move {
            let identity = identity.ok_or_else(|| Status::unauthenticated("a sensor needs a key or a certificate"))?;
            let (answers, stream) = tokio::sync::mpsc::channel(ANSWERS);
            tokio::spawn(async move {
                if let Err(status) = run(&parts, &identity.name, request.into_inner(), &answers, stop).await {
                    tracing::info!(sensor = identity.name, code = ?status.code(), reason = status.message(), "a sensor's stream ends");
                    // A sensor that is gone needs no reason.
                    let _gone = answers.send(Err(status)).await;
                }
            });
            let stream: BoxStream<IngestResponse> = Box::pin(ReceiverStream::new(stream));
            Ok(Response::new(stream))
        })
    }
}
