//! A collector that answers as a test tells it to, over HTTP and gRPC.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io::{BufRead as _, BufReader, Read as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use agentsh::sink::otlp::{OtlpConfig, Signal, Transport};
use opentelemetry_proto::tonic::collector::logs::v1::logs_service_server::{LogsService, LogsServiceServer};
use opentelemetry_proto::tonic::collector::logs::v1::{
    ExportLogsPartialSuccess, ExportLogsServiceRequest, ExportLogsServiceResponse,
};
use opentelemetry_proto::tonic::collector::metrics::v1::metrics_service_server::{MetricsService, MetricsServiceServer};
use opentelemetry_proto::tonic::collector::metrics::v1::{ExportMetricsServiceRequest, ExportMetricsServiceResponse};
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{TraceService, TraceServiceServer};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTracePartialSuccess, ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::logs::v1::LogRecord;
use opentelemetry_proto::tonic::metrics::v1::Metric;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;
use tonic::{Code, Request, Response, Status};

use super::rig::attribute;

/// One request, read.
#[derive(Clone, Debug, Default)]
pub struct Received {
    pub signal: Option<Signal>,
    pub headers: BTreeMap<String, String>,
    pub resource: Vec<opentelemetry_proto::tonic::common::v1::KeyValue>,
    pub logs: Vec<LogRecord>,
    pub spans: Vec<Span>,
    pub metrics: Vec<Metric>,
}

impl Received {
    /// The places in the journal of its log records.
    pub fn seqs(&self) -> Vec<u64> {
        self.logs.iter().map(seq).collect()
    }
}

pub fn seq(record: &LogRecord) -> u64 {
    attribute(&record.attributes, "agentsh.seq").unwrap().parse().unwrap()
}

