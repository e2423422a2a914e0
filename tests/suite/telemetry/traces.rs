//! The server's own spans reach a collector, and a collector that does not answer stops nothing.

use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{TraceService, TraceServiceServer};
use opentelemetry_proto::tonic::collector::trace::v1::{ExportTraceServiceRequest, ExportTraceServiceResponse};
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::Span;
use tonic::{Request, Response, Status};

use super::load::{Place, Server, get};

type Received = Arc<Mutex<Vec<ExportTraceServiceRequest>>>;

struct Collector {
    addr: SocketAddr,
    received: Received,
    _runtime: tokio::runtime::Runtime,
}

struct Taking(Received);

#[tonic::async_trait]
impl TraceService for Taking {
    async fn export(&self, request: Request<ExportTraceServiceRequest>) -> Result<Response<ExportTraceServiceResponse>, Status> {
        self.0.lock().unwrap().push(request.into_inner());
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

impl Collector {
    fn start() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let received = Received::default();
        let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
        let addr = listener.local_addr().unwrap();
        let service = TraceServiceServer::new(Taking(Arc::clone(&received)));
        let incoming = tokio_stream::wrappers::TcpListenerStream::new(listener);
        runtime.spawn(tonic::transport::Server::builder().add_service(service).serve_with_incoming(incoming));
        Self { addr, received, _runtime: runtime }
    }

    fn spans(&self) -> Vec<Span> {
        let received = self.received.lock().unwrap();
        let of_resource = |request: &ExportTraceServiceRequest| request.resource_spans.clone();
        received.iter().flat_map(of_resource).flat_map(|resource| resource.scope_spans).flat_map(|scope| scope.spans).collect()
    }

    fn service_names(&self) -> Vec<Value> {
        let received = self.received.lock().unwrap();
        let resources = received.iter().flat_map(|request| &request.resource_spans).filter_map(|spans| spans.resource.as_ref());
        let names = resources.flat_map(|resource| &resource.attributes).filter(|attribute| attribute.key == "service.name");
        names.filter_map(|attribute| attribute.value.clone()?.value).collect()
    }
}

fn attribute(span: &Span, key: &str) -> Option<Value> {
    span.attributes.iter().find(|attribute| attribute.key == key)?.value.clone()?.value
}

#[test]
fn requests_and_commits_of_the_server_are_spans_at_its_collector() {
    let collector = Collector::start();
    let endpoint = format!("http://{}", collector.addr);
    let place = Place::new();
    let mut server = Server::start_with(&place, &[("AGENTSH_TELEMETRY__OTLP_ENDPOINT", &endpoint)]);
    get(server.addr, "/health/live");
    get(server.addr, "/nothing/here?token=secret");
    assert_eq!(server.stop(), Some(0));

    // All of them are there once the process has ended, the last commit too.
    let spans = collector.spans();
    let requests: Vec<&Span> = spans.iter().filter(|span| span.name == "http request").collect();
    let paths: Vec<_> = requests.iter().filter_map(|span| attribute(span, "url.path")).collect();
    let text = |text: &str| Value::StringValue(text.to_owned());
    assert_eq!(paths, [text("/health/live"), text("/nothing/here")], "and no query, which may hold what is secret");
    assert_eq!(attribute(requests[1], "http.response.status_code"), Some(Value::IntValue(404)));
    assert_eq!(attribute(requests[0], "http.request.method"), Some(text("GET")));
    assert!(spans.iter().any(|span| span.name == "commit"), "{spans:?}");
    assert!(spans.iter().all(|span| span.end_time_unix_nano >= span.start_time_unix_nano && span.trace_id.len() == 16));
    let own = ["http request", "commit", "count"];
    let foreign: Vec<&str> = spans.iter().map(|span| span.name.as_str()).filter(|name| !own.contains(name)).collect();
    assert_eq!(foreign, Vec::<&str>::new(), "the exporter's own transport is not traced");
    let names = collector.service_names();
    assert!(!names.is_empty() && names.iter().all(|name| *name == text("agentsh")), "{names:?}");
}

#[test]
fn a_collector_that_does_not_answer_stops_nothing() {
    // It accepts and says nothing.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", silent.local_addr().unwrap());
    let place = Place::new();
    let mut server = Server::start_with(&place, &[("AGENTSH_TELEMETRY__OTLP_ENDPOINT", &endpoint)]);
    for _ in 0..50 {
        assert!(get(server.addr, "/health/live").contains("live"));
    }
    let told = Instant::now();
    assert_eq!(server.stop(), Some(0));
    assert!(told.elapsed() < Duration::from_secs(20), "{:?}", told.elapsed());
}

#[test]
fn an_endpoint_that_is_none_is_refused_with_what_to_write() {
    let place = Place::new();
    for endpoint in ["127.0.0.1:4317", "https://collector.test:4317", "http://"] {
        let mut command = place.agentsh(&["server", "--addr", "127.0.0.1:0"]);
        let output = command.env("AGENTSH_TELEMETRY__OTLP_ENDPOINT", endpoint).output().unwrap();
        assert_eq!(output.status.code(), Some(125));
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(said, format!("error: telemetry.otlp_endpoint is `{endpoint}`: write http://HOST:PORT\n"));
    }
}

#[test]
fn a_server_that_cannot_start_says_why_beside_its_exporter() {
    let collector = Collector::start();
    let place = Place::new();
    std::fs::write(place.data(), "a file where the data directory should be").unwrap();
    let mut command = place.agentsh(&["server", "--addr", "127.0.0.1:0"]);
    let output = command.env("AGENTSH_TELEMETRY__OTLP_ENDPOINT", format!("http://{}", collector.addr)).output().unwrap();
    assert_eq!(output.status.code(), Some(125));
    assert!(String::from_utf8_lossy(&output.stderr).starts_with("error: "));
}
