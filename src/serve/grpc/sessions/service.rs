//! `SessionService`: each call is asked of whoever keeps the sessions, on a thread that may wait.

use std::sync::Arc;
use std::time::Duration;

use tonic::{Request, Response, Status};

use super::convert::{millis, session, status, text};
use crate::encode::proto::{
    CreateSessionRequest, CreateSessionResponse, EndSessionRequest, EndSessionResponse, GetSessionRequest, GetSessionResponse,
    ListSessionsRequest, ListSessionsResponse, SignalCommandRequest, SignalCommandResponse,
};
use crate::serve::grpc::session_service_server::SessionService;
use crate::serve::sessions::{NewSession, SessionError, SessionStore, WhichSessions, timeout_of_millis};

/// `SessionService`, answered by whoever keeps the sessions.
#[derive(Clone)]
pub struct SessionCalls(Arc<dyn SessionStore>);

impl SessionCalls {
    /// Answers from `store`.
    #[must_use]
    pub fn new(store: Arc<dyn SessionStore>) -> Self {
        Self(store)
    }

    /// Asks on a thread that may wait.
    async fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&dyn SessionStore) -> Result<T, SessionError> + Send + 'static,
    ) -> Result<T, Status> {
        let store = Arc::clone(&self.0);
        let asked = tokio::task::spawn_blocking(move || question(&*store)).await;
        asked.map_err(|_| Status::internal("the recorder failed"))?.map_err(|error| status(&error))
    }
}

#[tonic::async_trait]
impl SessionService for SessionCalls {
    async fn create_session(&self, request: Request<CreateSessionRequest>) -> Result<Response<CreateSessionResponse>, Status> {
        let request = request.into_inner();
        let new = NewSession {
            workspace: request.workspace.into(),
            policy: request.policy,
            labels: request.labels,
            idle_timeout: timeout_of_millis(request.idle_timeout_ms),
            hard_timeout: timeout_of_millis(request.hard_timeout_ms),
            traceparent: text(request.traceparent),
        };
        let info = self.ask(move |store| store.create(&new)).await?;
        Ok(Response::new(CreateSessionResponse { session: Some(session(info)) }))
    }

    async fn list_sessions(&self, request: Request<ListSessionsRequest>) -> Result<Response<ListSessionsResponse>, Status> {
        let request = request.into_inner();
        let before = match request.page_token.as_str() {
            "" => None,
            token => Some(token.parse().map_err(|_| Status::invalid_argument("page_token: it is none that an answer gave"))?),
        };
        let which = WhichSessions { running: request.running, most: request.page_size, before };
        let page = self.ask(move |store| store.list(which)).await?;
        Ok(Response::new(ListSessionsResponse {
            sessions: page.sessions.into_iter().map(session).collect(),
            next_page_token: page.next.map(|next| next.to_string()).unwrap_or_default(),
        }))
    }

    async fn get_session(&self, request: Request<GetSessionRequest>) -> Result<Response<GetSessionResponse>, Status> {
        let id = request.into_inner().id;
        let info = self.ask(move |store| store.get(&id)).await?;
        Ok(Response::new(GetSessionResponse { session: Some(session(info)) }))
    }

    async fn end_session(&self, request: Request<EndSessionRequest>) -> Result<Response<EndSessionResponse>, Status> {
        let request = request.into_inner();
        let grace: Option<Duration> = millis(request.grace_ms);
        let info = self.ask(move |store| store.end(&request.id, grace)).await?;
        Ok(Response::new(EndSessionResponse { session: Some(session(info)) }))
    }

    async fn signal_command(&self, request: Request<SignalCommandRequest>) -> Result<Response<SignalCommandResponse>, Status> {
        let request = request.into_inner();
        let told = self.ask(move |store| store.signal(&request.session_id, text(request.command_id).as_deref(), request.signal));
        Ok(Response::new(SignalCommandResponse { commands: told.await? }))
    }
}