/// What it answers.
#[derive(Clone, Debug)]
pub enum Reply {
    Take,
    /// Takes all but so many, and says this.
    Partly(i64, &'static str),
    /// A status of HTTP, with headers and a body.
    Http(u16, &'static str, &'static str),
    /// A status of gRPC, with seconds of a `RetryInfo`.
    Grpc(Code, &'static str, Option<u64>),
    /// Something that is neither, with status 200.
    Garbage,
    /// Nothing: the connection is cut.
    Cut,
}

type Answer = dyn Fn(&Received) -> Reply + Send + Sync;

/// What came, and what is answered to it.
#[derive(Clone)]
pub struct Desk {
    received: Arc<Mutex<Vec<Received>>>,
    answer: Arc<Answer>,
}

impl Desk {
    fn handle(&self, received: Received) -> Reply {
        let reply = (self.answer)(&received);
        if matches!(reply, Reply::Take | Reply::Partly(..)) {
            self.received.lock().unwrap().push(received);
        }
        reply
    }
}

/// See the module's head. What it has is what it took.
pub struct Collector {
    pub address: SocketAddr,
    transport: Transport,
    desk: Desk,
    _runtime: Option<tokio::runtime::Runtime>,
}

impl Collector {
    pub fn start(transport: Transport, answer: impl Fn(&Received) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        Self::start_at(listener, transport, None, answer)
    }

    /// The same behind TLS, which asks for a certificate.
    pub fn start_secure(transport: Transport, keys: &Keys) -> Self {
        Self::start_at(TcpListener::bind("127.0.0.1:0").unwrap(), transport, Some(keys), |_| Reply::Take)
    }

    fn start_at(
        listener: TcpListener,
        transport: Transport,
        keys: Option<&Keys>,
        answer: impl Fn(&Received) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let address = listener.local_addr().unwrap();
        let desk = Desk { received: Arc::default(), answer: Arc::new(answer) };
        let runtime = match transport {
            Transport::Http => {
                let (desk, tls) = (desk.clone(), keys.map(Keys::for_http));
                std::thread::spawn(move || {
                    for stream in listener.incoming() {
                        let desk = desk.clone();
                        let tls = tls.clone();
                        std::thread::spawn(move || serve_http(stream.unwrap(), &desk, tls.as_ref()));
                    }
                });
                None
            }
            Transport::Grpc => Some(serve_grpc(listener, desk.clone(), keys)),
        };
        Self { address, transport, desk, _runtime: runtime }
    }

    /// A configuration that names it.
    pub fn config(&self) -> OtlpConfig {
        OtlpConfig {
            enabled: true,
            endpoint: format!("http://{}", self.address),
            protocol: self.transport,
            timeout: agentsh::runtime::units::Millis::new(5_000),
            ..OtlpConfig::default()
        }
    }

    pub fn received(&self) -> Vec<Received> {
        self.desk.received.lock().unwrap().clone()
    }

    /// Places in the journal of all log records that it took, in the order in which they came.
    pub fn seqs(&self) -> Vec<u64> {
        self.received().iter().flat_map(Received::seqs).collect()
    }

    pub fn seq_set(&self) -> BTreeSet<u64> {
        self.seqs().into_iter().collect()
    }

    pub fn spans(&self) -> Vec<Span> {
        self.received().into_iter().flat_map(|received| received.spans).collect()
    }

    /// How often each id of a log record came.
    pub fn uids(&self) -> HashMap<String, usize> {
        let mut uids = HashMap::new();
        for record in self.received().into_iter().flat_map(|received| received.logs) {
            *uids.entry(attribute(&record.attributes, "log.record.uid").unwrap()).or_insert(0) += 1;
        }
        uids
    }
}

/// An authority, and a certificate of it for each side, as PEM.
pub struct Keys {
    pub authority: String,
    /// Certificate and key, of 127.0.0.1.
    pub server: (String, String),
    pub client: (String, String),
}

impl Keys {
    pub fn new() -> Self {
        let key = rcgen::KeyPair::generate().unwrap();
        let mut params = rcgen::CertificateParams::default();
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let authority = params.self_signed(&key).unwrap().pem();
        let issuer = rcgen::Issuer::new(params, key);
        let of = |name: &str| {
            let key = rcgen::KeyPair::generate().unwrap();
            let params = rcgen::CertificateParams::new(vec![name.to_owned()]).unwrap();
            (params.signed_by(&key, &issuer).unwrap().pem(), key.serialize_pem())
        };
        Self { server: of("127.0.0.1"), client: of("agentsh.test"), authority }
    }

    fn for_http(&self) -> Arc<rustls::ServerConfig> {
        use rustls::pki_types::pem::PemObject as _;
        use rustls::pki_types::{CertificateDer, PrivateKeyDer};
        agentsh::sink::install_crypto();
        let certificate = |pem: &str| CertificateDer::from_pem_slice(pem.as_bytes()).unwrap();
        let mut roots = rustls::RootCertStore::empty();
        roots.add(certificate(&self.authority)).unwrap();
        let verifier = rustls::server::WebPkiClientVerifier::builder(Arc::new(roots)).build().unwrap();
        let key = PrivateKeyDer::from_pem_slice(self.server.1.as_bytes()).unwrap();
        let config = rustls::ServerConfig::builder().with_client_cert_verifier(verifier);
        Arc::new(config.with_single_cert(vec![certificate(&self.server.0)], key).unwrap())
    }
}

fn of_logs(request: ExportLogsServiceRequest) -> Received {
    let mut received = Received { signal: Some(Signal::Logs), ..Received::default() };
    for resource in request.resource_logs {
        received.resource = resource.resource.unwrap().attributes;
        received.logs.extend(resource.scope_logs.into_iter().flat_map(|scope| {
            assert_eq!(scope.scope.unwrap().name, "agentsh");
            scope.log_records
        }));
    }
    received
}

fn of_spans(request: ExportTraceServiceRequest) -> Received {
    let scopes = request.resource_spans.into_iter().flat_map(|resource| resource.scope_spans);
    Received { signal: Some(Signal::Traces), spans: scopes.flat_map(|scope| scope.spans).collect(), ..Received::default() }
}

fn of_metrics(request: ExportMetricsServiceRequest) -> Received {
    let scopes = request.resource_metrics.into_iter().flat_map(|resource| resource.scope_metrics);
    Received { signal: Some(Signal::Metrics), metrics: scopes.flat_map(|scope| scope.metrics).collect(), ..Received::default() }
}

fn partial(signal: Signal, rejected: i64, message: &str) -> Vec<u8> {
    let error_message = message.to_owned();
    match signal {
        Signal::Traces => {
            let partial = ExportTracePartialSuccess { rejected_spans: rejected, error_message };
            ExportTraceServiceResponse { partial_success: Some(partial) }.encode_to_vec()
        }
        Signal::Logs | Signal::Metrics => {
            let partial = ExportLogsPartialSuccess { rejected_log_records: rejected, error_message };
            ExportLogsServiceResponse { partial_success: Some(partial) }.encode_to_vec()
        }
    }
}

/// HTTP/1.1, a request after another, until the client closes.
fn serve_http(stream: TcpStream, desk: &Desk, tls: Option<&Arc<rustls::ServerConfig>>) {
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    match tls {
        None => serve_requests(stream, desk),
        Some(tls) => {
            let connection = rustls::ServerConnection::new(Arc::clone(tls)).unwrap();
            serve_requests(rustls::StreamOwned::new(connection, stream), desk);
        }
    }
}

fn serve_requests(stream: impl std::io::Read + std::io::Write, desk: &Desk) {
    let mut reader = BufReader::new(stream);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).unwrap_or(0) == 0 {
            return;
        }
        let path = line.split(' ').nth(1).unwrap().to_owned();
        let mut headers = BTreeMap::new();
        loop {
            let mut line = String::new();
            reader.read_line(&mut line).unwrap();
            match line.trim_end().split_once(": ") {
                Some((name, value)) => headers.insert(name.to_ascii_lowercase(), value.to_owned()),
                None => break,
            };
        }
        let mut body = vec![0; headers["content-length"].parse().unwrap()];
        reader.read_exact(&mut body).unwrap();
        if headers.get("content-encoding").is_some_and(|coding| coding == "gzip") {
            let mut plain = Vec::new();
            flate2::read::GzDecoder::new(body.as_slice()).read_to_end(&mut plain).unwrap();
            body = plain;
        }
        assert_eq!(headers["content-type"], "application/x-protobuf");
        let mut received = match path.as_str() {
            "/v1/logs" => of_logs(ExportLogsServiceRequest::decode(body.as_slice()).unwrap()),
            "/v1/traces" => of_spans(ExportTraceServiceRequest::decode(body.as_slice()).unwrap()),
            "/v1/metrics" => of_metrics(ExportMetricsServiceRequest::decode(body.as_slice()).unwrap()),
            other => panic!("{other}"),
        };
        received.headers = headers;
        let signal = received.signal.unwrap();
        let protobuf = "Content-Type: application/x-protobuf\r\n";
        let (status, headers, body) = match desk.handle(received) {
            Reply::Take => (200, protobuf, Vec::new()),
            Reply::Partly(rejected, message) => (200, protobuf, partial(signal, rejected, message)),
            Reply::Http(status, headers, body) => (status, headers, body.as_bytes().to_vec()),
            Reply::Garbage => (200, "Content-Type: text/html\r\n", b"<h1>It works!</h1>".to_vec()),
            Reply::Cut | Reply::Grpc(..) => return,
        };
        let head = format!("HTTP/1.1 {status} X\r\n{headers}Content-Length: {}\r\n\r\n", body.len());
        let stream = reader.get_mut();
        if stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&body)).is_err() {
            return;
        }
    }
}

