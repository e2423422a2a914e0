//! Events from the journal to files and to receivers that answer at once, with the whole loop: read, shape, send, answer, cursor. OTLP and
//! Parquet have sections of their own.

use std::io::Read as _;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use agentsh::journal::DataDir;
use agentsh::runtime::units::Millis;
use agentsh::sink::jsonl::{Compression, JsonlConfig, JsonlSink};
use agentsh::sink::nats::{NatsConfig, NatsSink};
use agentsh::sink::syslog::{SyslogConfig, SyslogSink};
use agentsh::sink::webhook::{WebhookCompression, WebhookConfig, WebhookSink};
use agentsh::sink::{Deliverer, Delivery, DeliveryConfig, Destination, Secret, SelectionConfig, Shape};

use crate::{median, otlp};

const OPERATIONS: u64 = 30_000;
const ROUNDS: usize = 3;

/// Events/s and bytes of an event.
type Run = (f64, f64);

pub fn run(folder: &Path) -> String {
    let folder = folder.join("sinks");
    let _ = std::fs::remove_dir_all(&folder);
    let head = otlp::record(&folder, OPERATIONS);
    let mut text = format!(
        "Events/s of the other sinks from a journal of {head} events (a third each `file_open`, `policy_decision`, `file_close`) until the \
         last one is safely with its peer and the cursor is written; median of {ROUNDS} runs. Receivers are on the same machine and share \
         its cores: they read and answer, `nats-server` keeps its stream on the same disk. Bytes are those of files and bodies.\n\n\
         | sink | form | compression | events/s | bytes/event |\n|---|---|---|---|---|\n"
    );
    let mut row = |sink: &str, form: Shape, compression: &str, run: &dyn Fn() -> Option<Run>| {
        let runs: Vec<Run> = (0..ROUNDS).filter_map(|_| run()).collect();
        let Some((_, bytes)) = runs.first() else { return };
        let rate = median(&runs.iter().map(|run| run.0).collect::<Vec<_>>());
        let bytes = if *bytes > 0.0 { format!("{bytes:.0}") } else { String::new() };
        text += &format!(
            "| {sink} | {} | {compression} | {rate:.0} | {bytes} |\n",
            if form == Shape::Ocsf { "OCSF" } else { "ours" }
        );
    };
    for form in [Shape::Agentsh, Shape::Ocsf] {
        for (name, compression) in [("none", Compression::None), ("gzip", Compression::Gzip), ("zstd", Compression::Zstd)] {
            row("jsonl", form, name, &|| Some(jsonl(&folder, head, form, compression)));
        }
    }
    for (name, compression) in [("none", WebhookCompression::None), ("gzip", WebhookCompression::Gzip)] {
        row("webhook", Shape::Agentsh, name, &|| Some(webhook(&folder, head, compression)));
    }
    row("syslog (TCP)", Shape::Agentsh, "none", &|| Some(syslog(&folder, head)));
    row("nats (JetStream)", Shape::Agentsh, "none", &|| nats(&folder, head));
    text
}

fn jsonl(folder: &Path, head: u64, format: Shape, compression: Compression) -> Run {
    let out = folder.join("out");
    let _ = std::fs::remove_dir_all(&out);
    let config = JsonlConfig { path: Some(out.join("events.jsonl")), format, compression, ..JsonlConfig::default() };
    let rate = deliver(folder, head, JsonlSink::new(config, DataDir::at(folder)));
    let files = std::fs::read_dir(&out).unwrap();
    let bytes: u64 = files.map(|file| file.unwrap().metadata().unwrap().len()).sum();
    (rate, bytes as f64 / head as f64)
}

fn webhook(folder: &Path, head: u64, compression: WebhookCompression) -> Run {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = Secret::new(format!("http://{}/", listener.local_addr().unwrap()));
    let count = Arc::new(AtomicU64::new(0));
    let counting = Arc::clone(&count);
    std::thread::spawn(move || otlp::http(&listener, &counting));
    let config = WebhookConfig { url, compression, ..WebhookConfig::default() };
    let rate = deliver(folder, head, WebhookSink::new(config, DataDir::at(folder)));
    (rate, count.load(Ordering::Relaxed) as f64 / head as f64)
}

fn syslog(folder: &Path, head: u64) -> Run {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let reading = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let (mut buffer, mut bytes) = (vec![0; 256 << 10], 0);
        while let Ok(count @ 1..) = stream.read(&mut buffer) {
            bytes += count;
        }
        bytes
    });
    let rate = deliver(folder, head, SyslogSink::new(SyslogConfig { address, ..SyslogConfig::default() }));
    (rate, reading.join().unwrap() as f64 / head as f64)
}

/// `None` where there is no `nats-server`.
fn nats(folder: &Path, head: u64) -> Option<Run> {
    let out = folder.join("nats");
    let _ = std::fs::remove_dir_all(&out);
    std::fs::create_dir_all(&out).unwrap();
    let server = Command::new("nats-server")
        .args(["-a", "127.0.0.1", "-p", "-1", "-js", "-sd"])
        .arg(&out)
        .arg("--ports_file_dir")
        .arg(&out)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    let Ok(mut server) = server else {
        eprintln!("skipped: nats: nats-server is not installed");
        return None;
    };
    let until = Instant::now() + Duration::from_secs(10);
    let url = loop {
        let ports = std::fs::read_dir(&out).unwrap().map(|entry| entry.unwrap().path());
        let ports = ports.filter(|path| path.extension().is_some_and(|end| end == "ports")).find_map(|path| {
            let value: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(path).ok()?).ok()?;
            value["nats"][0].as_str().map(str::to_owned)
        });
        match ports {
            Some(url) => break url,
            None => assert!(Instant::now() < until, "nats-server does not say its port"),
        }
        std::thread::sleep(Duration::from_millis(20));
    };
    let config = NatsConfig { servers: vec![url], create_stream: true, ..NatsConfig::default() };
    let rate = deliver(folder, head, NatsSink::new(config));
    server.kill().unwrap();
    server.wait().unwrap();
    Some((rate, 0.0))
}

fn deliver(folder: &Path, head: u64, destination: impl Destination) -> f64 {
    // A name of its own for each run: each begins with the journal's first event.
    let name = format!("bench-{:?}", Instant::now());
    let delivery = Delivery {
        data_dir: DataDir::at(folder),
        config: DeliveryConfig { close_timeout: Millis::new(600_000), ..DeliveryConfig::default() },
        selection: SelectionConfig::default(),
        report: Arc::new(|_| {}),
        at: None,
    };
    let started = Instant::now();
    let sink = Deliverer::start(&name, destination, delivery).unwrap();
    assert!(sink.end());
    head as f64 / started.elapsed().as_secs_f64()
}
