//! Collectors on the far side of the network: what they took stays with them, also when their answer is lost or they are killed.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use agentsh::event::EventId;
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use opentelemetry_proto::tonic::collector::logs::v1::logs_service_server::{LogsService, LogsServiceServer};
use opentelemetry_proto::tonic::collector::logs::v1::{ExportLogsServiceRequest, ExportLogsServiceResponse};
use opentelemetry_proto::tonic::common::v1::any_value::Value as AnyValue;
use serde::{Deserialize, Serialize};
use tonic::{Code, Request, Response, Status};

use super::audit::{Digest, digest};
use super::process::{beside, note, notes, say_address};

/// How a collector treats what comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mood {
    /// Answers 503, or `UNAVAILABLE`.
    Busy,
    /// Answers 429, or `RESOURCE_EXHAUSTED`, and asks for a pause.
    Throttling,
    /// Takes everything and answers that it failed.
    Forgetful,
    /// Takes its time.
    Tired,
}

impl Mood {
    pub const ALL: [Self; 4] = [Self::Busy, Self::Throttling, Self::Forgetful, Self::Tired];

    pub const fn what_happens(self) -> &'static str {
        match self {
            Self::Busy => "a collector answers 503",
            Self::Throttling => "a collector answers 429",
            Self::Forgetful => "a collector's answer is lost",
            Self::Tired => "a collector is slow",
        }
    }
}

/// Where a collector keeps its files.
#[derive(Clone, Serialize, Deserialize)]
pub struct Order {
    pub folder: PathBuf,
    pub name: String,
}

impl Order {
    pub fn new(folder: &Path, name: &str) -> Self {
        Self { folder: folder.to_owned(), name: name.to_owned() }
    }

    pub fn address(&self) -> PathBuf {
        beside(&self.folder, &self.name, "addr")
    }

    fn mood(&self) -> PathBuf {
        beside(&self.folder, &self.name, "mood")
    }

    fn taken(&self) -> PathBuf {
        beside(&self.folder, &self.name, "taken")
    }

    pub fn set(&self, mood: Option<Mood>) {
        let place = mood.and_then(|mood| Mood::ALL.iter().position(|known| *known == mood));
        std::fs::write(self.mood(), place.map(|place| place.to_string()).unwrap_or_default()).unwrap();
    }

    /// What it has: for each seq the id, the digest and how often it came.
    pub fn read(&self) -> BTreeMap<u64, (EventId, Digest, u64)> {
        let mut events = BTreeMap::new();
        for part in std::fs::read(self.taken()).unwrap_or_default().chunks_exact(NOTE) {
            let seq = u64::from_le_bytes(part[..8].try_into().unwrap());
            let id = EventId::from_bytes(part[8..24].try_into().unwrap());
            let digest: Digest = part[24..].try_into().unwrap();
            let (known, same, times) = events.entry(seq).or_insert((id, digest, 0));
            assert!(*known == id && *same == digest, "{}: seq {seq} came as {known} and as {id}", self.name);
            *times += 1;
        }
        events
    }
}

/// Bytes of a note: `seq`, id, digest.
const NOTE: usize = 8 + 16 + 32;

struct Taker {
    order: Order,
    taken: File,
}

impl Taker {
    fn open(order: &Order) -> Arc<Self> {
        Arc::new(Self { taken: notes(&order.taken(), NOTE as u64), order: order.clone() })
    }

    fn mood(&self) -> Option<Mood> {
        let place: usize = std::fs::read_to_string(self.order.mood()).ok()?.parse().ok()?;
        Mood::ALL.get(place).copied()
    }

    /// Keeps what came, in one write.
    fn take<'a>(&self, events: impl Iterator<Item = (u64, EventId, &'a [u8])>) {
        let mut bytes = Vec::new();
        for (seq, id, body) in events {
            bytes.extend(seq.to_le_bytes());
            bytes.extend(id.as_bytes());
            bytes.extend(digest(body));
        }
        note(&self.taken, &bytes);
    }
}

/// A webhook's endpoint.
pub async fn webhook(order: &Order) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    say_address(&order.address(), listener.local_addr().unwrap());
    axum::serve(listener, Router::new().fallback(hook).with_state(Taker::open(order))).await.unwrap();
}

