//! The program's own telemetry: log lines on stderr, and, where it is configured, the server's spans to a collector.
//!
//! Only `agentsh server` exports: what runs a session's command never speaks to a collector. Without an endpoint no exporter exists, and a
//! span costs what a log line costs that nobody asked for.

use std::time::Duration;

use opentelemetry::trace::TracerProvider as _;
use opentelemetry_otlp::{SpanExporter, WithExportConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tokio::runtime::Runtime;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer as _};

/// How long the last spans may take to the collector when the server ends.
const LAST_WORDS: Duration = Duration::from_secs(3);

/// How log lines look.
#[derive(Clone, Copy, Debug)]
pub struct LogStyle<'a> {
    /// Which lines, as `AGENTSH_LOG` says it (`warn`, `agentsh=debug` …).
    pub filter: &'a str,
    /// Whether they are coloured.
    pub ansi: bool,
}

/// Why spans cannot be exported.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// The endpoint cannot be one.
    #[error("`telemetry.otlp.endpoint` cannot be used: {0}")]
    Exporter(#[from] opentelemetry_otlp::ExporterBuildError),
    /// No runtime can be had.
    #[error("spans cannot be exported: {0}")]
    Runtime(#[from] std::io::Error),
}

/// Exports until it is dropped, and then what is left.
#[derive(Debug)]
pub struct Telemetry {
    provider: SdkTracerProvider,
    /// Drives the exporter's connection.
    _runtime: Runtime,
}

impl Drop for Telemetry {
    fn drop(&mut self) {
        if let Err(error) = self.provider.shutdown_with_timeout(LAST_WORDS) {
            tracing::warn!(%error, "the last spans of the server could not be exported");
        }
    }
}

/// Writes log lines to stderr.
pub fn log(style: LogStyle<'_>) {
    tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::new(style.filter))
        .with_writer(std::io::stderr)
        .with_ansi(style.ansi)
        .with_target(false)
        .init();
}

/// Writes log lines to stderr and exports this program's spans over OTLP/gRPC.
///
/// # Errors
/// [`TelemetryError`]; no log line is written then either.
pub fn log_and_export(style: LogStyle<'_>, endpoint: &str) -> Result<Telemetry, TelemetryError> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).thread_name("telemetry").enable_all().build()?;
    let exporter = {
        let _within = runtime.enter();
        SpanExporter::builder().with_tonic().with_endpoint(endpoint).build()?
    };
    let resource = Resource::builder().with_service_name("agentsh-server").build();
    // Its queue holds 2,048 spans; more are dropped, which is right for what only tells how the server fares.
    let provider = SdkTracerProvider::builder().with_batch_exporter(exporter).with_resource(resource).build();
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .with_ansi(style.ansi)
        .with_target(false)
        .with_filter(EnvFilter::new(style.filter));
    // The exporter's own libraries have spans too; exported, each would make more.
    let ours = Targets::new().with_target("agentsh", LevelFilter::INFO);
    let spans = tracing_opentelemetry::layer().with_tracer(provider.tracer("agentsh")).with_filter(ours);
    tracing_subscriber::registry().with(lines).with(spans).init();
    Ok(Telemetry { provider, _runtime: runtime })
}
