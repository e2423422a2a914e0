//! The program's own spans: the server's, and only where they are asked for.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Command, Stdio};

use agentsh::sink::otlp::Transport;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::collector::{Collector, Reply};
use super::rig::{attribute, names};
use crate::run::support::{AGENTSH, Place};

/// Starts a server, asks it how it is, stops it.
fn serve(endpoint: Option<&str>) {
    let place = Place::new();
    let mut command = Command::new(AGENTSH);
    command.args(["server", "--data-dir"]).arg(place.data()).env("AGENTSH_SERVER__HTTP__ADDR", "127.0.0.1:0");
    command.envs(endpoint.map(|endpoint| ("AGENTSH_TELEMETRY__OTLP__ENDPOINT", endpoint))).env_remove("AGENTSH_PEERS");
    let mut server = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(server.stdout.take().unwrap()).lines();
    let address = lines.find_map(|line| line.unwrap().strip_prefix("listening on http://").map(str::to_owned)).unwrap();
    let mut stream = TcpStream::connect(&address).unwrap();
    write!(stream, "GET /health/live HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    kill(Pid::from_raw(server.id() as i32), Signal::SIGTERM).unwrap();
    assert!(server.wait().unwrap().success());
}

#[test]
fn the_servers_spans_reach_a_collector_before_it_ends() {
    let collector = Collector::start(Transport::Grpc, |_| Reply::Take);
    serve(Some(&format!("http://{}", collector.address)));
    let spans = collector.spans();
    let request = super::rig::named(&spans, "GET /health/live");
    assert_eq!(request.kind, 2);
    assert_eq!(attribute(&request.attributes, "http.response.status_code").as_deref(), Some("200"));
    assert!(names(&spans).contains(&"open journal"), "{:?}", names(&spans));
}

#[test]
fn a_collector_that_is_gone_does_not_keep_the_server_from_ending() {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    serve(Some(&format!("http://{port}")));
    serve(None);
}

#[test]
fn what_runs_a_command_exports_nothing_of_itself() {
    let collector = Collector::start(Transport::Grpc, |_| Reply::Take);
    let place = Place::new();
    let mut command = place.command(&["true"]);
    let output = command.env("AGENTSH_TELEMETRY__OTLP__ENDPOINT", format!("http://{}", collector.address)).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(collector.received().is_empty());
}
