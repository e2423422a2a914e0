//! Debian's `prometheus` scrapes a loaded server, and every query of every dashboard gives data.

use std::net::{SocketAddr, TcpListener};
use std::process::{Child, Command, Stdio};

use agentsh::event::{Decision, FileDelete, HttpRequest, NetConnect};
use serde_json::Value;

use crate::support;
use crate::telemetry::dashboards::{Query, dashboards, queries};
use crate::telemetry::load::{Ongoing, Place, Server, get, run_on_the_server, try_get};

/// What Grafana would put in the place of its variables.
fn substituted(expr: &str) -> String {
    expr.replace("$__rate_interval", "10s").replace("$__range", "30s").replace("$instance", ".*")
}

struct Prometheus {
    child: Child,
    addr: SocketAddr,
}

impl Prometheus {
    /// Scrapes `target` every second.
    fn start(place: &Place, target: SocketAddr) -> Self {
        let config = place.folder().join("prometheus.yml");
        let text = format!(
            "global: {{ scrape_interval: 1s, scrape_timeout: 1s }}\nscrape_configs:\n  - job_name: agentsh\n    static_configs:\n      - targets: ['{target}']\n"
        );
        std::fs::write(&config, text).unwrap();
        // It cannot say which port it was given, so one is asked for, let go, and given to it; another process may be faster.
        for _ in 0..5 {
            let addr = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
            let child = Command::new("prometheus")
                .arg(format!("--config.file={}", config.display()))
                .arg(format!("--storage.tsdb.path={}", place.folder().join("prometheus").display()))
                .arg(format!("--web.listen-address={addr}"))
                .arg("--log.level=error")
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .spawn()
                .unwrap();
            let mut prometheus = Self { child, addr };
            let mut ended = false;
            support::until("prometheus is ready", || {
                ended = matches!(prometheus.child.try_wait(), Ok(Some(_)));
                ended || try_get(addr, "/-/ready").is_ok_and(|text| text.contains("Ready"))
            });
            if !ended {
                return prometheus;
            }
        }
        panic!("prometheus found no port to listen on");
    }

    /// The result of an instant query.
    fn ask(&self, expr: &str) -> Result<Vec<Value>, String> {
        let encoded: String = expr.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let answer: Value = serde_json::from_str(&get(self.addr, &format!("/api/v1/query?query={encoded}"))).unwrap();
        if answer["status"] != "success" {
            return Err(answer["error"].to_string());
        }
        Ok(answer["data"]["result"].as_array().cloned().unwrap_or_default())
    }

    /// Whether a query gives data: one number at least.
    fn has_data(&self, expr: &str) -> Result<bool, String> {
        let is_number = |sample: &Value| sample["value"][1].as_str().is_some_and(|text| text != "NaN");
        Ok(self.ask(expr)?.iter().any(is_number))
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _it_has_ended_already = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Quantiles and means of what the server itself gates and commits: without a session there is nothing that they could be of.
fn is_of_own_sessions(query: &Query) -> bool {
    (query.expr.starts_with("histogram_quantile") || query.expr.contains("_sum{"))
        && ["agentsh_gate_", "agentsh_fuse_", "agentsh_proxy_", "agentsh_commit_"].iter().any(|name| query.expr.contains(name))
}

#[test]
fn every_query_of_every_dashboard_gives_data_on_a_loaded_server() {
    const TEST: &str = "every_query_of_every_dashboard_gives_data_on_a_loaded_server";
    if !support::has_program("prometheus", TEST) {
        return;
    }
    let place = Place::new();
    place.record_a_session_with_a_refusal();
    let recorder = place.recorder();
    // One sink that delivers, and one whose peer is not there.
    let file = place.folder().join("out/events.jsonl").display().to_string();
    let server = Server::start_with(
        &place,
        &[
            ("AGENTSH_SINKS__JSONL__ENABLED", "true"),
            ("AGENTSH_SINKS__JSONL__PATH", &file),
            ("AGENTSH_SINKS__WEBHOOK__ENABLED", "true"),
            ("AGENTSH_SINKS__WEBHOOK__URL", "http://127.0.0.1:1/"),
        ],
    );
    let prometheus = Prometheus::start(&place, server.addr);

    // A network that answers to the server's own sessions, if it has any.
    let origin = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = origin.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in origin.incoming() {
            let Ok(mut stream) = stream else { return };
            let _ = std::io::Read::read(&mut stream, &mut [0; 4096]);
            let _ =
                std::io::Write::write_all(&mut stream, b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok");
        }
    });
    let script = format!("echo x > f; cat f; rm f; curl -s http://localhost:{port}/ || true");
    let has_curl = support::has_program("curl", "the proxy's queries");
    let has_fuse = std::fs::File::options().read(true).write(true).open("/dev/fuse").is_ok();
    let has_sessions = run_on_the_server(&place, &server, &script).is_some();

    let _others = Ongoing::start(move || {
        recorder.judge(FileDelete { path: "/a".into(), ..FileDelete::default() }, Decision::Deny);
        recorder.judge(NetConnect::default(), Decision::Allow);
        recorder.judge(HttpRequest::default(), Decision::Audit);
        recorder.detect(&["T1552.004", "T1059"]);
        recorder.lose("fuse", 1);
    });
    let place = std::sync::Arc::new(place);
    let server = std::sync::Arc::new(server);
    let _own = has_sessions.then(|| {
        let (place, server) = (std::sync::Arc::clone(&place), std::sync::Arc::clone(&server));
        Ongoing::start(move || {
            run_on_the_server(&place, &server, &script);
        })
    });

    support::until("five scrapes of the counted journal", || {
        prometheus.has_data("count_over_time(agentsh_journal_detections_total{technique=\"T1059\"}[1m]) >= 5").unwrap()
    });
    let mut asked = 0;
    for (name, dashboard) in dashboards() {
        for query in queries(&name, &dashboard) {
            asked += 1;
            let is_of = |layer: &str| query.expr.contains(layer);
            let cannot_be = !has_sessions || !has_curl && is_of("agentsh_proxy_") || !has_fuse && is_of("agentsh_fuse_");
            if is_of_own_sessions(&query) && cannot_be {
                eprintln!("skipped: {TEST}: {} / {}: this server runs no such sessions", query.dashboard, query.panel);
                assert!(prometheus.ask(&substituted(&query.expr)).is_ok(), "{query:?}");
                continue;
            }
            let expr = substituted(&query.expr);
            support::until(&format!("data for {query:?}"), || {
                prometheus.has_data(&expr).unwrap_or_else(|error| panic!("{query:?}: {error}"))
            });
        }
    }
    assert!(asked > 40, "{asked} queries");

    // Counter-examples: a query of nothing gives no data, and one that is wrong is refused.
    assert_eq!(prometheus.has_data("agentsh_no_such_metric"), Ok(false));
    assert!(prometheus.ask("rate(agentsh_events_total)").is_err());
}
