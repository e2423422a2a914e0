//! `GrpcServer`: start, where it listens, health, and an end within a deadline.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval, timeout};
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::Server;
use tonic_health::ServingStatus;
use tonic_health::server::HealthReporter;

use super::config::GrpcConfig;
use super::connection::Acceptor;
use super::gate::{GateLayer, Rules};
use super::services::{Services, compressed};
use super::tls::{TlsError, acceptor};
use super::trace::TraceLayer;
use crate::encode::proto::DESCRIPTORS;
use crate::serve::auth::SignIns;
use crate::serve::listen::{Admission, NotLoopback, checked};

/// How often it is asked whether the server can do its work.
const LOOK: Duration = Duration::from_millis(250);

/// Why the gRPC service did not start. Nothing listens.
#[derive(Debug, thiserror::Error)]
pub enum GrpcError {
    /// Others can reach the address, and there are no keys.
    #[error("server.grpc.addr: {0}")]
    NotLoopback(#[from] NotLoopback),
    /// The kernel refused the address.
    #[error(
        "server.grpc.addr: cannot listen on {addr}: {source}; stop what listens there, or choose another port (0 takes a free one)"
    )]
    Listen {
        /// The address.
        addr: SocketAddr,
        /// What the kernel said.
        source: io::Error,
    },
    /// TLS cannot be set up.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The descriptors cannot be served.
    #[error("reflection cannot be set up: {0}")]
    Reflection(#[from] tonic_reflection::server::Error),
}

/// Whether the server can do its work now.
pub type IsServing = Box<dyn Fn() -> bool + Send + Sync>;

/// A running gRPC service. Dropping it ends the service and cuts its connections.
pub struct GrpcServer {
    addr: SocketAddr,
    rules: Arc<Rules>,
    health: HealthReporter,
    names: Vec<&'static str>,
    stop: watch::Sender<bool>,
    cut: watch::Sender<bool>,
    watcher: JoinHandle<()>,
    served: JoinHandle<Result<(), tonic::transport::Error>>,
}

impl GrpcServer {
    /// Listens and serves on the current tokio runtime. `is_serving` answers at once, from what is known already.
    ///
    /// # Errors
    /// [`GrpcError`].
    pub async fn start(
        config: &GrpcConfig,
        admission: Admission,
        services: Services,
        is_serving: IsServing,
    ) -> Result<Self, GrpcError> {
        let required = admission.keys.are_required() || config.tls.client_ca.is_some();
        let addr = checked(config.addr, required)?;
        let tls = acceptor(&config.tls)?;
        if tls.is_none() && !addr.ip().is_loopback() {
            tracing::warn!(%addr, "keys and events cross the network in clear; set server.grpc.tls");
        }
        let refused = |source| GrpcError::Listen { addr, source };
        let listener = TcpListener::bind(addr).await.map_err(refused)?;
        let addr = listener.local_addr().map_err(refused)?;
        let (stop, stopped) = watch::channel(false);
        let (cut, is_cut) = watch::channel(false);
        let acceptor = Acceptor {
            listener,
            tls,
            guard: admission.guard,
            max_connections: usize::try_from(config.max_connections).unwrap_or(usize::MAX),
            handshake_timeout: config.handshake_timeout.duration(),
            cut: is_cut,
        };
        let connections = ReceiverStream::new(acceptor.run(stopped.clone()));

        let rules = Arc::new(Rules { keys: admission.keys, sign_ins: SignIns::default(), draining: AtomicBool::new(false) });
        let (mut routes, names) = services.into_parts();
        let (health, health_service) = tonic_health::server::health_reporter();
        let serves = is_serving();
        set_health(&health, &names, serves).await;
        let described = || {
            tonic_reflection::server::Builder::configure()
                .register_encoded_file_descriptor_set(DESCRIPTORS)
                .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
        };
        routes.add_service(compressed!(health_service));
        routes.add_service(compressed!(described().build_v1()?));
        routes.add_service(compressed!(described().build_v1alpha()?));

        let streams = u32::try_from(config.max_streams).unwrap_or(u32::MAX);
        let header_bytes = u32::try_from(config.max_header_bytes).unwrap_or(u32::MAX);
        let mut server = Server::builder()
            .timeout(config.request_timeout.duration())
            .max_concurrent_streams(streams)
            .http2_max_header_list_size(header_bytes)
            .http2_keepalive_interval(Some(config.keepalive_interval.duration()))
            .http2_keepalive_timeout(Some(config.keepalive_timeout.duration()))
            .layer(TraceLayer)
            .layer(GateLayer(Arc::clone(&rules)));
        let router = server.add_routes(routes.routes());
        let mut told = stopped;
        let served = tokio::spawn(router.serve_with_incoming_shutdown(connections, async move {
            // An error means that the server was dropped.
            let _dropped = told.wait_for(|stop| *stop).await;
        }));
        let watcher = tokio::spawn(watch_health(health.clone(), names.clone(), is_serving, serves));
        Ok(Self { addr, rules, health, names, stop, cut, watcher, served })
    }

    /// The address that it listens on, with the port that it was given.
    #[must_use]
    pub const fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// The first step of a shutdown: health says NOT_SERVING, and no call begins any more. Those that run go on.
    pub async fn drain(&self) {
        self.watcher.abort();
        self.rules.draining.store(true, Ordering::Release);
        set_health(&self.health, &self.names, false).await;
    }

    /// Accepts no more connections, lets calls that run end until the deadline, then cuts what is left. Whether all had ended.
    pub async fn shutdown(mut self, deadline: Duration) -> bool {
        self.drain().await;
        self.stop.send_replace(true);
        let drained = timeout(deadline, &mut self.served).await.is_ok();
        self.cut.send_replace(true);
        drained
    }
}

impl Drop for GrpcServer {
    fn drop(&mut self) {
        self.watcher.abort();
        self.served.abort();
        self.cut.send_replace(true);
    }
}

/// Tells a change, and only a change: whoever watches would hear the same again.
async fn watch_health(health: HealthReporter, names: Vec<&'static str>, is_serving: IsServing, mut was: bool) {
    let mut look = interval(LOOK);
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        look.tick().await;
        let is = is_serving();
        if was != is {
            set_health(&health, &names, is).await;
            was = is;
        }
    }
}

async fn set_health(health: &HealthReporter, names: &[&'static str], serving: bool) {
    let status = if serving { ServingStatus::Serving } else { ServingStatus::NotServing };
    for name in std::iter::once(&"").chain(names) {
        health.set_service_status(name, status).await;
    }
}
