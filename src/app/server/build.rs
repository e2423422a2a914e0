//! Everything that the server consists of: made in one place, ended in one order.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::task::JoinHandle;

use super::console::with_console;
use super::error::ServerError;
use super::gauges::refresh;
use crate::app::detect::Detector;
use crate::app::keys::key_file;
use crate::app::policy::{load_policy, variables};
use crate::app::sessions::Sessions;
use crate::app::sinks::Sinks;
use crate::app::sql::engine;
use crate::app::totals::Totals;
use crate::config::{Config, Environment};
use crate::event::{PolicyLoaded, Severity};
use crate::journal::{Journal, pipeline};
use crate::policy::Policy;
use crate::runtime::clock;
use crate::runtime::metrics::metrics;
use crate::serve::auth::Keys;
use crate::serve::grpc::{EventsApi, Exec, FlightApi, GrpcServer, IngestApi, PoliciesApi, PolicyFolder, Services, SessionCalls};
use crate::serve::http::events::event_routes;
use crate::serve::http::sessions::session_routes;
use crate::serve::http::{HttpServer, HttpState, NotReady, policy_routes, query_routes, sensor_routes};
use crate::serve::questions::Questions;
use crate::serve::sessions::SessionStore;
use crate::serve::stream::{Limits, Streams};
use crate::serve::{Admission, SessionGuard};

/// What `${WORKSPACE}` is for a sensor's operations: a path that no rule about a workspace lets anything through for by accident.
const NO_WORKSPACE: &str = "/nonexistent/workspace";

/// This program, to be started again as a launcher.
const PROGRAM: &str = "/proc/self/exe";

/// How long a server that ends waits for detections on what came last.
const DETECT: Duration = Duration::from_secs(2);

/// Where the server listens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listening {
    /// The HTTP service.
    pub http: SocketAddr,
    /// The gRPC service, if it is enabled.
    pub grpc: Option<SocketAddr>,
    /// Whether gRPC is behind TLS.
    pub tls: bool,
}

/// A server that runs.
pub struct Running {
    http: HttpServer,
    grpc: Option<GrpcServer>,
    streams: Arc<Streams>,
    ingest: IngestApi,
    sinks: Sinks,
    detector: Option<Detector>,
    journal: Arc<Journal>,
    counting: JoinHandle<()>,
    questions: Questions,
    sessions: Arc<Sessions>,
    draining: Arc<AtomicBool>,
    tls: bool,
}

/// Makes the server and starts it.
///
/// # Errors
/// [`ServerError`]; nothing listens then.
pub(super) async fn build(config: &Config, environment: &Environment, journal: &Arc<Journal>) -> Result<Running, ServerError> {
    let admission = Admission {
        keys: Arc::new(Keys::open(key_file(config))?),
        guard: SessionGuard::of_intakes(journal.data_dir().intakes()),
    };
    let variables = variables(Path::new(NO_WORKSPACE), environment);
    let policy = Arc::new(load_policy(&config.policies.choice(), &variables)?);

    // What is served.
    let streams = Streams::start(journal.data_dir(), Limits::default())?;
    let ingest = IngestApi::new(Arc::clone(journal), Arc::clone(&policy), config.server.grpc.ingest_window);
    let journal_dir = journal.data_dir();
    let pages = event_routes(Arc::clone(&streams), journal_dir.clone()).merge(sensor_routes(journal_dir.clone()));
    let events = EventsApi::new(Arc::clone(&streams), Arc::new(ingest.clone()));
    let folder = PolicyFolder { dir: config.policies.dir.clone(), default: config.policies.default.clone(), variables };
    let pages = pages.merge(policy_routes(folder.clone()));
    let questions = Questions::new(engine(config, journal.data_dir(), None)?, &config.query);
    let pages = pages.merge(query_routes(questions.clone()));
    let sessions = Arc::new(Sessions::start(Arc::clone(journal), config, environment, PROGRAM)?);
    let store: Arc<dyn SessionStore> = sessions.clone();
    let services = Services::new(&config.server.grpc)
        .with_events(events)
        .with_policies(PoliciesApi::new(folder))
        .with_sessions(SessionCalls::new(Arc::clone(&store)))
        .with_exec(Exec::new(Arc::clone(&store)))
        .with_flight(FlightApi::new(questions.clone()));

    // Where it is served.
    let draining = Arc::new(AtomicBool::new(false));
    let state = http_state(journal, &draining).admitting(admission.clone()).with_routes(session_routes(store)).with_routes(pages);
    let state = with_console(state, config, journal.data_dir());
    let http = HttpServer::start(&config.server.http, state).await?;
    let grpc = if config.server.grpc.enabled {
        announce(journal, &policy);
        let serving = Arc::clone(journal);
        let is_serving = Box::new(move || serving.failure().is_none());
        Some(GrpcServer::start(&config.server.grpc, admission, services, is_serving).await?)
    } else {
        None
    };
    // What follows the journal by itself.
    let sinks = Sinks::start(&config.sinks, journal)?;
    let detector = Detector::start(&config.detect, journal.data_dir())?;
    let counting = tokio::spawn(Totals::new(journal.data_dir()).keep());
    let (journal, tls) = (Arc::clone(journal), config.server.grpc.tls.cert.is_some());
    Ok(Running { http, grpc, streams, ingest, questions, sessions, sinks, detector, journal, counting, draining, tls })
}

