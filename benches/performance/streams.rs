//! Subscribers: catching up from history, and idle ones, beside a raw tonic stream of the same bytes.

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use agentsh::encode::proto::subscribe_request::Start;
use agentsh::encode::proto::{self, SubscribeRequest};
use agentsh::journal::{Journal, JournalConfig};
use bytes::Bytes;
use tonic::transport::{Channel, Endpoint};

use super::raw_stream::{RawServer, raw_messages};
use super::{load, median};

/// Events in the journal that one subscriber reads.
const HISTORY: u64 = 1_000_000;
/// Events that each of many subscribers reads.
const SHARED_HISTORY: u64 = 100_000;
pub const MANY: usize = 100;
const ROUNDS: usize = 5;

/// A response whose events stay bytes: what a client does with them is not the server's speed.
#[derive(Clone, PartialEq, prost::Message)]
pub struct LightResponse {
    #[prost(message, optional, tag = "1")]
    pub batch: Option<LightBatch>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub struct LightBatch {
    #[prost(bytes = "bytes", repeated, tag = "1")]
    pub events: Vec<Bytes>,
    #[prost(uint64, tag = "2")]
    pub through_seq: u64,
}

/// Calls `Subscribe` and reads the answers as `T`.
pub async fn subscribe<T: prost::Message + Default + 'static>(
    channel: Channel,
    request: SubscribeRequest,
) -> Result<tonic::Streaming<T>, tonic::Status> {
    let mut grpc = tonic::client::Grpc::new(channel).max_decoding_message_size(64 << 20);
    grpc.ready().await.map_err(|error| tonic::Status::unavailable(error.to_string()))?;
    let codec = tonic_prost::ProstCodec::<SubscribeRequest, T>::default();
    let path = http::uri::PathAndQuery::from_static("/agentsh.v1.EventService/Subscribe");
    let answer = grpc.server_streaming(tonic::Request::new(request), path, codec).await?;
    Ok(answer.into_inner())
}

pub async fn connect(addr: SocketAddr) -> Channel {
    Endpoint::from_shared(format!("http://{addr}"))
        .unwrap()
        .initial_stream_window_size(4 << 20)
        .initial_connection_window_size(8 << 20)
        .connect()
        .await
        .unwrap()
}

fn from_start(through: bool) -> SubscribeRequest {
    SubscribeRequest { start: Some(Start::FromStart(true)), end_at_head: through, ..SubscribeRequest::default() }
}

/// A real `agentsh server` on free ports.
pub struct Server {
    child: Child,
    pub grpc: SocketAddr,
}

impl Server {
    pub fn start(data_dir: &Path) -> Self {
        use std::io::{BufRead, BufReader};
        let mut child = Command::new(env!("CARGO_BIN_EXE_agentsh"))
            .args(["server", "--addr", "127.0.0.1:0", "--data-dir"])
            .arg(data_dir)
            .env("AGENTSH_SERVER__GRPC__ENABLED", "true")
            .env("AGENTSH_SERVER__GRPC__ADDR", "127.0.0.1:0")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let grpc = loop {
            let line = lines.next().unwrap().unwrap();
            if let Some(addr) = line.strip_prefix("listening on grpc://") {
                break addr.trim().parse().unwrap();
            }
        };
        Self { child, grpc }
    }

    pub fn resident_mib(&self) -> f64 {
        crate::memory::status_kib(self.child.id(), "VmRSS:") as f64 / 1024.0
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = Command::new("kill").arg(self.child.id().to_string()).status();
        let _ = self.child.wait();
    }
}

/// Publishes `count` events as fast as they go.
pub fn fill(data_dir: &Path, count: u64) {
    let journal = Journal::open(data_dir, &JournalConfig::default()).unwrap();
    let mut cause = None;
    for number in 0..count {
        let event = if number % 2 == 0 { load::event(load::open(number), None) } else { load::event(load::close(number), cause) };
        cause = Some(event.id);
        journal.channel().publish(&event);
    }
    journal.close().unwrap();
}

pub fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