async fn hook(State(taker): State<Arc<Taker>>, body: Bytes) -> axum::response::Response {
    let mood = taker.mood();
    match mood {
        Some(Mood::Busy) => return (StatusCode::SERVICE_UNAVAILABLE, [("retry-after", "0")]).into_response(),
        Some(Mood::Throttling) => return (StatusCode::TOO_MANY_REQUESTS, [("retry-after", "1")]).into_response(),
        Some(Mood::Tired) => tokio::time::sleep(Duration::from_millis(200)).await,
        Some(Mood::Forgetful) | None => {}
    }
    let events: Vec<serde_json::Value> = serde_json::from_slice(&body).unwrap();
    let texts: Vec<Vec<u8>> = events.iter().map(|event| serde_json::to_vec(event).unwrap()).collect();
    taker.take(events.iter().zip(&texts).map(|(event, text)| {
        let id = event["id"].as_str().unwrap().parse().unwrap();
        (event["seq"].as_u64().unwrap(), id, text.as_slice())
    }));
    if mood == Some(Mood::Forgetful) { StatusCode::INTERNAL_SERVER_ERROR } else { StatusCode::OK }.into_response()
}

/// An OpenTelemetry collector of logs.
pub async fn otlp(order: &Order) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    say_address(&order.address(), listener.local_addr().unwrap());
    let service = LogsServiceServer::new(Logs(Taker::open(order)))
        .max_decoding_message_size(64 << 20)
        .accept_compressed(tonic::codec::CompressionEncoding::Gzip);
    let incoming = tokio_stream::wrappers::TcpListenerStream::new(listener);
    tonic::transport::Server::builder().add_service(service).serve_with_incoming(incoming).await.unwrap();
}

struct Logs(Arc<Taker>);

/// `google.rpc.Status` with a `RetryInfo` of 20 ms, written by hand: field 3 an `Any`, whose field 2 has field 1 a duration.
fn a_moment() -> Bytes {
    let url = b"type.googleapis.com/google.rpc.RetryInfo";
    // Field 2 of a duration is its nanoseconds: 20,000,000 as a varint.
    let info = [0x0a, 5, 0x10, 0x80, 0xda, 0xc4, 0x09];
    let mut any = vec![0x0a, url.len() as u8];
    any.extend_from_slice(url);
    any.extend_from_slice(&[0x12, info.len() as u8]);
    any.extend_from_slice(&info);
    let mut status = vec![0x1a, any.len() as u8];
    status.extend(any);
    status.into()
}

#[tonic::async_trait]
impl LogsService for Logs {
    async fn export(&self, request: Request<ExportLogsServiceRequest>) -> Result<Response<ExportLogsServiceResponse>, Status> {
        let mood = self.0.mood();
        match mood {
            Some(Mood::Busy) => return Err(Status::unavailable("busy")),
            Some(Mood::Throttling) => return Err(Status::with_details(Code::ResourceExhausted, "too fast", a_moment())),
            Some(Mood::Tired) => tokio::time::sleep(Duration::from_millis(200)).await,
            Some(Mood::Forgetful) | None => {}
        }
        let logs = request.into_inner().resource_logs;
        let records = logs.iter().flat_map(|logs| &logs.scope_logs).flat_map(|logs| &logs.log_records);
        self.0.take(records.map(|record| {
            let attribute = |name: &str| {
                let found = record.attributes.iter().find(|attribute| attribute.key == name);
                found.and_then(|attribute| attribute.value.as_ref()).and_then(|value| value.value.as_ref())
            };
            let Some(AnyValue::IntValue(seq)) = attribute("agentsh.seq") else { panic!("a log record without seq") };
            let Some(AnyValue::StringValue(id)) = attribute("agentsh.event.id") else { panic!("a log record without id") };
            let body = record.body.as_ref().and_then(|body| body.value.as_ref());
            let Some(AnyValue::StringValue(body)) = body else { panic!("a log record without body") };
            (u64::try_from(*seq).unwrap(), id.parse().unwrap(), body.as_bytes())
        }));
        if mood == Some(Mood::Forgetful) {
            return Err(Status::unavailable("the answer is lost"));
        }
        Ok(Response::new(ExportLogsServiceResponse::default()))
    }
}
