//! The program's own log and traces: lines on stderr, and, where a collector is named, spans over OTLP.
//!
//! Spans tell how the server works (a request, a commit, a count); what sessions do is in the journal and goes out through the sinks,
//! which lose nothing. Spans may be lost: at most 2,048 wait, and what comes while they do is dropped, so that a collector that does
//! not answer slows nothing.

use std::io::IsTerminal as _;
use std::sync::OnceLock;
use std::time::Duration;

use opentelemetry::KeyValue;
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_otlp::{ExporterBuildError, SpanExporter, WithExportConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{SdkTracer, SdkTracerProvider};
use serde::Deserialize;
use tracing_opentelemetry::OpenTelemetryLayer;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::{Layer as _, SubscriberExt as _};
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Registry, reload};

/// How long the collector may take for one batch, and at the end for all that waits.
const PATIENCE: Duration = Duration::from_secs(2);

/// Section `telemetry`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TelemetryConfig {
    /// Where the server's own spans go: an OTLP collector (gRPC without TLS, so on this machine or behind a proxy that adds it), such
    /// as `http://127.0.0.1:4317`. They go nowhere unless it is set.
    pub otlp_endpoint: Option<String>,
}

/// Why spans are not exported. The server does not start then: it was asked for them.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// The endpoint is no URL of a plain gRPC collector.
    #[error("telemetry.otlp_endpoint is `{endpoint}`: write http://HOST:PORT")]
    Endpoint {
        /// What was configured.
        endpoint: String,
    },
    /// The exporter cannot be made.
    #[error("spans cannot be exported: {0}")]
    Exporter(#[from] ExporterBuildError),
    /// The exporter's thread cannot be had.
    #[error("spans cannot be exported: {0}")]
    Runtime(#[from] std::io::Error),
}

type Exported = Option<OpenTelemetryLayer<Registry, SdkTracer>>;

/// Where an exporter is put once the configuration is known: the log begins before it is read.
static SLOT: OnceLock<(reload::Handle<Exported, Registry>, reload::Handle<Targets, Registry>)> = OnceLock::new();

/// Starts the log: lines on stderr, those that `filter` lets through.
pub fn start_log(filter: &str, color: bool) {
    let (exported, put) = reload::Layer::new(None);
    // Off, so that a span costs one look at a flag until there is an exporter.
    let (wanted, want) = reload::Layer::new(Targets::new().with_default(LevelFilter::OFF));
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .with_ansi(color && std::io::stderr().is_terminal())
        .with_target(false)
        .with_filter(EnvFilter::new(filter));
    tracing_subscriber::registry().with(exported.with_filter(wanted)).with(lines).init();
    // Only a second log of one process would find it set, and `init` does not allow that.
    let _first = SLOT.set((put, want));
}

/// Spans are exported while this lives; dropping it sends what waits.
pub(super) struct Exporting {
    provider: SdkTracerProvider,
    /// The exporter's own: the server's may be gone when the last spans leave.
    runtime: Option<tokio::runtime::Runtime>,
}

/// Begins to export spans, if the configuration names a collector.
///
/// # Errors
/// [`TelemetryError`]; nothing is exported then.
pub(super) fn export_spans(config: &TelemetryConfig) -> Result<Option<Exporting>, TelemetryError> {
    let (Some(endpoint), Some((put, want))) = (config.otlp_endpoint.as_deref(), SLOT.get()) else { return Ok(None) };
    if endpoint.strip_prefix("http://").is_none_or(str::is_empty) {
        return Err(TelemetryError::Endpoint { endpoint: endpoint.to_owned() });
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).thread_name("spans").enable_all().build()?;
    let exporter = {
        let _of_this_runtime = runtime.enter();
        SpanExporter::builder().with_tonic().with_endpoint(endpoint).with_timeout(PATIENCE).build()?
    };
    let resource = Resource::builder()
        .with_service_name("agentsh")
        .with_attributes([
            KeyValue::new("service.version", env!("CARGO_PKG_VERSION")),
            KeyValue::new("process.pid", i64::from(std::process::id())),
        ])
        .build();
    let provider = SdkTracerProvider::builder().with_batch_exporter(exporter).with_resource(resource).build();
    let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer("agentsh"));
    // Its own spans only: those of the exporter's transport would beget others for ever.
    let own = Targets::new().with_target("agentsh", LevelFilter::INFO);
    let (put, want) = (put.reload(Some(layer)), want.reload(own));
    if let Some(error) = put.err().or(want.err()) {
        tracing::warn!(%error, "spans are not exported");
    }
    Ok(Some(Exporting { provider, runtime: Some(runtime) }))
}

impl Drop for Exporting {
    fn drop(&mut self) {
        if let Some((_, want)) = SLOT.get() {
            let _gone_with_the_log = want.reload(Targets::new().with_default(LevelFilter::OFF));
        }
        if let Err(error) = self.provider.shutdown_with_timeout(PATIENCE) {
            tracing::warn!(%error, "the last spans were not exported");
        }
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}