/// Events a second that `subscribers` read in all until each has `events`, whatever they do with them.
fn catch_up<T: prost::Message + Default + 'static>(
    addr: SocketAddr,
    subscribers: usize,
    events: u64,
    count: fn(&T) -> u64,
) -> f64 {
    runtime().block_on(async move {
        let mut channels = Vec::new();
        for _ in 0..subscribers {
            channels.push(connect(addr).await);
        }
        let began = Instant::now();
        let tasks: Vec<_> = channels
            .into_iter()
            .map(|channel| {
                tokio::spawn(async move {
                    let mut stream = subscribe::<T>(channel, from_start(false)).await.unwrap();
                    let mut seen = 0;
                    while seen < events {
                        seen += count(&stream.message().await.unwrap().unwrap());
                    }
                    seen
                })
            })
            .collect();
        let mut seen = 0;
        for task in tasks {
            seen += task.await.unwrap();
        }
        seen as f64 / began.elapsed().as_secs_f64()
    })
}

fn light(response: &LightResponse) -> u64 {
    response.batch.as_ref().map_or(0, |batch| batch.events.len() as u64)
}

fn typed(response: &proto::SubscribeResponse) -> u64 {
    match &response.message {
        Some(proto::subscribe_response::Message::Batch(batch)) => batch.events.len() as u64,
        _ => 0,
    }
}

fn compare(name: &str, server: SocketAddr, raw: SocketAddr, subscribers: usize, events: u64, read_typed: bool) -> String {
    let (mut ours, mut theirs, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let (our, their) = if read_typed {
            (catch_up(server, subscribers, events, typed), catch_up(raw, subscribers, events, typed))
        } else {
            (catch_up(server, subscribers, events, light), catch_up(raw, subscribers, events, light))
        };
        ours.push(our);
        theirs.push(their);
        ratios.push(our / their);
    }
    format!("| {name} | {:.0} | {:.0} | {:.2} |\n", median(&ours), median(&theirs), median(&ratios))
}

pub fn run(folder: &Path) -> String {
    let history = folder.join("streams-history");
    fill(&history, HISTORY);
    let shared = folder.join("streams-shared");
    fill(&shared, SHARED_HISTORY);
    let mut text = String::from(
        "Catch-up from history: events/s in all, clients and server on this machine's two cores. `bytes`: the client reads the messages and leaves \
         the events as they came; `typed`: it decodes each field of each event. Raw tonic: a server in a process of its own that has the same \
         messages ready in memory.\n\n| subscribers | agentsh, events/s | raw tonic, events/s | ratio (median of pairs) |\n|---|---|---|---|\n",
    );
    {
        let server = Server::start(&history);
        let raw = RawServer::start(&history);
        text += &compare("1, bytes", server.grpc, raw.addr, 1, HISTORY, false);
        text += &compare("1, typed", server.grpc, raw.addr, 1, HISTORY, true);
    }
    {
        let server = Server::start(&shared);
        let raw = RawServer::start(&shared);
        text += &compare("100, bytes", server.grpc, raw.addr, MANY, SHARED_HISTORY, false);
    }
    text += &idle(folder);
    text
}

fn idle(folder: &Path) -> String {
    let data_dir = folder.join("streams-idle");
    fill(&data_dir, 10);
    let server = Server::start(&data_dir);
    let before = server.resident_mib();
    let runtime = runtime();
    let streams: Vec<_> = runtime.block_on(async {
        let mut streams = Vec::new();
        for _ in 0..1_000 {
            let request = SubscribeRequest { start: Some(Start::FromNow(true)), ..SubscribeRequest::default() };
            streams.push(subscribe::<LightResponse>(connect(server.grpc).await, request).await.unwrap());
        }
        streams
    });
    std::thread::sleep(Duration::from_secs(2));
    let after = server.resident_mib();
    drop(streams);
    format!(
        "\n1,000 idle subscribers, a connection each: the server's resident memory goes from {before:.1} to {after:.1} MiB (target: under 200).\n"
    )
}

/// The messages that a real server sends for a journal, for the raw server to have ready.
pub fn recorded_messages(data_dir: &Path) -> Vec<Bytes> {
    raw_messages(data_dir)
}
