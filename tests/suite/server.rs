//! Tests: server: health, metrics, who may reach it, and how it ends.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use agentsh::serve::http::{HttpConfig, HttpServer, HttpState, NotReady, ServeError, Shutdown};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

/// Longer than anything here takes on a busy machine.
const LONG: Duration = Duration::from_secs(20);

/// A server on a free port and the runtime that it lives on.
struct Running {
    server: HttpServer,
    runtime: Runtime,
}

fn start(state: HttpState) -> Running {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let config = HttpConfig { addr: SocketAddr::from(([127, 0, 0, 1], 0)) };
    let server = runtime.block_on(HttpServer::start(&config, state)).unwrap();
    Running { server, runtime }
}

fn always_ready() -> HttpState {
    HttpState::new(Vec::new)
}

fn connect(addr: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(addr).unwrap();
    stream.set_read_timeout(Some(LONG)).unwrap();
    stream
}

struct Answer {
    status: u16,
    head: String,
    body: String,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }
}

/// Sends one request and reads until the server closes.
fn request(addr: SocketAddr, line: &str, host: &str) -> Answer {
    let mut stream = connect(addr);
    write!(stream, "{line} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n").unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Answer { status, head: head.to_lowercase(), body: body.to_owned() }
}

impl Running {
    fn get(&self, path: &str) -> Answer {
        request(self.server.addr(), &format!("GET {path}"), "localhost")
    }

    fn shutdown(self, deadline: Duration) -> Shutdown {
        self.runtime.block_on(self.server.shutdown(deadline))
    }
}

#[test]
fn a_process_that_runs_is_live_also_when_it_is_not_ready() {
    let running = start(HttpState::new(|| vec![NotReady { part: "journal".into(), reason: "the disk is full".into() }]));
    let live = running.get("/health/live");
    assert_eq!((live.status, live.json()), (200, json!({"status": "live"})));
}

#[test]
fn ready_says_why_not_and_follows_what_changes() {
    let full = Arc::new(AtomicBool::new(true));
    let seen = full.clone();
    let running = start(HttpState::new(move || {
        let reason = NotReady { part: "journal".into(), reason: "the disk is full".into() };
        if seen.load(Ordering::SeqCst) { vec![reason] } else { Vec::new() }
    }));
    let unready = running.get("/health/ready");
    assert_eq!(unready.status, 503);
    assert_eq!(unready.json(), json!({"status": "not_ready", "reasons": [{"part": "journal", "reason": "the disk is full"}]}));
    assert!(unready.head.contains("cache-control: no-store") && unready.head.contains("content-type: application/json"));
    full.store(false, Ordering::SeqCst);
    let ready = running.get("/health/ready");
    assert_eq!((ready.status, ready.json()), (200, json!({"status": "ready"})));
}

#[test]
fn metrics_are_shown_in_the_text_format_of_prometheus() {
    let running = start(always_ready());
    let shown = running.get("/metrics");
    assert_eq!(shown.status, 200);
    assert!(shown.head.contains("content-type: text/plain; version=0.0.4; charset=utf-8"), "{}", shown.head);
    for metric in agentsh::runtime::metrics::TABLE {
        assert!(shown.body.contains(&format!("# TYPE {} {}\n", metric.name, metric.metric_type)), "{}", metric.name);
    }
    let other = start(always_ready().with_metrics(|| "agentsh_x 1\n".to_owned()));
    assert_eq!(other.get("/metrics").body, "agentsh_x 1\n");
}

#[test]
fn other_paths_and_methods_are_refused_with_what_there_is() {
    let running = start(always_ready());
    let addr = running.server.addr();
    let unknown = running.get("/healthz");
    assert_eq!(unknown.status, 404);
    let answer = unknown.json();
    let named: Vec<&str> = answer["routes"].as_array().unwrap().iter().map(|route| route.as_str().unwrap()).collect();
    assert!(["/health/live", "/health/ready", "/metrics"].iter().all(|route| named.contains(route)), "{named:?}");
    let posted = request(addr, "POST /health/live", "localhost");
    assert_eq!(posted.status, 405);
    let head = request(addr, "HEAD /health/live", "localhost");
    assert_eq!((head.status, head.body.as_str()), (200, ""));
}

#[test]
fn a_page_that_names_this_machine_otherwise_is_refused() {
    let running = start(always_ready());
    let addr = running.server.addr();
    for host in ["evil.test", "evil.test:80", "localhost.evil.test"] {
        for path in ["GET /metrics", "GET /health/live", "GET /nowhere"] {
            let answer = request(addr, path, host);
            assert_eq!(answer.status, 421, "{path} {host}");
            assert!(!answer.body.contains("agentsh_"), "{path} {host}");
        }
    }
    assert_eq!(request(addr, "GET /metrics", &addr.to_string()).status, 200);
}

