//! OTLP over gRPC: one connection, one call at a time.

use std::time::Duration;

use bytes::Bytes;
use http::uri::{PathAndQuery, Uri};
use tonic::client::Grpc;
use tonic::codec::CompressionEncoding;
use tonic::metadata::{AsciiMetadataKey, AsciiMetadataValue, MetadataMap};
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Status};

use super::answer::{self, Fault, Taken};
use super::codec::Encoded;
use super::config::{Compression, OtlpConfig, OtlpConfigError, Signal, pairs};
use super::tls;
use crate::sink::destination::whole;

/// A response is a few words.
const MOST_RESPONSE_BYTES: usize = 1 << 20;

/// See the module's head.
pub(super) struct GrpcClient {
    grpc: Grpc<Channel>,
    metadata: MetadataMap,
    timeout: Duration,
}

impl GrpcClient {
    pub(super) fn new(config: &OtlpConfig) -> Result<Self, OtlpConfigError> {
        let wrong = || OtlpConfigError::Endpoint { endpoint: config.endpoint.clone() };
        let uri: Uri = config.endpoint.parse().map_err(|_| wrong())?;
        let secure = uri.scheme_str() == Some("https");
        if uri.host().is_none_or(str::is_empty) || !(secure || uri.scheme_str() == Some("http")) {
            return Err(wrong());
        }
        let timeout = config.timeout.duration();
        let mut endpoint: Endpoint = Channel::builder(uri)
            .connect_timeout(timeout)
            .http2_keep_alive_interval(Duration::from_secs(30))
            .initial_stream_window_size(1 << 20)
            .tcp_nodelay(true);
        if secure {
            let settings = tls::for_grpc(config)?;
            endpoint =
                endpoint.tls_config(settings).map_err(|error| OtlpConfigError::Tls { key: "ca_file", reason: whole(&error) })?;
        }
        let mut grpc = Grpc::new(endpoint.connect_lazy()).max_decoding_message_size(MOST_RESPONSE_BYTES);
        match config.compression {
            Compression::None => {}
            Compression::Gzip => {
                grpc = grpc.send_compressed(CompressionEncoding::Gzip).accept_compressed(CompressionEncoding::Gzip);
            }
        }
        let mut metadata = MetadataMap::new();
        for (name, value) in pairs("headers", &config.headers)? {
            let cannot = || OtlpConfigError::Header { name: name.clone() };
            let key: AsciiMetadataKey = name.to_ascii_lowercase().parse().map_err(|_| cannot())?;
            let value: AsciiMetadataValue = value.parse().map_err(|_| cannot())?;
            metadata.insert(key, value);
        }
        Ok(Self { grpc, metadata, timeout })
    }

    pub(super) async fn send(&mut self, signal: Signal, request: Vec<u8>) -> Result<Taken, Fault> {
        let sent = tokio::time::timeout(self.timeout, self.call(signal, Bytes::from(request))).await;
        match sent {
            Ok(Ok(response)) => answer::taken(&response),
            Ok(Err(status)) => Err(answer::grpc(&status)),
            Err(_) => Err(Fault::later(format!("no answer within {:?}", self.timeout))),
        }
    }

    async fn call(&mut self, signal: Signal, message: Bytes) -> Result<Bytes, Status> {
        self.grpc.ready().await.map_err(|error| Status::unavailable(whole(&error)))?;
        let mut request = Request::new(message);
        *request.metadata_mut() = self.metadata.clone();
        Ok(self.grpc.unary(request, path(signal), Encoded).await?.into_inner())
    }
}

fn path(signal: Signal) -> PathAndQuery {
    PathAndQuery::from_static(match signal {
        Signal::Logs => "/opentelemetry.proto.collector.logs.v1.LogsService/Export",
        Signal::Traces => "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
        Signal::Metrics => "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export",
    })
}
