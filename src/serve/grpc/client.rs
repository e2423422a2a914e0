//! A client of the session services over gRPC, for the command line: it waits where the server does.

use std::io::Read as _;
use std::time::Duration;

use bytes::Bytes;
use tokio::runtime::Runtime;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Status};

use super::client_tls;
use super::config::ClientTlsConfig;
use super::exec_service_client::ExecServiceClient;
use super::session_service_client::SessionServiceClient;
use super::sessions::convert;
use crate::encode::proto::{
    CreateSessionRequest, EndSessionRequest, EnvironmentVariable, ExecRequest, ExecStart, GetSessionRequest, ListSessionsRequest,
    Session, SignalCommandRequest, exec_request, exec_response,
};
use crate::serve::sessions::{
    CHUNK, Client, ClientError, CommandEnd, ExecStreams, NewSession, Output, QUEUED, SessionInfo, SessionPage, StartCommand,
    WhichSessions, millis_of_timeout,
};

/// How long a connection may take.
const CONNECT: Duration = Duration::from_secs(10);

/// The server over gRPC.
pub struct GrpcClient {
    server: String,
    tls: bool,
    /// Whether a certificate of ours is shown to the server.
    shows_certificate: bool,
    channel: Channel,
    key: Option<MetadataValue<Ascii>>,
    runtime: Runtime,
}

impl GrpcClient {
    /// Connects to the server at `address` (`host:port`), over TLS or in clear; `key` goes with every call.
    ///
    /// # Errors
    /// [`ClientError::Unreachable`], [`ClientError::Tls`], or [`ClientError::Refused`] for a key that no header can carry.
    pub fn connect(address: &str, key: Option<&str>, tls: Option<&ClientTlsConfig>) -> Result<Self, ClientError> {
        let unreachable = |source| ClientError::Unreachable { server: address.to_owned(), source };
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().map_err(unreachable)?;
        let key = key
            .map(MetadataValue::try_from)
            .transpose()
            .map_err(|_| ClientError::Refused { reason: "AGENTSH_API_KEY is no text that a header can carry".to_owned() })?;
        let scheme = if tls.is_some() { "https" } else { "http" };
        let mut endpoint = Endpoint::from_shared(format!("{scheme}://{address}"))
            .map_err(|error| unreachable(std::io::Error::other(error)))?
            .connect_timeout(CONNECT);
        let not_tls = |error: &(dyn std::error::Error + 'static)| {
            let tls = |reason| ClientError::Tls { server: address.to_owned(), reason };
            client_tls::explain(error).map_or_else(|| unreachable(std::io::Error::other(cause(error))), tls)
        };
        if let Some(config) = tls {
            let settings = client_tls::settings(config, address)?;
            endpoint = endpoint.tls_config(settings).map_err(|error| ClientError::Tls {
                server: address.to_owned(),
                reason: format!("client.tls: {}", cause(&error)),
            })?;
        }
        let channel = runtime.block_on(endpoint.connect()).map_err(|error| not_tls(&error))?;
        Ok(Self {
            server: address.to_owned(),
            tls: tls.is_some(),
            shows_certificate: tls.is_some_and(|tls| tls.cert_file.is_some()),
            channel,
            key,
            runtime,
        })
    }

    fn request<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        if let Some(key) = &self.key {
            request.metadata_mut().insert("x-api-key", key.clone());
        }
        request
    }

    fn sessions(&self) -> SessionServiceClient<Channel> {
        SessionServiceClient::new(self.channel.clone())
    }

    fn refused(&self, status: &Status) -> ClientError {
        use std::error::Error as _;
        match status.source() {
            // Not the server's word but the connection's.
            Some(source) => match client_tls::explain(source) {
                // A server says only now that it does not accept our certificate (TLS 1.3).
                Some(reason) => ClientError::Tls { server: self.server.clone(), reason },
                None => self.broken(&cause(source)),
            },
            None => ClientError::Refused { reason: status.message().to_owned() },
        }
    }

    fn broken(&self, said: &str) -> ClientError {
        // What a server of TLS answers to clear text, read as a frame of HTTP/2.
        if !self.tls && said.contains("frame with invalid size") {
            return self.strange(&format!("{said}; if it speaks TLS, set client.tls.ca_file or client.tls.enabled: true"));
        }
        // A server of TLS 1.3 that does not accept our certificate says so and closes; who writes at that moment hears of the second only.
        let is_cut =
            ["broken pipe", "connection reset", "Broken pipe", "Connection reset"].iter().any(|word| said.contains(word));
        let hint = match (self.tls && is_cut, self.shows_certificate) {
            (false, _) => String::new(),
            (true, false) => format!("; {}", client_tls::SHOW_ONE_IF),
            (true, true) => "; perhaps it does not accept the certificate of client.tls.cert_file".to_owned(),
        };
        ClientError::Broken { source: std::io::Error::other(format!("{said}{hint}")) }
    }

    fn session(&self, session: Option<Session>) -> Result<SessionInfo, ClientError> {
        session.map(convert::info).ok_or_else(|| self.strange("an answer without a session"))
    }

    fn strange(&self, what: &str) -> ClientError {
        ClientError::Protocol { server: self.server.clone(), what: what.to_owned() }
    }
}

