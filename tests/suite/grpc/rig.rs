//! A server in this process or of its own, clients with keys, and what a sensor sends.

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use agentsh::encode::proto;
use agentsh::event::Timestamp;
use agentsh::journal::{DataDir, Journal, JournalConfig};
use agentsh::policy::{Policy, Variables};
use agentsh::query::sql::QueryConfig;
use agentsh::runtime::{clock, ids};
use agentsh::serve::auth::{ApiKey, KeyEntry, KeyFile, Keys, Role};
use agentsh::serve::grpc::{
    EventsApi, FlightApi, GrpcConfig, GrpcServer, IngestApi, PoliciesApi, PolicyFolder, Services,
    event_service_client::EventServiceClient,
};
use agentsh::serve::questions::Questions;
use agentsh::serve::stream::{Limits, Streams};
use agentsh::serve::{Admission, SessionGuard};
use tempfile::TempDir;
use tonic::metadata::MetadataValue;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Status};

use crate::sql::rig::engine;
use crate::support::DEADLINE;

/// Makes a key with these roles and returns its text.
pub fn make_key(file: &KeyFile, name: &str, roles: &[Role], expires: Option<Timestamp>) -> String {
    let key = ApiKey::new(ids::random());
    file.add(KeyEntry::of_key(&key, name, roles, clock::now(), expires)).unwrap();
    key.reveal()
}

/// A runtime for clients and servers of one test.
pub fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

/// Runs a future that must not take for ever.
pub async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    tokio::time::timeout(DEADLINE, future).await.unwrap_or_else(|_| panic!("not within {DEADLINE:?}: {what}"))
}

/// A server in this process, over a journal of its own.
pub struct InProcess {
    pub server: GrpcServer,
    pub journal: Arc<Journal>,
    pub ingest: IngestApi,
    pub folder: TempDir,
}

impl InProcess {
    pub async fn start(keys: Keys, change: impl FnOnce(&mut GrpcConfig)) -> Self {
        Self::start_with(keys, JournalConfig::default(), change).await
    }

    pub async fn start_with(keys: Keys, journal: JournalConfig, change: impl FnOnce(&mut GrpcConfig)) -> Self {
        Self::start_asking(keys, journal, &QueryConfig::default(), change).await
    }

    /// With these bounds of questions in SQL.
    pub async fn start_asking(
        keys: Keys,
        journal: JournalConfig,
        query: &QueryConfig,
        change: impl FnOnce(&mut GrpcConfig),
    ) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let journal = Arc::new(Journal::open(&folder.path().join("data"), &journal).unwrap());
        let mut config = GrpcConfig { addr: SocketAddr::from(([127, 0, 0, 1], 0)), ..GrpcConfig::default() };
        change(&mut config);
        let policy = Arc::new(Policy::parse_and_compile("test", POLICY, &Variables::new()).unwrap());
        let ingest = IngestApi::new(Arc::clone(&journal), policy, config.ingest_window);
        let streams = Streams::start(journal.data_dir(), Limits::default()).unwrap();
        let events = EventsApi::new(streams, Arc::new(ingest.clone()));
        let dir = folder.path().join("policies");
        std::fs::create_dir(&dir).unwrap();
        let policies = PolicyFolder { dir: Some(dir), default: "built-in".to_owned(), variables: variables() };
        let engine = engine(&DataDir::at(folder.path().join("data")), None);
        let services = Services::new(&config)
            .with_events(events)
            .with_policies(PoliciesApi::new(policies))
            .with_flight(FlightApi::new(Questions::new(engine, query)));
        let admission = Admission { keys: Arc::new(keys), guard: SessionGuard::off() };
        let serving = Arc::clone(&journal);
        let is_serving = Box::new(move || serving.failure().is_none());
        let server = GrpcServer::start(&config, admission, services, is_serving).await.unwrap();
        Self { server, journal, ingest, folder }
    }

    pub fn addr(&self) -> SocketAddr {
        self.server.addr()
    }

    pub fn data_dir(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    pub fn database(&self) -> PathBuf {
        self.data_dir().join("journal.db")
    }
}

