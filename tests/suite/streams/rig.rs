//! A journal, a server around it on a free port of the loopback, and clients.

use std::net::SocketAddr;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use agentsh::encode::proto::subscribe_request::Start;
use agentsh::encode::proto::subscribe_response::Message;
use agentsh::encode::proto::{Event, EventBatch, EventFilter, StreamEnd, SubscribeRequest, SubscribeResponse};
use agentsh::journal::{DataDir, Journal, JournalConfig, ReaderStore, StoreError};
use agentsh::serve::grpc::event_service_client::EventServiceClient;
use agentsh::serve::grpc::event_service_server::EventServiceServer;
use agentsh::serve::grpc::{Caller, EventsApi, NoIngest};
use agentsh::serve::stream::{Limits, Streams};
use tonic::transport::Channel;
use tonic::{Code, Request, Status, Streaming};

use crate::support::{DEADLINE, open_event};

pub type Client = EventServiceClient<Channel>;

/// A server over the journal of a data directory. It ends when it is dropped.
pub struct Served {
    pub streams: Arc<Streams>,
    pub address: SocketAddr,
    runtime: Option<tokio::runtime::Runtime>,
}

/// As the server's keys would: the key is the name of its owner, `admin` may do everything.
fn identify(mut request: Request<()>) -> Result<Request<()>, Status> {
    if let Some(name) = request.metadata().get("x-api-key").and_then(|key| key.to_str().ok()).map(str::to_owned) {
        let admin = name == "admin";
        request.extensions_mut().insert(Caller { name: Some(name), admin });
    }
    Ok(request)
}

pub fn serve(root: &Path) -> Served {
    serve_with(root, Limits::default())
}

pub fn serve_with(root: &Path, limits: Limits) -> Served {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let streams = Streams::start(&DataDir::at(root), limits).unwrap();
    let api = EventsApi::new(Arc::clone(&streams), Arc::new(NoIngest));
    let address = runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let service = EventServiceServer::with_interceptor(api, identify);
        tokio::spawn(
            tonic::transport::Server::builder()
                .add_service(service)
                .serve_with_incoming(tokio_stream::wrappers::TcpListenerStream::new(listener)),
        );
        address
    });
    Served { streams, address, runtime: Some(runtime) }
}

impl Drop for Served {
    fn drop(&mut self) {
        // As a kill would: nothing is waited for.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl Served {
    pub async fn client(&self) -> Client {
        EventServiceClient::connect(format!("http://{}", self.address)).await.unwrap().max_decoding_message_size(64 << 20)
    }
}

/// A request with a key.
pub fn keyed<T>(key: &str, message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.metadata_mut().insert("x-api-key", key.parse().unwrap());
    request
}

/// Runs a test's client side.
pub fn block_on<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async { tokio::time::timeout(DEADLINE * 3, future).await.expect("the test is not over in time") })
}

/// A journal with `count` events beside those that it writes itself.
pub fn recorded(root: &Path, count: u64) -> Journal {
    let journal = Journal::open(root, &JournalConfig::default()).unwrap();
    publish(&journal, 0..count);
    assert!(journal.flush());
    journal
}

pub fn publish(journal: &Journal, numbers: std::ops::Range<u64>) {
    for number in numbers {
        journal.channel().publish(&open_event(number));
    }
}

pub fn head(root: &Path) -> u64 {
    ReaderStore::open(&DataDir::at(root).journal()).unwrap().head().unwrap()
}

/// The positions of rows that meet a condition on kind and subject, read past everything that is tested.
pub fn seqs(root: &Path, wanted: impl Fn(&str, Option<&str>) -> bool) -> Vec<u64> {
    let mut seqs = Vec::new();
    ReaderStore::open(&DataDir::at(root).journal())
        .unwrap()
        .rows::<StoreError>(0, &[], None, |row| {
            if wanted(row.columns.kind, row.columns.subject) {
                seqs.push(row.seq);
            }
            Ok(ControlFlow::Continue(()))
        })
        .unwrap();
    seqs
}

pub fn from_start() -> SubscribeRequest {
    SubscribeRequest { start: Some(Start::FromStart(true)), ..SubscribeRequest::default() }
}

pub fn after(seq: u64) -> SubscribeRequest {
    SubscribeRequest { start: Some(Start::AfterSeq(seq)), ..SubscribeRequest::default() }
}

pub fn of(filter: EventFilter) -> SubscribeRequest {
    SubscribeRequest { filter: Some(filter), end_at_head: true, ..from_start() }
}

pub async fn subscribe(client: &mut Client, request: SubscribeRequest) -> Streaming<SubscribeResponse> {
    client.subscribe(request).await.unwrap().into_inner()
}

pub async fn refused(client: &mut Client, request: SubscribeRequest) -> Status {
    client.subscribe(request).await.map(|_| ()).unwrap_err()
}

pub fn is(status: &Status, code: Code, words: &[&str]) {
    assert_eq!(status.code(), code, "{status:?}");
    for word in words {
        assert!(status.message().contains(word), "{word}: {}", status.message());
    }
}

pub async fn message(stream: &mut Streaming<SubscribeResponse>) -> Message {
    let message = tokio::time::timeout(DEADLINE, stream.message()).await.expect("no message in time");
    message.unwrap().expect("the stream has ended").message.expect("an empty message")
}

/// The next batch; heartbeats are passed over.
pub async fn batch(stream: &mut Streaming<SubscribeResponse>) -> EventBatch {
    loop {
        match message(stream).await {
            Message::Batch(batch) => return batch,
            Message::Heartbeat(_) => {}
            other => panic!("{other:?} instead of a batch"),
        }
    }
}

/// The end, with the events before it; heartbeats are passed over.
pub async fn to_the_end(stream: &mut Streaming<SubscribeResponse>) -> (Vec<Event>, StreamEnd) {
    let mut events = Vec::new();
    loop {
        match message(stream).await {
            Message::Batch(batch) => events.extend(batch.events),
            Message::Heartbeat(_) => {}
            Message::EventsLost(missing) => panic!("{missing:?}"),
            Message::End(end) => {
                assert!(stream.message().await.unwrap().is_none(), "something comes behind the end");
                return (events, end);
            }
        }
    }
}

/// Reads until `seq` was looked at; returns the positions of the events.
pub async fn through(stream: &mut Streaming<SubscribeResponse>, seq: u64) -> Vec<u64> {
    let mut seqs = Vec::new();
    loop {
        let batch = batch(stream).await;
        seqs.extend(batch.events.iter().map(|event| event.seq));
        assert!(batch.head_seq >= batch.through_seq, "{} {}", batch.head_seq, batch.through_seq);
        if batch.through_seq >= seq {
            return seqs;
        }
    }
}

pub fn numbers(events: &[Event]) -> Vec<u64> {
    events.iter().map(|event| event.seq).collect()
}

/// Waits for a condition without keeping a thread.
pub async fn until_async(what: &str, mut condition: impl AsyncFnMut() -> bool) {
    let start = std::time::Instant::now();
    while !condition().await {
        assert!(start.elapsed() < DEADLINE, "not within {DEADLINE:?}: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
