//! Collectors on the far side of the network: what they took stays with them, also when their answer is lost.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use opentelemetry_proto::tonic::collector::logs::v1::logs_service_server::{LogsService, LogsServiceServer};
use opentelemetry_proto::tonic::collector::logs::v1::{ExportLogsServiceRequest, ExportLogsServiceResponse};
use opentelemetry_proto::tonic::common::v1::any_value::Value as AnyValue;
use tonic::{Request, Response, Status};

/// How a collector treats what comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mood {
    Willing = 0,
    /// Answers that it cannot now.
    Busy = 1,
    /// Takes everything and answers that it failed.
    Forgetful = 2,
    /// Takes its time.
    Tired = 3,
}

/// What a collector has: for each seq, the id of its event, and how often it came.
#[derive(Default)]
pub struct Taken {
    mood: AtomicU8,
    events: Mutex<BTreeMap<u64, (String, u64)>>,
    requests: AtomicU64,
    wrong: Mutex<Option<String>>,
}

impl Taken {
    pub fn set(&self, mood: Mood) {
        self.mood.store(mood as u8, Ordering::Relaxed);
    }

    fn mood(&self) -> Mood {
        match self.mood.load(Ordering::Relaxed) {
            1 => Mood::Busy,
            2 => Mood::Forgetful,
            3 => Mood::Tired,
            _ => Mood::Willing,
        }
    }

    pub fn len(&self) -> u64 {
        self.events.lock().unwrap().len() as u64
    }

    pub fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }

    /// Events that came more than once.
    pub fn repeats(&self) -> u64 {
        self.events.lock().unwrap().values().map(|(_, times)| times - 1).sum()
    }

    /// The events, in the order of their seq.
    pub fn events(&self) -> Vec<(u64, String)> {
        assert_eq!(*self.wrong.lock().unwrap(), None);
        self.events.lock().unwrap().iter().map(|(seq, (id, _))| (*seq, id.clone())).collect()
    }

    fn take(&self, seq: u64, id: String) {
        let mut events = self.events.lock().unwrap();
        let (known, times) = events.entry(seq).or_insert_with(|| (id.clone(), 0));
        if *known != id {
            self.wrong.lock().unwrap().get_or_insert(format!("seq {seq} came as {known} and as {id}"));
        }
        *times += 1;
    }
}

/// A webhook's endpoint.
pub async fn webhook(taken: Arc<Taken>) -> SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let router = Router::new().fallback(hook).with_state(taken);
    tokio::spawn(async move { axum::serve(listener, router).await });
    addr
}

async fn hook(State(taken): State<Arc<Taken>>, body: Bytes) -> axum::response::Response {
    taken.requests.fetch_add(1, Ordering::Relaxed);
    let mood = taken.mood();
    if mood == Mood::Busy {
        return (StatusCode::SERVICE_UNAVAILABLE, [("retry-after", "0")]).into_response();
    }
    if mood == Mood::Tired {
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    let events: Vec<serde_json::Value> = match serde_json::from_slice(&body) {
        Ok(serde_json::Value::Array(events)) => events,
        _ => body
            .split(|byte| *byte == b'\n')
            .filter(|line| !line.is_empty())
            .map(|line| serde_json::from_slice(line).unwrap())
            .collect(),
    };
    for event in events {
        taken.take(event["seq"].as_u64().unwrap(), event["id"].as_str().unwrap().to_owned());
    }
    if mood == Mood::Forgetful { StatusCode::INTERNAL_SERVER_ERROR } else { StatusCode::OK }.into_response()
}

/// An OpenTelemetry collector of logs.
pub async fn otlp(taken: Arc<Taken>) -> SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let service = LogsServiceServer::new(Logs(taken))
        .max_decoding_message_size(64 << 20)
        .accept_compressed(tonic::codec::CompressionEncoding::Gzip);
    let incoming = tokio_stream::wrappers::TcpListenerStream::new(listener);
    tokio::spawn(tonic::transport::Server::builder().add_service(service).serve_with_incoming(incoming));
    addr
}

struct Logs(Arc<Taken>);

#[tonic::async_trait]
impl LogsService for Logs {
    async fn export(&self, request: Request<ExportLogsServiceRequest>) -> Result<Response<ExportLogsServiceResponse>, Status> {
        let taken = &self.0;
        taken.requests.fetch_add(1, Ordering::Relaxed);
        let mood = taken.mood();
        if mood == Mood::Busy {
            return Err(Status::unavailable("busy"));
        }
        if mood == Mood::Tired {
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        let logs = request.into_inner().resource_logs;
        for record in logs.iter().flat_map(|logs| &logs.scope_logs).flat_map(|logs| &logs.log_records) {
            let attribute = |name: &str| {
                let found = record.attributes.iter().find(|attribute| attribute.key == name);
                found.and_then(|attribute| attribute.value.as_ref()).and_then(|value| value.value.clone())
            };
            let (Some(AnyValue::IntValue(seq)), Some(AnyValue::StringValue(id))) =
                (attribute("agentsh.seq"), attribute("agentsh.event.id"))
            else {
                taken.wrong.lock().unwrap().get_or_insert("a log record without seq or id".to_owned());
                continue;
            };
            taken.take(u64::try_from(seq).unwrap(), id);
        }
        if mood == Mood::Forgetful {
            return Err(Status::unavailable("the answer is lost"));
        }
        Ok(Response::new(ExportLogsServiceResponse::default()))
    }
}