impl Running {
    /// Where it listens.
    #[must_use]
    pub fn listening(&self) -> Listening {
        Listening { http: self.http.addr(), grpc: self.grpc.as_ref().map(GrpcServer::addr), tls: self.tls }
    }

    /// Ends it: nothing new begins, streams and commands are told and end by themselves, then connections are cut, and the sinks deliver
    /// what is in the journal by then.
    pub async fn shut_down(self, deadline: Duration) {
        let Self { http, grpc, streams, ingest, questions, sessions, sinks, detector, journal, counting, draining, tls: _ } =
            self;
        draining.store(true, Ordering::Release);
        if let Some(grpc) = &grpc {
            grpc.drain().await;
        }
        ingest.shut_down();
        questions.shut_down();
        // It waits for processes. When it is done every command's stream has its end.
        let _logged = tokio::task::spawn_blocking(move || sessions.shut_down(deadline)).await;
        // Before the streams and the sinks end, so that what is found is delivered too. What is left is found by the next start.
        let detected = tokio::task::spawn_blocking(move || {
            if let Some(detector) = detector {
                journal.flush();
                detector.finish(journal.head(), DETECT);
            }
        });
        if detected.await.is_err() {
            tracing::error!("the detector ended with a panic; the next start goes on at its cursor");
        }
        // Subscribers get the ends of the sessions too, and then their own.
        streams.shut_down();
        let end_grpc = async {
            if let Some(grpc) = grpc
                && !grpc.shutdown(deadline).await
            {
                tracing::warn!("calls that did not end in time were cut");
            }
        };
        tokio::join!(end_grpc, http.shutdown(deadline));
        counting.abort();
        if tokio::task::spawn_blocking(|| sinks.end()).await.is_err() {
            tracing::error!("a sink ended with a panic; the next start goes on at its cursor");
        }
    }
}

fn http_state(journal: &Arc<Journal>, draining: &Arc<AtomicBool>) -> HttpState {
    let (ready, scraped, draining) = (Arc::clone(journal), Arc::clone(journal), Arc::clone(draining));
    HttpState::new(move || {
        let failure = ready.failure().map(|reason| NotReady { part: "journal".to_owned(), reason: reason.to_string() });
        let stopping = draining.load(Ordering::Acquire);
        let stopping = stopping.then(|| NotReady { part: "server".to_owned(), reason: "it shuts down".to_owned() });
        failure.into_iter().chain(stopping).collect()
    })
    .with_metrics(move || {
        refresh(&scraped);
        metrics().text()
    })
}

/// The policy that sensors' questions are answered from is on record before the first answer names its digest.
fn announce(journal: &Journal, policy: &Policy) {
    let loaded = PolicyLoaded {
        name: policy.name().to_owned(),
        digest: policy.digest().to_owned(),
        source: policy.source().to_owned(),
        text: policy.text().to_owned(),
        rules: u64::try_from(policy.rule_count()).unwrap_or(u64::MAX),
    };
    journal.channel().publish(&pipeline(clock::now(), Severity::Informational, loaded));
}
