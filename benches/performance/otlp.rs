//! Events from the journal to an OpenTelemetry collector that answers at once, with the whole loop: read, encode, send, answer, cursor.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use agentsh::event::SessionCreated;
use agentsh::journal::{DataDir, Journal, JournalConfig, ReaderStore};
use agentsh::runtime::units::Millis;
use agentsh::sink::otlp::{Compression, OtlpConfig, OtlpDestination, Signal, Transport};
use agentsh::sink::{Deliverer, Delivery, DeliveryConfig, SelectionConfig};
use opentelemetry_proto::tonic::collector::logs::v1::logs_service_server::{LogsService, LogsServiceServer};
use opentelemetry_proto::tonic::collector::logs::v1::{ExportLogsServiceRequest, ExportLogsServiceResponse};
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{TraceService, TraceServiceServer};
use opentelemetry_proto::tonic::collector::trace::v1::{ExportTraceServiceRequest, ExportTraceServiceResponse};
use tonic::{Request, Response, Status};

use crate::{load, median};

const OPERATIONS: u64 = 60_000;
const ROUNDS: usize = 3;

pub fn run(folder: &Path) -> String {
    let folder = folder.join("otlp");
    let _ = std::fs::remove_dir_all(&folder);
    let head = record(&folder, OPERATIONS);
    let mut text = format!(
        "Events/s of the OTLP sink from a journal of {head} events (a third each `file_open`, `policy_decision`, `file_close`) until the \
         collector has answered for the last one and the cursor is written; median of {ROUNDS} runs. The collector is in the same process \
         and shares its cores: over HTTP it reads the request and answers, over gRPC it is tonic with the messages of \
         `opentelemetry-proto`, which decodes every one. Bytes are those of the bodies.\n\n\
         | transport | signals | compression | events/s | bytes/event |\n|---|---|---|---|---|\n"
    );
    let both = [Signal::Logs, Signal::Traces];
    for (transport, signals, compression) in [
        (Transport::Http, &both[..1], Compression::None),
        (Transport::Http, &both[..], Compression::None),
        (Transport::Http, &both[..], Compression::Gzip),
        (Transport::Grpc, &both[..1], Compression::None),
        (Transport::Grpc, &both[..], Compression::None),
    ] {
        let runs: Vec<(f64, f64)> = (0..ROUNDS).map(|_| deliver(&folder, head, transport, signals, compression)).collect();
        let rates: Vec<f64> = runs.iter().map(|run| run.0).collect();
        let bytes = if transport == Transport::Http { format!("{:.0}", runs[0].1) } else { "".to_owned() };
        let signals: Vec<&str> = signals.iter().map(|signal| signal.as_str()).collect();
        text += &format!("| {transport:?} | {} | {compression:?} | {:.0} | {bytes} |\n", signals.join(", "), median(&rates));
    }
    text
}

/// A journal of so many operations with their decisions and ends; its head.
pub fn record(folder: &Path, operations: u64) -> u64 {
    let journal = Journal::open(folder, &JournalConfig::default()).unwrap();
    let session = load::session(journal.channel());
    session.observe(SessionCreated::default(), None, None);
    for number in 0..operations {
        let verdict = session.gate(load::open(number), Some(load::actor()), None);
        session.observe(load::close(number), Some(load::actor()), Some(verdict.event));
    }
    journal.close().unwrap();
    ReaderStore::open(&DataDir::at(folder).journal()).unwrap().head().unwrap()
}

/// Events/s and bytes of an event.
fn deliver(folder: &Path, head: u64, transport: Transport, signals: &[Signal], compression: Compression) -> (f64, f64) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let config = OtlpConfig {
        enabled: true,
        endpoint: format!("http://{}", listener.local_addr().unwrap()),
        protocol: transport,
        signals: signals.to_vec(),
        compression,
        ..OtlpConfig::default()
    };
    let count = Arc::new(AtomicU64::new(0));
    let collector = match transport {
        Transport::Http => {
            let count = Arc::clone(&count);
            std::thread::spawn(move || http(&listener, &count));
            None
        }
        Transport::Grpc => Some(grpc(listener, Arc::clone(&count))),
    };
    // A name of its own for each run: each begins with the journal's first event.
    let name = format!("bench-{:?}", Instant::now());
    let delivery = Delivery {
        data_dir: DataDir::at(folder),
        config: DeliveryConfig { close_timeout: Millis::new(600_000), ..DeliveryConfig::default() },
        selection: SelectionConfig::default(),
        report: Arc::new(|_| {}),
        at: None,
    };
    let started = Instant::now();
    let sink = Deliverer::start(&name, OtlpDestination::new(config, DataDir::at(folder)), delivery).unwrap();
    assert!(sink.end());
    let rate = head as f64 / started.elapsed().as_secs_f64();
    let counted = count.load(Ordering::Relaxed);
    if collector.is_some() {
        assert_eq!(counted, head);
    }
    (rate, counted as f64 / head as f64)
}

/// Reads requests and answers; counts bytes of bodies.
pub fn http(listener: &TcpListener, count: &AtomicU64) {
    let (stream, _) = listener.accept().unwrap();
    let mut reader = BufReader::with_capacity(256 << 10, &stream);
    let (mut line, mut body) = (String::new(), Vec::new());
    loop {
        let mut length = 0;
        loop {
            line.clear();
            if reader.read_line(&mut line).unwrap_or(0) == 0 {
                return;
            }
            let lower = line.to_ascii_lowercase();
            if let Some(value) = lower.strip_prefix("content-length:") {
                length = value.trim().parse().unwrap();
            }
            if line == "\r\n" {
                break;
            }
        }
        body.resize(length, 0);
        reader.read_exact(&mut body).unwrap();
        count.fetch_add(length as u64, Ordering::Relaxed);
        (&stream).write_all(b"HTTP/1.1 200 OK\r\nContent-Type: application/x-protobuf\r\nContent-Length: 0\r\n\r\n").unwrap();
    }
}

/// Decodes requests and answers; counts log records.
struct Counting(Arc<AtomicU64>);

#[tonic::async_trait]
impl LogsService for Counting {
    async fn export(&self, request: Request<ExportLogsServiceRequest>) -> Result<Response<ExportLogsServiceResponse>, Status> {
        let scopes = request.get_ref().resource_logs.iter().flat_map(|resource| &resource.scope_logs);
        self.0.fetch_add(scopes.map(|scope| scope.log_records.len() as u64).sum(), Ordering::Relaxed);
        Ok(Response::new(ExportLogsServiceResponse::default()))
    }
}

#[tonic::async_trait]
impl TraceService for Counting {
    async fn export(&self, _: Request<ExportTraceServiceRequest>) -> Result<Response<ExportTraceServiceResponse>, Status> {
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

fn grpc(listener: TcpListener, count: Arc<AtomicU64>) -> tokio::runtime::Runtime {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    listener.set_nonblocking(true).unwrap();
    let _within = runtime.enter();
    let listener = tokio::net::TcpListener::from_std(listener).unwrap();
    let server = tonic::transport::Server::builder()
        .add_service(LogsServiceServer::new(Counting(Arc::clone(&count))))
        .add_service(TraceServiceServer::new(Counting(count)))
        .serve_with_incoming(tonic::transport::server::TcpIncoming::from(listener).with_nodelay(Some(true)));
    runtime.spawn(server);
    runtime
}
