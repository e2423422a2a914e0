//! `Link`: one connection, on a runtime of its own, so that all of it is gone when it is dropped.
//!
//! The client would mend a broken connection by itself and send what is queued, past messages that were lost with the connection. That
//! would change the order, so it is kept from reconnecting, and the link is replaced.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use async_nats::jetstream::stream::{Config, StorageType};
use async_nats::jetstream::{Context, context::ContextBuilder};
use async_nats::{ConnectErrorKind, ConnectOptions, Event, ServerAddr};
use tokio::runtime::Runtime;
use tokio::sync::watch;

use super::config::NatsConfig;
use crate::sink::destination::DeliverError;
use crate::sink::secret::secret;
use crate::sink::tls::install_crypto;

/// Longer than any link is kept once it is broken.
const NEVER: Duration = Duration::from_secs(365 * 86_400);

/// The first error that the server told of by itself, such as a subject that this user may not publish to: the publication itself is
/// answered with silence.
type Complaint = Arc<OnceLock<String>>;

/// A connection that works, or did.
pub(super) struct Link {
    pub(super) stream: Context,
    broken: watch::Receiver<bool>,
    complaint: Complaint,
    runtime: Option<Runtime>,
}

impl Drop for Link {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl Link {
    /// Connects, and sees to the stream.
    pub(super) async fn open(config: &NatsConfig) -> Result<Self, DeliverError> {
        let misconfigured = |reason: String| DeliverError::Misconfigured { reason };
        let failed = |reason: String| DeliverError::Unavailable { reason, retry_after: None };
        install_crypto();
        let (breaks, broken) = watch::channel(false);
        let complaint = Complaint::default();
        let options = options(config, breaks, Arc::clone(&complaint)).map_err(misconfigured)?;
        let servers: Result<Vec<ServerAddr>, _> = config.servers.iter().map(|server| server.parse()).collect();
        let servers = servers.map_err(|error| misconfigured(format!("sinks.nats.servers: {error}")))?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("sink-nats-io")
            .enable_all()
            .build()
            .map_err(|error| failed(error.to_string()))?;
        let connecting = runtime.spawn(options.connect(servers));
        // From here on a failure takes the runtime with it.
        let mut link = HalfOpen(Some(runtime));
        let client = match connecting.await {
            Ok(Ok(client)) => client,
            Ok(Err(error)) => {
                let mut reason = error.to_string();
                // What rustls makes of a server that answers in plain text.
                if reason.contains("InvalidContentType") {
                    reason.push_str(": this server does not speak TLS; see sinks.nats.tls");
                }
                return Err(match error.kind() {
                    ConnectErrorKind::ServerParse => misconfigured(reason),
                    ConnectErrorKind::Authentication => misconfigured(format!(
                        "{reason}: the key of sinks.nats.nkey_file or sinks.nats.credentials_file cannot be used"
                    )),
                    ConnectErrorKind::AuthorizationViolation => misconfigured(format!(
                        "{reason}: the server does not accept us; see sinks.nats.token, user, nkey_file and credentials_file"
                    )),
                    ConnectErrorKind::Tls
                    | ConnectErrorKind::Dns
                    | ConnectErrorKind::TimedOut
                    | ConnectErrorKind::Io
                    | ConnectErrorKind::MaxReconnects => failed(reason),
                });
            }
            Err(error) => return Err(failed(error.to_string())),
        };
        let in_flight = usize::try_from(config.in_flight).unwrap_or(usize::MAX);
        let stream = ContextBuilder::new()
            .timeout(config.ack_timeout.duration())
            .ack_timeout(config.ack_timeout.duration())
            .max_ack_inflight(in_flight)
            .backpressure_on_inflight(true)
            .build(client);
        if config.create_stream {
            let made = stream.get_or_create_stream(stream_config(config)).await;
            let said = || complaint.get().map(|said| format!("; the server says: {said}")).unwrap_or_default();
            made.map_err(|error| failed(format!("the stream {} cannot be made: {error}{}", config.stream, said())))?;
        }
        Ok(Self { stream, broken, complaint, runtime: link.0.take() })
    }