fn serve_grpc(listener: TcpListener, desk: Desk, keys: Option<&Keys>) -> tokio::runtime::Runtime {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    listener.set_nonblocking(true).unwrap();
    let _within = runtime.enter();
    let listener = tokio::net::TcpListener::from_std(listener).unwrap();
    let incoming = tokio_stream::wrappers::TcpListenerStream::new(listener);
    let gzip = tonic::codec::CompressionEncoding::Gzip;
    let mut server = tonic::transport::Server::builder();
    if let Some(keys) = keys {
        let tls = tonic::transport::ServerTlsConfig::new()
            .identity(tonic::transport::Identity::from_pem(&keys.server.0, &keys.server.1))
            .client_ca_root(tonic::transport::Certificate::from_pem(&keys.authority));
        server = server.tls_config(tls).unwrap();
    }
    let server = server
        .add_service(LogsServiceServer::new(desk.clone()).accept_compressed(gzip))
        .add_service(TraceServiceServer::new(desk.clone()).accept_compressed(gzip))
        .add_service(MetricsServiceServer::new(desk).accept_compressed(gzip))
        .serve_with_incoming(incoming);
    runtime.spawn(server);
    runtime
}

/// `google.rpc.Status` with a `RetryInfo`, written by hand: field 3 an `Any`, whose field 2 has field 1 a duration of so many seconds.
fn retry_info(seconds: u64) -> Vec<u8> {
    let url = b"type.googleapis.com/google.rpc.RetryInfo";
    let value = [0x0a, 2, 0x08, seconds as u8];
    let mut any = vec![0x0a, url.len() as u8];
    any.extend_from_slice(url);
    any.extend_from_slice(&[0x12, value.len() as u8]);
    any.extend_from_slice(&value);
    let mut status = vec![0x1a, any.len() as u8];
    status.extend_from_slice(&any);
    status
}