/// The innermost reason: the outer ones only say that there is one.
fn cause(error: &(dyn std::error::Error + 'static)) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}

/// A time in a message, where 0 is none given: none at all is the shortest there is.
fn grace_millis(grace: Option<Duration>) -> u64 {
    grace.map_or(0, |grace| u64::try_from(grace.as_millis()).unwrap_or(u64::MAX).max(1))
}

impl Client for GrpcClient {
    fn create(&self, session: &NewSession) -> Result<SessionInfo, ClientError> {
        let request = CreateSessionRequest {
            workspace: session.workspace.display().to_string(),
            policy: session.policy.clone(),
            labels: session.labels.clone(),
            idle_timeout_ms: millis_of_timeout(session.idle_timeout),
            hard_timeout_ms: millis_of_timeout(session.hard_timeout),
            traceparent: session.traceparent.clone().unwrap_or_default(),
        };
        let answer = self.runtime.block_on(self.sessions().create_session(self.request(request)));
        self.session(answer.map_err(|status| self.refused(&status))?.into_inner().session)
    }

    fn list(&self, which: WhichSessions) -> Result<SessionPage, ClientError> {
        let page_token = which.before.map(|before| before.to_string()).unwrap_or_default();
        let request = ListSessionsRequest { running: which.running, page_size: which.most, page_token };
        let answer = self.runtime.block_on(self.sessions().list_sessions(self.request(request)));
        Ok(convert::page(answer.map_err(|status| self.refused(&status))?.into_inner()))
    }

    fn get(&self, id: &str) -> Result<SessionInfo, ClientError> {
        let request = GetSessionRequest { id: id.to_owned() };
        let answer = self.runtime.block_on(self.sessions().get_session(self.request(request)));
        self.session(answer.map_err(|status| self.refused(&status))?.into_inner().session)
    }

    fn end(&self, id: &str, grace: Option<Duration>) -> Result<SessionInfo, ClientError> {
        let request = EndSessionRequest { id: id.to_owned(), grace_ms: grace_millis(grace) };
        let answer = self.runtime.block_on(self.sessions().end_session(self.request(request)));
        self.session(answer.map_err(|status| self.refused(&status))?.into_inner().session)
    }

    fn signal(&self, session: &str, command: Option<&str>, number: i32) -> Result<u32, ClientError> {
        let command_id = command.unwrap_or_default().to_owned();
        let request = SignalCommandRequest { session_id: session.to_owned(), command_id, signal: number };
        let answer = self.runtime.block_on(self.sessions().signal_command(self.request(request)));
        Ok(answer.map_err(|status| self.refused(&status))?.into_inner().commands)
    }

    fn exec(&self, command: &StartCommand, mut streams: ExecStreams<'_>) -> Result<CommandEnd, ClientError> {
        let (say, said) = mpsc::channel(QUEUED);
        let start = message(exec_request::Message::Start(start(command)));
        say.try_send(start).map_err(|_| self.strange("no room for the first message"))?;
        let mut stdin = std::mem::replace(&mut streams.stdin, Box::new(std::io::empty()));
        // Ends with its input, with the call, or with the process: nobody waits for it.
        let reading = std::thread::Builder::new().name("stdin".to_owned()).spawn(move || {
            let mut buffer = vec![0; CHUNK];
            while let Ok(count @ 1..) = stdin.read(&mut buffer) {
                let bytes = Bytes::copy_from_slice(buffer.get(..count).unwrap_or_default());
                if say.blocking_send(message(exec_request::Message::Stdin(bytes))).is_err() {
                    return;
                }
            }
            // Should it fail, the call is over.
            let _over = say.blocking_send(message(exec_request::Message::StdinClosed(true)));
        });
        reading.map_err(|source| ClientError::Broken { source })?;
        let mut client = ExecServiceClient::new(self.channel.clone());
        let call = client.exec(self.request(ReceiverStream::new(said)));
        let mut answers = self.runtime.block_on(call).map_err(|status| self.refused(&status))?.into_inner();
        loop {
            let answer = self.runtime.block_on(answers.message()).map_err(|status| self.refused(&status))?;
            let answer = answer.ok_or_else(|| ClientError::Broken { source: std::io::ErrorKind::UnexpectedEof.into() })?;
            match answer.message {
                Some(exec_response::Message::Started(started)) => (streams.started)(&started.session_id, &started.command_id),
                Some(exec_response::Message::Stdout(bytes)) => streams.write(Output::Stdout, &bytes)?,
                Some(exec_response::Message::Stderr(bytes)) => streams.write(Output::Stderr, &bytes)?,
                Some(exec_response::Message::Finished(finished)) => return Ok(convert::end(finished)),
                None => return Err(self.strange("an answer without a message")),
            }
        }
    }
}

fn message(message: exec_request::Message) -> ExecRequest {
    ExecRequest { message: Some(message) }
}

fn start(command: &StartCommand) -> ExecStart {
    let bytes = |text: &crate::event::OsText| text.as_bytes().to_vec();
    ExecStart {
        session_id: command.session.clone(),
        argv: command.argv.iter().map(bytes).collect(),
        env: command.env.iter().map(|(name, value)| EnvironmentVariable { name: bytes(name), value: bytes(value) }).collect(),
        cwd: command.cwd.as_ref().map(bytes).unwrap_or_default(),
        traceparent: command.traceparent.clone().unwrap_or_default(),
    }
}
