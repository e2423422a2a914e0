//! A real server over a journal that other processes record into, and what they record.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use agentsh::event::{Decision, Detection, Event, EventsLost, Payload, Severity, TechniqueId};
use agentsh::journal::{Journal, JournalConfig};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::support::{self, DEADLINE};

pub const AGENTSH: &str = env!("CARGO_BIN_EXE_agentsh");

/// A data directory and a workspace.
pub struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    pub fn new() -> Self {
        let place = Self { folder: tempfile::Builder::new().prefix("agentsh-telemetry-").tempdir().unwrap() };
        std::fs::create_dir(place.workspace()).unwrap();
        place
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub fn data(&self) -> PathBuf {
        self.folder().join("data")
    }

    pub fn workspace(&self) -> PathBuf {
        self.folder().join("workspace")
    }

    /// The program on this data directory, with no configuration but this.
    pub fn agentsh(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(AGENTSH);
        command.arg(arguments[0]).arg("--data-dir").arg(self.data()).args(&arguments[1..]);
        command.current_dir(self.workspace()).env("HOME", self.folder()).env_remove("TEST_PEERS").stdin(Stdio::null());
        command
    }

    /// Records a session whose second command is refused by a rule.
    pub fn record_a_session_with_a_refusal(&self) {
        let policy = self.folder().join("policy.yaml");
        let text = "version: 1\nname: no-id\ncommand_rules:\n  - name: no-identity\n    commands: [id]\n    decision: deny\n";
        std::fs::write(&policy, text).unwrap();
        let policy = policy.display().to_string();
        let script = "echo hello > greeting; cat greeting; id";
        let output = self.agentsh(&["run", "--policy", &policy, "--", "sh", "-c", script]).output().unwrap();
        assert_eq!(output.status.code(), Some(126), "{}", String::from_utf8_lossy(&output.stderr));
    }

    /// A recorder of this process beside the server.
    pub fn recorder(&self) -> Recorder {
        Recorder { journal: Journal::open(&self.data(), &JournalConfig::default()).unwrap() }
    }
}

/// Publishes what no session can be made to do here.
pub struct Recorder {
    journal: Journal,
}

impl Recorder {
    pub fn publish(&self, event: &Event) {
        self.journal.channel().publish(event);
    }

    pub fn detect(&self, techniques: &[&str]) {
        let techniques: Vec<TechniqueId> = techniques.iter().map(|technique| TechniqueId::new(*technique)).collect();
        let detection =
            Detection { rule_id: "r".into(), title: "t".into(), techniques: techniques.clone(), ..Detection::default() };
        self.publish(&Event { attack: techniques, severity: Severity::High, ..support::event(detection) });
    }

    pub fn lose(&self, hop: &str, count: u64) {
        self.publish(&support::event(EventsLost { hop: hop.into(), count, ..EventsLost::default() }));
    }

    /// An operation and the decision on it.
    pub fn judge(&self, payload: impl Into<Payload>, decision: Decision) {
        let policy = support::policy(agentsh::policy::OnAuditFailure::Deny);
        self.journal.channel().gate(&support::event(payload), &support::judgement(decision), &policy).unwrap();
    }

    pub fn flush(&self) {
        assert!(self.journal.flush());
    }

    pub fn close(self) {
        self.journal.close().unwrap();
    }
}

/// `agentsh server` in a process of its own, stopped when this is dropped.
pub struct Server {
    child: Child,
    pub addr: SocketAddr,
}

impl Server {
    pub fn start(place: &Place) -> Self {
        Self::start_with(place, &[])
    }

    /// With gRPC, and where that listens.
    pub fn start_with_grpc(place: &Place, variables: &[(&str, &str)]) -> (Self, String) {
        let mut command = place.agentsh(&["server", "--addr", "127.0.0.1:0", "--grpc", "127.0.0.1:0"]);
        let mut child = command.envs(variables.iter().copied()).stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut line = |scheme: &str| lines.next().unwrap().unwrap().trim().strip_prefix(scheme).unwrap().to_owned();
        let (http, grpc) = (line("listening on http://"), line("listening on grpc://"));
        (Self { child, addr: http.parse().unwrap() }, grpc)
    }