pub fn variables() -> Variables {
    Variables::new().with("WORKSPACE", Path::new("/work")).with("HOME", Path::new("/home/dev"))
}

/// Refuses what lies under /secret, lets everything else through.
pub const POLICY: &str = "version: 1\nname: test\ndefaults: { file: allow, network: allow, command: allow }\nfile_rules:\n  \
    - name: keep-secrets\n    paths: ['/secret/**']\n    operations: ['*']\n    decision: deny\n";

/// Puts a key into every call.
#[derive(Clone)]
pub struct WithKey(Option<String>);

impl tonic::service::Interceptor for WithKey {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        if let Some(key) = &self.0 {
            request.metadata_mut().insert("x-api-key", MetadataValue::try_from(key.as_str()).unwrap());
        }
        Ok(request)
    }
}

pub type Client<S> = InterceptedService<S, WithKey>;

pub async fn channel(addr: SocketAddr) -> Channel {
    let endpoint = Endpoint::from_shared(format!("http://{addr}")).unwrap().connect_timeout(Duration::from_secs(20));
    soon("connecting", endpoint.connect()).await.unwrap()
}

pub fn with_key(channel: Channel, key: Option<&str>) -> Client<Channel> {
    InterceptedService::new(channel, WithKey(key.map(str::to_owned)))
}

pub async fn events(addr: SocketAddr, key: Option<&str>) -> EventServiceClient<Client<Channel>> {
    EventServiceClient::new(with_key(channel(addr).await, key))
}

/// `agentsh server` as a process of its own.
pub struct Process {
    pub child: Child,
    pub http: SocketAddr,
    pub grpc: Option<SocketAddr>,
}

impl Process {
    pub fn start(data_dir: &Path, arguments: &[&str], variables: &[(&str, &str)]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_agentsh"));
        command.env_clear().envs(variables.iter().copied()).env("HOME", data_dir.parent().unwrap());
        command.args(["--data-dir"]).arg(data_dir).args(["server", "--addr", "127.0.0.1:0", "--grpc", "127.0.0.1:0"]);
        let mut child = command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut next = || {
            let line = lines.next().expect("the server ended before it listened").unwrap();
            line.rsplit_once("://").unwrap().1.parse::<SocketAddr>().unwrap()
        };
        let (http, grpc) = (next(), Some(next()));
        Self { child, http, grpc }
    }

    pub fn grpc(&self) -> SocketAddr {
        self.grpc.unwrap()
    }

    pub fn signal(&self, signal: nix::sys::signal::Signal) {
        let pid = self.child.id();
        nix::sys::signal::kill(nix::unistd::Pid::from_raw(i32::try_from(pid).unwrap()), signal).unwrap();
        if signal == nix::sys::signal::Signal::SIGSTOP {
            // A thread that runs on another core goes on for a moment.
            let is_stopped = |stat: String| stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with('T'));
            crate::support::until("every thread is stopped", || {
                let mut tasks = std::fs::read_dir(format!("/proc/{pid}/task")).unwrap();
                tasks.all(|task| std::fs::read_to_string(task.unwrap().path().join("stat")).is_ok_and(is_stopped))
            });
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ended = self.child.kill();
        let _status = self.child.wait();
    }
}

/// The event of a file that is opened, as a sensor sends it.
pub fn open(path: &str) -> proto::Event {
    let open =
        proto::FileOpen { path: path.to_owned(), access: proto::FileAccess::Read.into(), flags: 0, ..proto::FileOpen::default() };
    proto::Event {
        time_us: clock::now().as_micros(),
        kind: proto::Kind::FileOpen.into(),
        payload: Some(proto::event::Payload::FileOpen(open)),
        ..proto::Event::default()
    }
}
