//! A server as its own process, and the command line that asks it.

use std::ffi::OsStr;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::Duration;

use agentsh::event::{Kind, Payload, SessionEnded};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use crate::run::support::{AGENTSH, Place, text};
use crate::support::until;

/// How a client talks to the server.
pub const TRANSPORTS: [&str; 2] = ["http", "grpc"];

/// A server that runs on a data directory of its own, or on one that another server has left.
pub struct Server {
    pub place: Place,
    child: Child,
    http: String,
    grpc: String,
    as_nobody: bool,
}

impl Server {
    pub fn start() -> Self {
        Self::start_on(Place::new(), &[])
    }

    pub fn start_with(settings: &[(&str, &str)]) -> Self {
        Self::start_on(Place::new(), settings)
    }

    pub fn start_on(place: Place, settings: &[(&str, &str)]) -> Self {
        Self::start_as(place, settings, false)
    }

    pub fn start_as(place: Place, settings: &[(&str, &str)], as_nobody: bool) -> Self {
        let mut command = program(as_nobody);
        command.args(["server", "--addr", "127.0.0.1:0", "--data-dir"]).arg(place.data());
        command.env("AGENTSH_SERVER__GRPC__ENABLED", "true").env("AGENTSH_SERVER__GRPC__ADDR", "127.0.0.1:0");
        command.env("HOME", place.folder()).env("AGENTSH_CONFIG", empty_config(&place)).envs(settings.iter().copied());
        // Folders that the user may not look into would make a program that is nowhere one that may not be run.
        command.env("PATH", "/usr/local/bin:/usr/bin:/bin");
        command.current_dir(place.folder()).stdin(Stdio::null()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut line = |scheme: &str| {
            let line = lines.next().expect("the server says where it listens").unwrap();
            line.strip_prefix(&format!("listening on {scheme}://")).expect(scheme).to_owned()
        };
        let tls = settings.iter().any(|(name, _)| *name == "AGENTSH_SERVER__GRPC__TLS__CERT");
        let (http, grpc) = (line("http"), line(if tls { "grpcs" } else { "grpc" }));
        Self { place, child, http, grpc, as_nobody }
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    pub fn http(&self) -> &str {
        &self.http
    }

    pub fn address(&self, transport: &str) -> &str {
        if transport == "grpc" { &self.grpc } else { &self.http }
    }

    /// `agentsh …`, for a subcommand that asks the server.
    pub fn cli<A: AsRef<OsStr>>(&self, transport: &str, subcommand: &[&str], rest: &[A]) -> Command {
        let mut command = program(self.as_nobody);
        command.args(subcommand).args(["--server", self.address(transport)]).args(rest);
        command
            .env("AGENTSH_TRANSPORT", transport)
            .env("AGENTSH_CONFIG", empty_config(&self.place))
            .env("HOME", self.place.folder());
        command.current_dir(self.place.workspace()).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    pub fn create(&self) -> String {
        self.create_with(&[])
    }

    pub fn create_with(&self, options: &[&str]) -> String {
        let output = self.cli("http", &["session", "create"], options).output().unwrap();
        assert!(output.status.success(), "{}", text(&output.stderr));
        text(&output.stdout).trim().to_owned()
    }

    pub fn command<A: AsRef<OsStr>>(&self, transport: &str, session: &str, argv: &[A]) -> Command {
        let mut rest: Vec<&OsStr> = vec![OsStr::new(session), OsStr::new("--")];
        rest.extend(argv.iter().map(AsRef::as_ref));
        self.cli(transport, &["exec"], &rest)
    }

    pub fn exec<A: AsRef<OsStr>>(&self, transport: &str, session: &str, argv: &[A]) -> Output {
        self.command(transport, session, argv).output().unwrap()
    }

    pub fn shell(&self, session: &str, script: &str) -> Output {
        self.exec("http", session, &["sh", "-c", script])
    }

    /// Runs a command with this standard input.
    pub fn exec_with(&self, transport: &str, session: &str, argv: &[&str], input: &[u8]) -> Output {
        let mut child = self.command(transport, session, argv).stdin(Stdio::piped()).spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        std::thread::scope(|scope| {
            scope.spawn(move || stdin.write_all(input));
            child.wait_with_output().unwrap()
        })
    }

    /// `session info` as JSON.
    pub fn info(&self, session: &str) -> Value {
        let output = self.cli("grpc", &["session", "info", "--json"], &[session]).output().unwrap();
        assert!(output.status.success(), "{}", text(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    }

    pub fn list(&self, transport: &str, options: &[&str]) -> Value {
        let output = self.cli(transport, &["session", "list", "--json"], options).output().unwrap();
        assert!(output.status.success(), "{}", text(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    }

    pub fn end(&self, session: &str, options: &[&str]) -> Value {
        let rest: Vec<&str> = [session].into_iter().chain(options.iter().copied()).collect();
        let output = self.cli("http", &["session", "end", "--json"], &rest).output().unwrap();
        assert!(output.status.success(), "{}", text(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    }

    pub fn is_idle(&self, session: &str) -> bool {
        self.info(session)["commands"].as_array().unwrap().is_empty()
    }

    /// Sends a request as it is and reads the answer to the end of the connection: head and body.
    pub fn raw(&self, request: &str) -> (String, String) {
        let mut stream = TcpStream::connect(&self.http).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        let answer = text(&answer);
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        (head.to_owned(), body.to_owned())
    }

    /// SIGTERM, and the end.
    pub fn stop(mut self) -> (Place, ExitStatus) {
        signal(self.child.id(), Signal::SIGTERM);
        let status = self.child.wait().unwrap();
        (self.take_place(), status)
    }

    pub fn tell_to_stop(&self) {
        signal(self.child.id(), Signal::SIGTERM);
    }

    pub fn wait(mut self) -> (Place, ExitStatus) {
        let status = self.child.wait().unwrap();
        (self.take_place(), status)
    }

    /// SIGKILL.
    pub fn kill(mut self) -> Place {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        self.take_place()
    }

    fn take_place(&mut self) -> Place {
        std::mem::replace(&mut self.place, Place::new())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Ok(None) = self.child.try_wait() {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

fn program(as_nobody: bool) -> Command {
    if !as_nobody {
        return Command::new(AGENTSH);
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid=65534", "--regid=65534", "--clear-groups", AGENTSH]);
    command
}

/// A configuration that sets nothing, so that the machine's own does not count.
fn empty_config(place: &Place) -> std::path::PathBuf {
    let path = place.folder().join("config.yaml");
    if !path.exists() {
        std::fs::write(&path, "{}\n").unwrap();
    }
    path
}

pub fn signal(pid: u32, signal: Signal) {
    kill(Pid::from_raw(pid.try_into().unwrap()), signal).unwrap();
}

/// The ends of sessions on record.
pub fn ends(place: &Place) -> Vec<(String, SessionEnded)> {
    let ended = place.events_of(Kind::SessionEnded).into_iter();
    ended
        .map(|event| match event.event.payload {
            Payload::SessionEnded(ended) => (event.event.session_id.unwrap().to_string(), ended),
            other => panic!("{other:?}"),
        })
        .collect()
}

/// Whether this machine mounts workspaces; the reason is said when it does not.
pub fn is_mounted(server: &Server, session: &str, test: &str) -> bool {
    let mounted = server.shell(session, r#"grep -q " $PWD fuse.agentsh " /proc/self/mounts"#).status.success();
    if !mounted {
        eprintln!("skipped: {test}: the workspace is not mounted here (`agentsh doctor` says why)");
    }
    mounted
}

/// Whether a process with this text in its arguments runs.
pub fn runs(part: &str) -> bool {
    std::fs::read_dir("/proc").unwrap().flatten().any(|entry| {
        let own = entry.file_name() == std::process::id().to_string().as_str();
        let arguments = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
        !own && text(&arguments).contains(part)
    })
}

/// Waits until a file of the workspace is there.
pub fn until_there(server: &Server, name: &str) {
    until(name, || server.place.workspace().join(name).exists());
}
