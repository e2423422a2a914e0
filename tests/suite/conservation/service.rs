//! The real `agentsh server`, which is killed, stopped and started anew.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// A server process on free ports.
pub struct Service {
    child: Child,
    pub grpc: SocketAddr,
}

impl Service {
    /// Starts it; `None` when it ended before it listened.
    pub fn start(config: &Path, log: &Path) -> Option<Self> {
        let errors = std::fs::OpenOptions::new().create(true).append(true).open(log).unwrap();
        let program = std::env::var_os("CONSERVATION_BINARY").unwrap_or_else(|| env!("CARGO_BIN_EXE_agentsh").into());
        let mut child = Command::new(program)
            .args(["server", "--addr", "127.0.0.1:0", "--config"])
            .arg(config)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(errors)
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        for line in lines.map_while(Result::ok) {
            if let Some(addr) = line.strip_prefix("listening on grpc://") {
                return Some(Self { child, grpc: addr.trim().parse().unwrap() });
            }
        }
        let _ = child.wait();
        None
    }

    pub fn pid(&self) -> Pid {
        Pid::from_raw(i32::try_from(self.child.id()).unwrap())
    }

    pub fn kill(&mut self) {
        let _it_may_have_ended = self.child.kill();
        self.child.wait().unwrap();
    }

    /// SIGTERM, and whether it ended well.
    pub fn terminate(&mut self) -> bool {
        let _it_may_have_ended = kill(self.pid(), Signal::SIGTERM);
        self.child.wait().unwrap().success()
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = kill(self.pid(), Signal::SIGCONT);
        let _it_may_have_ended = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The configuration of a server with every sink that the test has a far side for.
pub struct Places {
    pub data_dir: PathBuf,
    pub lake: PathBuf,
    pub jsonl: PathBuf,
    pub webhook: SocketAddr,
    pub otlp: SocketAddr,
    /// The servers of NATS, where there is one.
    pub nats: Option<SocketAddr>,
}

impl Places {
    /// The configuration as a file. Waits are short, so that many faults find something under way.
    pub fn configuration(&self) -> String {
        let Self { data_dir, lake, jsonl, webhook, otlp, nats } = self;
        let (data_dir, lake, jsonl) = (data_dir.display(), lake.display(), jsonl.display());
        // The stream remembers ids for longer than any run: it has each event once, whatever is sent again.
        let nats = nats.map_or_else(String::new, |nats| {
            format!(
                "\x20 nats: {{ enabled: true, servers: ['nats://{nats}'], create_stream: true, stream_duplicate_window: 2h, \
                 ack_timeout: 2s, connect_timeout: 2s }}\n"
            )
        });
        format!(
            "data_dir: {data_dir}\n\
             server:\n  grpc: {{ enabled: true, addr: '127.0.0.1:0' }}\n\
             sinks:\n\
             \x20 delivery: {{ retry_initial: 20ms, retry_max: 500ms, stalled_after: 1s }}\n\
             \x20 jsonl: {{ enabled: true, path: {jsonl}, rotate_bytes: 0, rotate_age: 0s }}\n\
             \x20 parquet: {{ enabled: true, path: {lake}, seal_rows: 20000, seal_after: 2s }}\n\
             \x20 webhook: {{ enabled: true, url: 'http://{webhook}/hook', timeout: 3s }}\n\
             \x20 otlp: {{ enabled: true, endpoint: 'http://{otlp}', signals: [logs], timeout: 3s }}\n\
             {nats}"
        )
    }
}