    /// Whether the connection was lost.
    pub(super) fn is_broken(&self) -> bool {
        *self.broken.borrow()
    }

    /// What the server complained of by itself.
    pub(super) fn complaint(&self) -> Option<&str> {
        self.complaint.get().map(String::as_str)
    }

    /// Waits until the connection is lost.
    pub(super) async fn lost(&self) {
        // A sender that is gone went with the client.
        let mut broken = self.broken.clone();
        let _lost_or_gone = broken.wait_for(|broken| *broken).await;
    }
}

/// A runtime that ends when the link does not come about.
struct HalfOpen(Option<Runtime>);

impl Drop for HalfOpen {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

fn stream_config(config: &NatsConfig) -> Config {
    Config {
        name: config.stream.clone(),
        subjects: vec![format!("{}.>", config.subject_prefix)],
        storage: StorageType::File,
        num_replicas: usize::try_from(config.stream_replicas).unwrap_or(1),
        duplicate_window: config.stream_duplicate_window.duration(),
        max_age: config.stream_max_age.duration(),
        max_bytes: if config.stream_max_bytes == 0 { -1 } else { i64::try_from(config.stream_max_bytes).unwrap_or(-1) },
        description: Some("events of agentsh".to_owned()),
        ..Config::default()
    }
}

fn options(config: &NatsConfig, breaks: watch::Sender<bool>, complaint: Complaint) -> Result<ConnectOptions, String> {
    let connected = Arc::new(AtomicBool::new(false));
    let was_connected = Arc::clone(&connected);
    let breaks = Arc::new(breaks);
    let mut options = ConnectOptions::new()
        .name("agentsh")
        .connection_timeout(config.connect_timeout.duration())
        .request_timeout(Some(config.ack_timeout.duration()))
        .ping_interval(Duration::from_secs(10))
        .reconnect_delay_callback(move |_attempts| if was_connected.load(Ordering::Relaxed) { NEVER } else { Duration::ZERO })
        .event_callback(move |event| {
            match event {
                Event::Connected => connected.store(true, Ordering::Relaxed),
                Event::Disconnected | Event::Closed => {
                    breaks.send_replace(true);
                }
                Event::ServerError(error) => {
                    let _only_the_first = complaint.set(error.to_string());
                }
                Event::LameDuckMode | Event::Draining | Event::SlowConsumer(_) | Event::ClientError(_) => {}
            }
            std::future::ready(())
        })
        .require_tls(config.tls);
    if let Some(token) = secret(config.token.as_ref(), config.token_file.as_deref())? {
        options = options.token(token.reveal().to_owned());
    }
    let password = secret(config.password.as_ref(), config.password_file.as_deref())?;
    match (&config.user, password) {
        (Some(user), Some(password)) => options = options.user_and_password(user.clone(), password.reveal().to_owned()),
        (None, None) => {}
        (Some(_), None) => return Err("sinks.nats.user needs sinks.nats.password or sinks.nats.password_file".to_owned()),
        (None, Some(_)) => return Err("sinks.nats.password needs sinks.nats.user".to_owned()),
    }
    if let Some(credentials) = secret(None, config.credentials_file.as_deref())? {
        // The client wants the last line's end, which a secret is without.
        let read = options.credentials(&format!("{}\n", credentials.reveal()));
        options = read.map_err(|_| "sinks.nats.credentials_file holds no credentials".to_owned())?;
    }
    if let Some(seed) = secret(None, config.nkey_file.as_deref())? {
        options = options.nkey(seed.reveal().trim().to_owned());
    }
    if let Some(ca) = &config.ca_file {
        options = options.add_root_certificates(ca.clone());
    }
    match (&config.cert_file, &config.key_file) {
        (Some(certificate), Some(key)) => options = options.add_client_certificate(certificate.clone(), key.clone()),
        (None, None) => {}
        _ => return Err("sinks.nats.cert_file and sinks.nats.key_file belong together".to_owned()),
    }
    Ok(options)
}
