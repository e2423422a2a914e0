//! The peer of the streams: a tonic server, in a process of its own, that has the same messages ready in memory.

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use bytes::{Buf, BufMut, Bytes};
use prost::Message;

const ROLE: &str = "AGENTSH_BENCH_RAW_STREAM";

/// A message that is bytes already.
#[derive(Clone, Debug, Default)]
struct Ready(Bytes);

impl Message for Ready {
    fn encode_raw(&self, buf: &mut impl BufMut) {
        buf.put_slice(&self.0);
    }

    fn merge_field(
        &mut self,
        tag: u32,
        wire_type: prost::encoding::WireType,
        buf: &mut impl Buf,
        context: prost::encoding::DecodeContext,
    ) -> Result<(), prost::DecodeError> {
        prost::encoding::skip_field(wire_type, tag, buf, context)
    }

    fn encoded_len(&self) -> usize {
        self.0.len()
    }

    fn clear(&mut self) {
        self.0.clear();
    }
}

/// Everything that `agentsh server` answers a subscriber that reads a journal from its start, message by message.
pub fn raw_messages(data_dir: &Path) -> Vec<Bytes> {
    let server = super::streams::Server::start(data_dir);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        use agentsh::encode::proto::subscribe_request::Start;
        use agentsh::encode::proto::{SubscribeRequest, SubscribeResponse};
        let request = SubscribeRequest { start: Some(Start::FromStart(true)), end_at_head: true, ..SubscribeRequest::default() };
        let channel = super::streams::connect(server.grpc).await;
        let mut stream = super::streams::subscribe::<SubscribeResponse>(channel, request).await.unwrap();
        let mut messages = Vec::new();
        while let Some(message) = stream.message().await.unwrap() {
            messages.push(Bytes::from(message.encode_to_vec()));
        }
        messages
    })
}

pub struct RawServer {
    child: Child,
    pub addr: SocketAddr,
}

impl RawServer {
    pub fn start(data_dir: &Path) -> Self {
        use std::io::{BufRead, BufReader};
        let file = data_dir.with_extension("messages");
        let mut bytes = Vec::new();
        for message in super::streams::recorded_messages(data_dir) {
            bytes.extend_from_slice(&u32::try_from(message.len()).unwrap().to_le_bytes());
            bytes.extend_from_slice(&message);
        }
        std::fs::write(&file, bytes).unwrap();
        let mut child = Command::new(std::env::current_exe().unwrap())
            .env(ROLE, &file)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        Self { child, addr: line.trim().parse().unwrap() }
    }
}

impl Drop for RawServer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Serves if this process was started to do that, and never returns then.
pub fn serve_if_asked() {
    let Some(file) = std::env::var_os(ROLE) else { return };
    let bytes = Bytes::from(std::fs::read(file).unwrap());
    let mut rest = bytes;
    let mut messages = Vec::new();
    while rest.has_remaining() {
        let length = rest.get_u32_le() as usize;
        messages.push(Ready(rest.split_to(length)));
    }
    let service = RawService(std::sync::Arc::new(messages));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async move {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        println!("{}", listener.local_addr().unwrap());
        let incoming = tokio_stream::wrappers::TcpListenerStream::new(listener);
        tonic::transport::Server::builder().add_service(service).serve_with_incoming(incoming).await.unwrap();
    });
    std::process::exit(0);
}

/// Answers every call with all messages.
#[derive(Clone)]
struct RawService(std::sync::Arc<Vec<Ready>>);

impl tonic::server::NamedService for RawService {
    const NAME: &'static str = "agentsh.v1.EventService";
}

impl tower::Service<http::Request<tonic::body::Body>> for RawService {
    type Response = http::Response<tonic::body::Body>;
    type Error = std::convert::Infallible;
    type Future = std::pin::Pin<Box<dyn std::future::Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, _: &mut std::task::Context<'_>) -> std::task::Poll<Result<(), Self::Error>> {
        std::task::Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<tonic::body::Body>) -> Self::Future {
        let service = self.clone();
        Box::pin(async move {
            let codec = tonic_prost::ProstCodec::<Ready, agentsh::encode::proto::SubscribeRequest>::default();
            Ok(tonic::server::Grpc::new(codec).server_streaming(service, request).await)
        })
    }
}

impl tonic::server::ServerStreamingService<agentsh::encode::proto::SubscribeRequest> for RawService {
    type Response = Ready;
    type ResponseStream = tokio_stream::Iter<Messages>;
    type Future =
        std::pin::Pin<Box<dyn std::future::Future<Output = Result<tonic::Response<Self::ResponseStream>, tonic::Status>> + Send>>;

    fn call(&mut self, _: tonic::Request<agentsh::encode::proto::SubscribeRequest>) -> Self::Future {
        let messages = Messages { all: std::sync::Arc::clone(&self.0), next: 0 };
        Box::pin(async move { Ok(tonic::Response::new(tokio_stream::iter(messages))) })
    }
}

struct Messages {
    all: std::sync::Arc<Vec<Ready>>,
    next: usize,
}

impl Iterator for Messages {
    type Item = Result<Ready, tonic::Status>;

    fn next(&mut self) -> Option<Self::Item> {
        let message = self.all.get(self.next)?.clone();
        self.next += 1;
        Some(Ok(message))
    }
}