    /// With variables of the environment.
    pub fn start_with(place: &Place, variables: &[(&str, &str)]) -> Self {
        let mut command = place.agentsh(&["server", "--addr", "127.0.0.1:0"]);
        let mut child = command.envs(variables.iter().copied()).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let addr = line.trim().strip_prefix("listening on http://").unwrap_or_else(|| panic!("the server said {line:?}"));
        Self { child, addr: addr.parse().unwrap() }
    }

    pub fn metrics(&self) -> String {
        get(self.addr, "/metrics")
    }

    /// The value of a sample, as it is written.
    pub fn value(&self, sample: &str) -> Option<f64> {
        let text = self.metrics();
        text.lines().find_map(|line| line.strip_prefix(sample)?.strip_prefix(' ')?.parse().ok())
    }

    pub fn wait_for(&self, sample: &str, value: f64) {
        support::until(&format!("{sample} {value}"), || self.value(sample) == Some(value));
    }

    /// Asks it to stop, and says how it ended.
    pub fn stop(&mut self) -> Option<i32> {
        let pid = Pid::from_raw(i32::try_from(self.child.id()).unwrap());
        let _it_has_ended_already = kill(pid, Signal::SIGTERM);
        self.child.wait().unwrap().code()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            self.stop();
        }
    }
}

/// The body of an answer to a GET. HTTP/1.0, so that it comes in one piece.
pub fn get(addr: SocketAddr, path: &str) -> String {
    try_get(addr, path).unwrap_or_else(|error| panic!("GET {path}: {error}"))
}

pub fn try_get(addr: SocketAddr, path: &str) -> std::io::Result<String> {
    request(addr, path, &[])
}

/// The body of an answer to a GET with these headers.
pub fn request(addr: SocketAddr, path: &str, headers: &[(&str, &str)]) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(addr)?;
    stream.set_read_timeout(Some(DEADLINE))?;
    let headers: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    write!(stream, "GET {path} HTTP/1.0\r\nHost: {addr}\r\n{headers}\r\n")?;
    let mut text = String::new();
    stream.read_to_string(&mut text)?;
    let (_head, body) = text.split_once("\r\n\r\n").ok_or(std::io::ErrorKind::UnexpectedEof)?;
    Ok(body.to_owned())
}

/// Runs commands in sessions of the server itself, so that its own gate, workspace and proxy are used; `None` for a server without them.
pub fn run_on_the_server(place: &Place, server: &Server, script: &str) -> Option<()> {
    let ask = |arguments: &[&str]| {
        let output = place.agentsh(arguments).env("AGENTSH_SERVER__HTTP__ADDR", server.addr.to_string()).output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        output.status.success().then_some(said).filter(|said| !said.is_empty())
    };
    let workspace = place.workspace().display().to_string();
    let created = ask(&["session", "create", "--workspace", &workspace])?;
    let session = created.split_whitespace().next()?.to_owned();
    let ran = ask(&["exec", &session, "--", "sh", "-c", script]);
    // It says nothing where it went well.
    let _said = ask(&["session", "end", &session]);
    ran.map(|_said| ())
}

/// Keeps `work` going on a thread of its own until this is dropped.
pub struct Ongoing {
    stop: Arc<std::sync::atomic::AtomicBool>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Ongoing {
    pub fn start(mut work: impl FnMut() + Send + 'static) -> Self {
        let stop = Arc::new(std::sync::atomic::AtomicBool::new(false));
        let told = Arc::clone(&stop);
        let thread = std::thread::spawn(move || {
            while !told.load(std::sync::atomic::Ordering::Relaxed) {
                work();
                std::thread::park_timeout(std::time::Duration::from_millis(200));
            }
        });
        Self { stop, thread: Some(thread) }
    }
}

impl Drop for Ongoing {
    fn drop(&mut self) {
        self.stop.store(true, std::sync::atomic::Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            let ended = thread.join();
            assert!(std::thread::panicking() || ended.is_ok(), "what went on beside the test has failed");
        }
    }
}
