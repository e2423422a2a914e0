//! `ExecService`: a command's streams in one bidirectional call.
//!
//! Bounds: see `serve::sessions`; beside those, HTTP/2's window of the stream.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{Stream, StreamExt as _};
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, Streaming};

use super::convert::{finished, status, text};
use crate::encode::proto::{ExecRequest, ExecResponse, ExecStart, ExecStarted, exec_request, exec_response};
use crate::event::OsText;
use crate::serve::grpc::exec_service_server::ExecService;
use crate::serve::sessions::{Attended, Input, Said, SessionStore, StartCommand, begin};

/// How long a call may take to say what to start.
const FIRST_MESSAGE: Duration = Duration::from_secs(10);

/// `ExecService`, answered by whoever keeps the sessions.
#[derive(Clone)]
pub struct Exec(Arc<dyn SessionStore>);

impl Exec {
    /// Runs commands in the sessions of `store`.
    #[must_use]
    pub fn new(store: Arc<dyn SessionStore>) -> Self {
        Self(store)
    }
}

#[tonic::async_trait]
impl ExecService for Exec {
    type ExecStream = Pin<Box<dyn Stream<Item = Result<ExecResponse, Status>> + Send>>;

    async fn exec(&self, request: Request<Streaming<ExecRequest>>) -> Result<Response<Self::ExecStream>, Status> {
        let mut requests = request.into_inner();
        let start = match timeout(FIRST_MESSAGE, requests.message()).await {
            Ok(Ok(Some(ExecRequest { message: Some(exec_request::Message::Start(start)) }))) => start,
            Ok(Err(status)) => return Err(status),
            Ok(Ok(_)) => return Err(Status::invalid_argument("the first message must be `start`")),
            Err(_) => return Err(Status::deadline_exceeded("the first message did not come")),
        };
        let Attended { inputs, said, .. } = begin(Arc::clone(&self.0), command(start)).await.map_err(|error| status(&error))?;
        tokio::spawn(listen(requests, inputs));
        Ok(Response::new(Box::pin(ReceiverStream::new(said).filter_map(|said| async { response(said).map(Ok) }))))
    }
}

/// Passes on what the client says, until it has nothing more to say.
async fn listen(mut requests: Streaming<ExecRequest>, give: mpsc::Sender<Input>) {
    loop {
        let input = match requests.message().await {
            Ok(Some(ExecRequest { message })) => match message {
                Some(exec_request::Message::Stdin(bytes)) => Input::Stdin(bytes),
                Some(exec_request::Message::StdinClosed(true)) => Input::StdinClosed,
                Some(exec_request::Message::StdinClosed(false)) => continue,
                Some(exec_request::Message::Signal(number)) => Input::Signal(number),
                // A second start, or what a later version says.
                Some(exec_request::Message::Start(_)) | None => Input::Gone,
            },
            Ok(None) => return,
            Err(_) => Input::Gone,
        };
        let gone = matches!(input, Input::Gone);
        if give.send(input).await.is_err() || gone {
            return;
        }
    }
}

fn command(start: ExecStart) -> StartCommand {
    StartCommand {
        session: start.session_id,
        argv: start.argv.into_iter().map(OsText::from_bytes).collect(),
        env: start
            .env
            .into_iter()
            .map(|variable| (OsText::from_bytes(variable.name), OsText::from_bytes(variable.value)))
            .collect(),
        cwd: (!start.cwd.is_empty()).then(|| OsText::from_bytes(start.cwd)),
        traceparent: text(start.traceparent),
    }
}

/// HTTP/2 has pings of its own: that the command still runs needs no message.
fn response(said: Said) -> Option<ExecResponse> {
    let message = match said {
        Said::Started { session, command, pid } => {
            exec_response::Message::Started(ExecStarted { session_id: session, command_id: command, pid })
        }
        Said::Stdout(bytes) => exec_response::Message::Stdout(bytes),
        Said::Stderr(bytes) => exec_response::Message::Stderr(bytes),
        Said::Finished(end) => exec_response::Message::Finished(finished(end)),
        Said::Running => return None,
    };
    Some(ExecResponse { message: Some(message) })
}