impl Desk {
    fn grpc<T: Message + Default>(
        &self,
        headers: &tonic::metadata::MetadataMap,
        received: Received,
    ) -> Result<Response<T>, Status> {
        let signal = received.signal.unwrap();
        let headers = headers.iter().filter_map(|entry| match entry {
            tonic::metadata::KeyAndValueRef::Ascii(key, value) => {
                Some((key.as_str().to_owned(), value.to_str().unwrap().to_owned()))
            }
            tonic::metadata::KeyAndValueRef::Binary(..) => None,
        });
        let received = Received { headers: headers.collect(), ..received };
        match self.handle(received) {
            Reply::Take => Ok(Response::new(T::default())),
            Reply::Partly(rejected, message) => {
                Ok(Response::new(T::decode(partial(signal, rejected, message).as_slice()).unwrap()))
            }
            Reply::Grpc(code, message, None) => Err(Status::new(code, message)),
            Reply::Grpc(code, message, Some(seconds)) => Err(Status::with_details(code, message, retry_info(seconds).into())),
            other => panic!("{other:?} is not for gRPC"),
        }
    }
}

#[tonic::async_trait]
impl LogsService for Desk {
    async fn export(&self, request: Request<ExportLogsServiceRequest>) -> Result<Response<ExportLogsServiceResponse>, Status> {
        let (metadata, _, request) = request.into_parts();
        self.grpc(&metadata, of_logs(request))
    }
}

#[tonic::async_trait]
impl TraceService for Desk {
    async fn export(&self, request: Request<ExportTraceServiceRequest>) -> Result<Response<ExportTraceServiceResponse>, Status> {
        let (metadata, _, request) = request.into_parts();
        self.grpc(&metadata, of_spans(request))
    }
}

#[tonic::async_trait]
impl MetricsService for Desk {
    async fn export(
        &self,
        request: Request<ExportMetricsServiceRequest>,
    ) -> Result<Response<ExportMetricsServiceResponse>, Status> {
        let (metadata, _, request) = request.into_parts();
        self.grpc(&metadata, of_metrics(request))
    }
}
