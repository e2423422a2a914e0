//! The server's own spans reach a collector, and a collector that does not answer stops nothing.

use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use agentsh::encode::proto::{AckRequest, SubscribeRequest, subscribe_request};
use agentsh::serve::grpc::event_service_client::EventServiceClient;
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{TraceService, TraceServiceServer};
use opentelemetry_proto::tonic::collector::trace::v1::{ExportTraceServiceRequest, ExportTraceServiceResponse};
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use tonic::{Request, Response, Status};

use super::load::{Place, Server, get, request};

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
    get(server.addr, "/api/v1/sessions/none");
    assert_eq!(server.stop(), Some(0));

    // All of them are there once the process has ended, the last commit too.
    let spans = collector.spans();
    let requests: Vec<&Span> = spans.iter().filter(|span| attribute(span, "http.request.method").is_some()).collect();
    let names: Vec<&str> = requests.iter().map(|span| span.name.as_str()).collect();
    assert_eq!(names, ["GET /health/live", "GET", "GET /api/v1/sessions/{id}"], "the path of a route names no span");
    let paths: Vec<_> = requests.iter().filter_map(|span| attribute(span, "url.path")).collect();
    let text = |text: &str| Value::StringValue(text.to_owned());
    assert_eq!(
        paths,
        [text("/health/live"), text("/nothing/here"), text("/api/v1/sessions/none")],
        "and no query, which may hold what is secret"
    );
    assert_eq!(attribute(requests[1], "http.response.status_code"), Some(Value::IntValue(404)));
    assert_eq!(attribute(requests[0], "http.request.method"), Some(text("GET")));
    assert_eq!(attribute(requests[2], "http.route"), Some(text("/api/v1/sessions/{id}")));
    assert_eq!(attribute(requests[1], "http.route"), None);
    assert!(requests.iter().all(|span| span.kind == SpanKind::Server as i32 && span.parent_span_id.is_empty()));
    assert!(spans.iter().any(|span| span.name == "commit"), "{spans:?}");
    assert!(spans.iter().all(|span| span.end_time_unix_nano >= span.start_time_unix_nano && span.trace_id.len() == 16));
    let own = ["GET", "GET /health/live", "GET /api/v1/sessions/{id}", "commit", "count"];
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

/// The caller's trace and span, as the header has them.
const CALLER: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

fn is_the_callers(span: &Span) -> bool {
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    format!("00-{}-{}-01", hex(&span.trace_id), hex(&span.parent_span_id)) == CALLER
}

#[test]
fn a_request_is_a_child_of_the_callers_span_and_none_of_a_header_that_is_malformed() {
    let collector = Collector::start();
    let endpoint = format!("http://{}", collector.addr);
    let place = Place::new();
    let mut server = Server::start_with(&place, &[("AGENTSH_TELEMETRY__OTLP_ENDPOINT", &endpoint)]);
    request(server.addr, "/health/live", &[("traceparent", CALLER)]).unwrap();
    request(server.addr, "/health/ready", &[("traceparent", "00-zz")]).unwrap();
    // Not sampled by the caller: not by the server.
    request(server.addr, "/metrics", &[("traceparent", &CALLER.replace("-01", "-00"))]).unwrap();
    assert_eq!(server.stop(), Some(0));
    let spans = collector.spans();
    let named = |name: &str| spans.iter().find(|span| span.name == name);
    assert!(is_the_callers(named("GET /health/live").unwrap()));
    assert!(named("GET /health/ready").unwrap().parent_span_id.is_empty());
    assert!(named("GET /metrics").is_none());
}

#[test]
fn calls_over_grpc_are_spans_with_their_status_and_their_caller_as_parent() {
    let collector = Collector::start();
    let endpoint = format!("http://{}", collector.addr);
    let place = Place::new();
    let variables = [("AGENTSH_TELEMETRY__OTLP_ENDPOINT", endpoint.as_str())];
    let (mut server, grpc) = Server::start_with_grpc(&place, &variables);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let channel = tonic::transport::Endpoint::from_shared(format!("http://{grpc}")).unwrap().connect().await.unwrap();
        let called = |message| {
            let mut request = Request::new(message);
            request.metadata_mut().insert("traceparent", CALLER.parse().unwrap());
            request
        };
        let mut events = EventServiceClient::new(channel.clone());
        let stream = events.subscribe(called(SubscribeRequest { end_at_head: true, start: from_start(), ..Default::default() }));
        let mut stream = stream.await.unwrap().into_inner();
        while stream.message().await.unwrap().is_some() {}
        // One whose caller goes away, one that is refused, and one that there is none of.
        let left = events.subscribe(SubscribeRequest { start: from_start(), heartbeat_ms: 50, ..Default::default() });
        let mut left = left.await.unwrap().into_inner();
        left.message().await.unwrap().unwrap();
        drop(left);
        events.ack(AckRequest { consumer: "nobody".to_owned(), seq: 1 }).await.unwrap_err();
        let mut any = tonic::client::Grpc::new(channel);
        any.ready().await.unwrap();
        let path = "/agentsh.v1.EventService/NoSuchMethod".parse().unwrap();
        let codec = tonic_prost::ProstCodec::<AckRequest, AckRequest>::default();
        any.unary(Request::new(AckRequest::default()), path, codec).await.unwrap_err();
    });
    // Its connection goes with it.
    drop(runtime);
    assert_eq!(server.stop(), Some(0));

    let spans = collector.spans();
    let calls: Vec<&Span> = spans.iter().filter(|span| attribute(span, "rpc.system").is_some()).collect();
    let text = |text: &str| Some(Value::StringValue(text.to_owned()));
    let code = |span: &Span| attribute(span, "rpc.grpc.status_code");
    let is_error = |span: &Span| span.status.as_ref().is_some_and(|status| status.code == StatusCode::Error as i32);
    let subscribed: Vec<&&Span> = calls.iter().filter(|span| span.name == "agentsh.v1.EventService/Subscribe").collect();
    let whole = subscribed.iter().find(|span| is_the_callers(span)).unwrap();
    assert_eq!(attribute(whole, "rpc.system"), text("grpc"));
    assert_eq!(attribute(whole, "rpc.service"), text("agentsh.v1.EventService"));
    assert_eq!(attribute(whole, "rpc.method"), text("Subscribe"));
    assert_eq!((code(whole), whole.kind, is_error(whole)), (Some(Value::IntValue(0)), SpanKind::Server as i32, false));
    let left = subscribed.iter().find(|span| span.parent_span_id.is_empty()).unwrap();
    assert_eq!((code(left), is_error(left)), (Some(Value::IntValue(1)), false), "its caller went away");
    let refused = calls.iter().find(|span| span.name == "agentsh.v1.EventService/Ack").unwrap();
    assert_eq!((code(refused), is_error(refused)), (Some(Value::IntValue(5)), false), "not found is the caller's affair");
    let unknown = calls.iter().find(|span| attribute(span, "rpc.method") == text("_OTHER")).unwrap();
    assert_eq!((code(unknown), is_error(unknown)), (Some(Value::IntValue(12)), true));
    assert!(attribute(unknown, "rpc.service").is_none() && !unknown.name.contains("NoSuchMethod"), "{}", unknown.name);
    assert_eq!(calls.len(), 4);
}

fn from_start() -> Option<subscribe_request::Start> {
    Some(subscribe_request::Start::FromStart(true))
}
