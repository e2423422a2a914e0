//! A journal, a server around it on a free port of the loopback, and a client that says exactly what it sends.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::Arc;

use agentsh::journal::{DataDir, Journal, JournalConfig};
use agentsh::policy::Variables;
use agentsh::query::sql::QueryConfig;
use agentsh::runtime::units::Millis;
use agentsh::serve::auth::Keys;
use agentsh::serve::grpc::PolicyFolder;
use agentsh::serve::http::events::event_routes;
use agentsh::serve::http::{HttpConfig, HttpServer, HttpState, policy_routes, query_routes, sensor_routes};
use agentsh::serve::questions::Questions;
use agentsh::serve::stream::{Limits, Streams};
use agentsh::serve::{Admission, SessionGuard};
use serde_json::Value;
use tempfile::TempDir;

use crate::sql::rig::engine;
use crate::support::{DEADLINE, connect_event, exit_event, open_event};

/// A server in this process. It ends when it is dropped.
pub struct Served {
    pub addr: SocketAddr,
    server: Option<HttpServer>,
    streams: Arc<Streams>,
    questions: Questions,
    runtime: tokio::runtime::Runtime,
}

pub fn serve(root: &Path) -> Served {
    serve_with(root, Keys::none())
}

pub fn serve_with(root: &Path, keys: Keys) -> Served {
    serve_asking(root, keys, &QueryConfig::default())
}

/// With these bounds of questions in SQL.
pub fn serve_asking(root: &Path, keys: Keys, query: &QueryConfig) -> Served {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let data_dir = DataDir::at(root);
    let streams = Streams::start(&data_dir, Limits::default()).unwrap();
    let folder = PolicyFolder { dir: None, default: "built-in".to_owned(), variables: Variables::new() };
    let questions = Questions::new(engine(&data_dir, None), query);
    let state = HttpState::new(Vec::new)
        .admitting(Admission { keys: Arc::new(keys), guard: SessionGuard::off() })
        .with_routes(event_routes(Arc::clone(&streams), data_dir.clone()))
        .with_routes(sensor_routes(data_dir))
        .with_routes(policy_routes(folder))
        .with_routes(query_routes(questions.clone()));
    let config = HttpConfig { addr: SocketAddr::from(([127, 0, 0, 1], 0)) };
    let server = runtime.block_on(HttpServer::start(&config, state)).unwrap();
    Served { addr: server.addr(), server: Some(server), streams, questions, runtime }
}

impl Served {
    pub fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, &[])
    }

    pub fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)]) -> Answer {
        ask(self.addr, method, path, headers)
    }

    /// The lines of a stream of JSON lines.
    pub fn lines(&self, path: &str) -> String {
        let answer = self.ask("GET", path, &[("Accept", "application/x-ndjson")]);
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        answer.text()
    }

    /// Ends as a server does that was told to stop.
    pub fn stop(mut self) {
        self.streams.shut_down();
        self.questions.shut_down();
        let server = self.server.take().unwrap();
        self.runtime.block_on(server.shutdown(DEADLINE));
    }
}

pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&self.body)))
    }

    /// The value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.filter(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value).next()
    }

    /// The positions of a page.
    pub fn seqs(&self) -> Vec<u64> {
        self.json()["events"].as_array().unwrap().iter().map(|event| event["seq"].as_u64().unwrap()).collect()
    }
}

/// Sends a request. HTTP/1.0, so that the body is what comes until the connection ends.
fn send(addr: SocketAddr, method: &str, path: &str, headers: &[(&str, &str)]) -> TcpStream {
    let mut stream = TcpStream::connect(addr).unwrap();
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    let host = if headers.iter().any(|(name, _)| *name == "Host") { "" } else { "Host: localhost\r\n" };
    let headers: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    write!(stream, "{method} {path} HTTP/1.0\r\n{host}{headers}\r\n").unwrap();
    stream
}

pub fn ask(addr: SocketAddr, method: &str, path: &str, headers: &[(&str, &str)]) -> Answer {
    tell(addr, method, path, headers, "")
}

/// Asks with a body.
pub fn tell(addr: SocketAddr, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
    let length = body.len().to_string();
    let length = [("Content-Length", length.as_str())];
    let headers = [headers, if body.is_empty() { &[] } else { &length }].concat();
    let mut stream = send(addr, method, path, &headers);
    stream.write_all(body.as_bytes()).unwrap();
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).unwrap();
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n").expect("the answer has a head");
    let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Answer { status, head, body: bytes[end + 4..].to_vec() }
}

/// One event of a live stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    pub id: Option<u64>,
    pub event: String,
    pub data: Value,
}

/// A live stream that is read.
pub struct Live(BufReader<TcpStream>);

impl Live {
    pub fn open(addr: SocketAddr, path: &str, headers: &[(&str, &str)]) -> Self {
        let headers: Vec<_> = [("Accept", "text/event-stream")].into_iter().chain(headers.iter().copied()).collect();
        let mut reader = BufReader::new(send(addr, "GET", path, &headers));
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        assert!(line.contains(" 200 "), "{line}");
        while line != "\r\n" {
            line.clear();
            reader.read_line(&mut line).unwrap();
        }
        Self(reader)
    }

    /// What comes next, comments left out; `None` when the connection ends.
    pub fn next(&mut self) -> Option<Told> {
        let (mut id, mut event, mut data) = (None, String::new(), None);
        loop {
            let mut line = String::new();
            if self.0.read_line(&mut line).unwrap() == 0 {
                return None;
            }
            match line.trim_end_matches('\n').split_once(": ") {
                None if line == "\n" && data.is_some() => return Some(Told { id, event, data: data.unwrap() }),
                None | Some(("", _)) => {}
                Some(("id", seq)) => id = Some(seq.parse().unwrap()),
                Some(("event", name)) => event = name.to_owned(),
                Some(("data", text)) => data = Some(serde_json::from_str(text).unwrap()),
                Some(other) => panic!("a field that there is none of: {other:?}"),
            }
        }
    }

    /// The positions of the next events.
    pub fn seqs(&mut self, count: usize) -> Vec<u64> {
        let one = |_| {
            let told = self.next().expect("the stream goes on");
            assert_eq!(told.event, "event", "{told:?}");
            assert_eq!(told.id, told.data["seq"].as_u64(), "the id is the position");
            told.id.unwrap()
        };
        (0..count).map(one).collect()
    }
}

/// A journal in a folder of its own.
pub fn journal() -> (TempDir, Journal) {
    let folder = tempfile::tempdir().unwrap();
    // No checkpoint comes in between.
    let config =
        JournalConfig { checkpoint_interval: Millis::new(3_600_000), checkpoint_events: 1_000_000, ..JournalConfig::default() };
    let journal = Journal::open(folder.path(), &config).unwrap();
    (folder, journal)
}

/// Records so many events of three families, and waits until they can be read.
pub fn record(journal: &Journal, count: u64) {
    for number in 0..count {
        let event = match number % 3 {
            0 => open_event(number),
            1 => exit_event(number),
            _ => connect_event(number),
        };
        journal.channel().publish(&event);
    }
    journal.flush();
}
