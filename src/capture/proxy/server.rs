//! `ProxyServer`: the listener, its thread, and the end of the session.

use std::ffi::OsString;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::{Arc, Mutex, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::runtime::Runtime;
use tokio::sync::{Semaphore, watch};

use super::config::{ProxyConfig, TraceContext};
use super::dns::Resolver;
use super::error::ProxyError;
use super::gatekeeper::NetworkGatekeeper;
use super::http;
use super::recorder::{Recorder, WORKERS};
use super::shared::Shared;
use super::tasks::{Phase, Tasks, TasksOwner};
use crate::channel::SessionChannel;
use crate::event::trace::TraceParent;
use crate::runtime::lock::lock;

/// How long the tasks that are told to end may take: they only have to record what they had open.
const CLOSING: Duration = Duration::from_secs(5);

/// How long the thread may take beyond that, for what the runtime itself has to end.
const JOINING: Duration = Duration::from_secs(2);

/// A pause after an accept that failed: the descriptors are used up, and only time brings some back.
const ACCEPT_AGAIN: Duration = Duration::from_millis(20);

/// Variables that name the proxy. Both spellings are in use; `ALL_PROXY` brings schemes here that are not spoken, which shows them.
const VARIABLES: [&str; 6] = ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"];

/// The proxy of one session.
pub struct ProxyServer {
    address: SocketAddr,
    phase: watch::Sender<Phase>,
    drain: Duration,
    thread: Option<JoinHandle<()>>,
    /// Closes when the thread has ended.
    ended: Mutex<mpsc::Receiver<()>>,
}

impl ProxyServer {
    /// Starts the proxy of a session on a free port of 127.0.0.1. It listens when this returns. `trace` is where the command stands in a
    /// trace, for requests that are to carry theirs.
    ///
    /// # Errors
    /// [`ProxyError`] when no port or no thread is to be had; then nothing listens.
    pub fn start(channel: SessionChannel, config: ProxyConfig, trace: Option<TraceParent>) -> Result<Self, ProxyError> {
        Self::start_with(Arc::new(channel), config, trace)
    }

    /// The same with another way into the channel.
    ///
    /// # Errors
    /// As [`ProxyServer::start`].
    pub fn start_with(
        gatekeeper: Arc<dyn NetworkGatekeeper>,
        config: ProxyConfig,
        trace: Option<TraceParent>,
    ) -> Result<Self, ProxyError> {
        let bind = |source| ProxyError::Bind { source };
        let start = |source| ProxyError::Start { source };
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(bind)?;
        listener.set_nonblocking(true).map_err(bind)?;
        let address = listener.local_addr().map_err(bind)?;
        // More than one worker, so that a call to the channel that blocks does not stop the others (see `recorder`).
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(WORKERS)
            .thread_name("agentsh-proxy")
            .enable_all()
            .build()
            .map_err(start)?;
        let listener = {
            let _within = runtime.enter();
            tokio::net::TcpListener::from_std(listener).map_err(start)?
        };
        let (owner, tasks) = TasksOwner::new();
        let phase = owner.switch();
        let drain = config.drain_timeout();
        let resolver = Resolver::new(&config);
        let trace = trace.filter(|_| config.trace_context == TraceContext::Inject);
        let shared = Arc::new(Shared { config, recorder: Recorder::new(gatekeeper), resolver, tasks, address, trace });
        let (alive, ended) = mpsc::channel();
        let thread = std::thread::Builder::new()
            .name("agentsh-proxy".to_owned())
            .spawn(move || {
                run(runtime, listener, shared, owner);
                drop(alive);
            })
            .map_err(start)?;
        Ok(Self { address, phase, drain, thread: Some(thread), ended: Mutex::new(ended) })
    }

    /// Where the proxy listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// The variables that bring a command's requests here. `NO_PROXY` is empty, so that requests to the machine itself come here as well.
    #[must_use]
    pub fn environment(&self) -> Vec<(OsString, OsString)> {
        let url = OsString::from(format!("http://{}", self.address));
        let named = VARIABLES.into_iter().map(|name| (OsString::from(name), url.clone()));
        let none = ["NO_PROXY", "no_proxy"].into_iter().map(|name| (OsString::from(name), OsString::new()));
        // Node.js reads the others only if it is told to.
        let node = (OsString::from("NODE_USE_ENV_PROXY"), OsString::from("1"));
        named.chain(none).chain([node]).collect()
    }

    /// Ends the proxy: nothing more is accepted, what is open may end by itself for as long as the configuration says and is closed then.
    /// When this returns, every request and connection has its last event on record, unless the channel did not take it in time.
    pub fn finish(mut self) {
        self.end();
    }

    fn end(&mut self) {
        let Some(thread) = self.thread.take() else { return };
        self.phase.send_if_modified(|phase| {
            let begins = *phase < Phase::Draining;
            *phase = (*phase).max(Phase::Draining);
            begins
        });
        match lock(&self.ended).recv_timeout(self.drain + CLOSING + JOINING) {
            Err(mpsc::RecvTimeoutError::Disconnected) | Ok(()) => {
                // The thread's work is done; a panic in it has been reported by its own hook.
                let _ = thread.join();
            }
            Err(mpsc::RecvTimeoutError::Timeout) => {
                tracing::error!(address = %self.address, "the proxy did not end in time");
            }
        }
    }
}

impl Drop for ProxyServer {
    fn drop(&mut self) {
        self.end();
    }
}

/// The proxy's thread.
fn run(runtime: Runtime, listener: tokio::net::TcpListener, shared: Arc<Shared>, mut owner: TasksOwner) {
    let phase = owner.switch();
    runtime.block_on(async move {
        let tasks = shared.tasks.clone();
        let drain = shared.config.drain_timeout();
        tokio::select! {
            () = accept(listener, shared) => {}
            () = tasks.draining() => {}
        }
        if !owner.wait(drain).await {
            let _ = phase.send(Phase::Closing);
            owner.wait(CLOSING).await;
        }
    });
    runtime.shutdown_timeout(JOINING / 2);
}

/// Accepts clients, as many at once as the configuration says.
async fn accept(listener: tokio::net::TcpListener, shared: Arc<Shared>) {
    let places = Arc::new(Semaphore::new(shared.config.max_connections.max(1)));
    let tasks: Tasks = shared.tasks.clone();
    while let Ok(place) = Arc::clone(&places).acquire_owned().await {
        match listener.accept().await {
            Ok((stream, _)) => {
                let shared = Arc::clone(&shared);
                tasks.spawn(async move {
                    http::serve(shared, stream).await;
                    drop(place);
                });
            }
            Err(_) => tokio::time::sleep(ACCEPT_AGAIN).await,
        }
    }
}
