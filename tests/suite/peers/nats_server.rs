//! Debian's `nats-server` with JetStream, in a process that is killed with its test.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use async_nats::ConnectOptions;
use async_nats::jetstream::consumer::pull::OrderedConfig;
use futures_util::StreamExt as _;
use nix::unistd::Pid;

use crate::support::{DEADLINE, until};

/// Subject, id and body of a message.
pub type Message = (String, String, Vec<u8>);

/// A server whose store outlives its process.
pub struct NatsServer {
    process: Child,
    folder: PathBuf,
    pub port: u16,
    arguments: Vec<String>,
}

impl NatsServer {
    /// Starts one with its files in `folder`.
    pub fn start(folder: &Path, arguments: &[&str]) -> Self {
        std::fs::create_dir_all(folder).unwrap();
        let arguments: Vec<String> = arguments.iter().map(|argument| (*argument).to_owned()).collect();
        // Port -1 takes a free one and says which.
        let process = spawn(folder, "-1", &arguments);
        let mut server = Self { process, folder: folder.to_owned(), port: 0, arguments };
        server.learn_port();
        server
    }

    fn learn_port(&mut self) {
        let path = self.folder.join(format!("nats-server_{}.ports", self.process.id()));
        self.port = 0;
        until("the server says its port", || {
            if let Some(status) = self.process.try_wait().unwrap() {
                let log = std::fs::read_to_string(self.folder.join("log")).unwrap_or_default();
                panic!("nats-server ended with {status}: {log}");
            }
            let text = std::fs::read_to_string(&path).unwrap_or_default();
            let value: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
            let port = value["nats"][0].as_str().and_then(|url| url.rsplit_once(':')?.1.parse().ok());
            self.port = port.unwrap_or(0);
            self.port != 0
        });
    }

    pub fn pid(&self) -> Pid {
        Pid::from_raw(i32::try_from(self.process.id()).unwrap())
    }

    /// SIGKILL.
    pub fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    /// Starts it again with the same store and port.
    pub fn restart(&mut self) {
        self.process = spawn(&self.folder, &self.port.to_string(), &self.arguments);
    }

    /// Starts it again with the same store and whichever port is free.
    pub fn restart_elsewhere(&mut self) {
        self.process = spawn(&self.folder, "-1", &self.arguments);
        self.learn_port();
    }

    pub fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }

    /// Every message of a stream, in its order.
    pub fn messages(&self, stream: &str) -> Vec<Message> {
        self.messages_as(ConnectOptions::new(), stream)
    }

    /// The same, as someone who may.
    pub fn messages_as(&self, options: ConnectOptions, stream: &str) -> Vec<Message> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let client = options.connection_timeout(DEADLINE).connect(self.url()).await.unwrap();
            let context = async_nats::jetstream::new(client);
            let mut stream = context.get_stream(stream).await.unwrap();
            let count = stream.info().await.unwrap().state.messages;
            let consumer = stream.create_consumer(OrderedConfig::default()).await.unwrap();
            let mut messages = consumer.messages().await.unwrap();
            let mut found = Vec::new();
            while (found.len() as u64) < count {
                let message = tokio::time::timeout(DEADLINE, messages.next()).await.unwrap().unwrap().unwrap();
                let id = message.headers.as_ref().unwrap().get("Nats-Msg-Id").unwrap().as_str().to_owned();
                found.push((message.subject.to_string(), id, message.payload.to_vec()));
            }
            found
        })
    }
}

impl Drop for NatsServer {
    fn drop(&mut self) {
        let _it_may_have_ended = self.process.kill();
        let _it_may_have_been_waited_for = self.process.wait();
    }
}

fn spawn(folder: &Path, port: &str, arguments: &[String]) -> Child {
    let log = std::fs::OpenOptions::new().create(true).append(true).open(folder.join("log")).unwrap();
    Command::new("nats-server")
        .args(["-a", "127.0.0.1", "-p", port, "-js", "-sd"])
        .arg(folder.join("store"))
        .arg("--ports_file_dir")
        .arg(folder)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log)
        .spawn()
        .unwrap()
}