#[test]
fn an_address_that_others_can_reach_is_not_listened_on() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    for addr in ["0.0.0.0:0", "[::]:0", "192.0.2.1:0"] {
        let config = HttpConfig { addr: addr.parse().unwrap() };
        let Err(error) = runtime.block_on(HttpServer::start(&config, always_ready())) else { panic!("{addr} was listened on") };
        assert!(matches!(error, ServeError::NotLoopback(_)), "{error}");
        assert!(
            error.to_string().starts_with(&format!("server.http.addr: {addr} can be reached from other machines")),
            "{error}"
        );
    }
}

#[test]
fn a_port_that_is_taken_is_named_and_a_way_out_too() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let config = HttpConfig { addr: taken.local_addr().unwrap() };
    let Err(error) = runtime.block_on(HttpServer::start(&config, always_ready())) else { panic!("listened twice") };
    assert!(error.to_string().contains(&format!("cannot listen on {}", config.addr)), "{error}");
    assert!(error.to_string().contains("choose another port"), "{error}");
}

/// Reads the head of an answer without a body to come, on a connection that stays open.
fn read_until(stream: &mut TcpStream, end: &str) -> String {
    let mut text = Vec::new();
    let mut byte = [0];
    while !text.ends_with(end.as_bytes()) {
        stream.read_exact(&mut byte).unwrap();
        text.push(byte[0]);
    }
    String::from_utf8(text).unwrap()
}

#[test]
fn a_shutdown_closes_idle_connections_and_the_port() {
    let running = start(always_ready());
    let addr = running.server.addr();
    let mut idle = connect(addr);
    write!(idle, "GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    assert!(read_until(&mut idle, "}\n").starts_with("HTTP/1.1 200"));
    assert_eq!(running.shutdown(LONG), Shutdown::Drained);
    assert_eq!(idle.read(&mut [0; 1]).unwrap(), 0, "the idle connection is closed");
    assert_eq!(TcpStream::connect(addr).unwrap_err().kind(), ErrorKind::ConnectionRefused);
}

#[test]
fn a_shutdown_waits_for_a_request_that_has_begun() {
    let (asked, is_asked) = mpsc::sync_channel(1);
    let (go_on, goes_on) = mpsc::sync_channel::<()>(1);
    let goes_on = std::sync::Mutex::new(goes_on);
    let running = start(HttpState::new(move || {
        asked.send(()).unwrap();
        goes_on.lock().unwrap().recv_timeout(LONG).unwrap();
        Vec::new()
    }));
    let addr = running.server.addr();
    let answered = std::thread::spawn(move || request(addr, "GET /health/ready", "localhost").status);
    is_asked.recv_timeout(LONG).unwrap();
    let shutdown = std::thread::spawn(move || running.shutdown(LONG));
    // The port closes first; only then may the request end.
    let refused = (0..2_000).any(|_| TcpStream::connect_timeout(&addr, Duration::from_millis(10)).is_err());
    assert!(refused, "the port is still open");
    go_on.send(()).unwrap();
    assert_eq!(answered.join().unwrap(), 200);
    assert_eq!(shutdown.join().unwrap(), Shutdown::Drained);
}

#[test]
fn a_shutdown_cuts_what_outlasts_the_deadline() {
    let running = start(always_ready());
    let mut stuck = connect(running.server.addr());
    write!(stuck, "GET /health/live HTTP/1.1\r\nHost: local").unwrap();
    // Answered on a later connection: by then the first has been accepted.
    assert_eq!(running.get("/health/live").status, 200);
    let Running { server, runtime } = running;
    assert_eq!(runtime.block_on(server.shutdown(Duration::from_millis(50))), Shutdown::Cut);
    // The runtime lives on: the end is the server's doing.
    let end = stuck.read(&mut [0; 64]);
    assert!(
        matches!(end, Ok(0)) || end.is_err_and(|error| error.kind() == ErrorKind::ConnectionReset),
        "the connection is still open"
    );
    drop(runtime);
}

#[test]
fn a_connection_beyond_the_bound_waits_until_another_ends() {
    let running = start(always_ready());
    let addr = running.server.addr();
    let mut held: Vec<_> = (0..256)
        .map(|_| {
            let mut stream = connect(addr);
            write!(stream, "GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
            assert!(read_until(&mut stream, "}\n").starts_with("HTTP/1.1 200"));
            stream
        })
        .collect();
    let mut waiting = connect(addr);
    write!(waiting, "GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    waiting.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
    let early = waiting.read(&mut [0; 1]).unwrap_err();
    assert!(matches!(early.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut), "{early}");
    held.pop();
    waiting.set_read_timeout(Some(LONG)).unwrap();
    assert!(read_until(&mut waiting, "}\n").starts_with("HTTP/1.1 200"));
}
