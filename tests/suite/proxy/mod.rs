//! Tests: the session's proxy, with real clients and servers on the loopback interface.

mod client;
mod failures;
mod finish;
mod framing;
mod latencies;
mod names;
mod origin;
mod recording;
mod refusals;
mod requests;
mod secrets;
mod tunnels;

use std::sync::Arc;
use std::time::Duration;

use agentsh::capture::proxy::{ProxyConfig, ProxyServer};

use recording::Recording;

/// A proxy with a recording double in place of the session's channel.
struct Proxy {
    server: ProxyServer,
    recording: Arc<Recording>,
}

impl Proxy {
    fn start() -> Self {
        Self::with(quick())
    }

    fn with(config: ProxyConfig) -> Self {
        Self::recorded_by(Recording::new(), config)
    }

    fn recorded_by(recording: Arc<Recording>, config: ProxyConfig) -> Self {
        let server = ProxyServer::start_with(recording.clone(), config, None).unwrap();
        Self { server, recording }
    }

    fn connect(&self) -> client::Client {
        client::Client::connect(self.server.address())
    }
}

/// A configuration for tests: no DNS server but one that refuses at once, so that nothing leaves the machine.
fn quick() -> ProxyConfig {
    ProxyConfig { dns_upstreams: vec!["127.0.0.1:1".parse().unwrap()], dns_timeout_ms: 500, ..ProxyConfig::default() }
}

/// How long a test waits for something that is bound to happen.
const PATIENCE: Duration = Duration::from_secs(20);

#[test]
fn the_configuration_refuses_keys_that_it_does_not_know() {
    let known: Result<ProxyConfig, _> = serde_json::from_str(r#"{"connect_timeout_ms": 5, "dns_upstreams": ["[::1]:53"]}"#);
    let known = known.unwrap();
    assert_eq!((known.connect_timeout_ms, known.dns_upstreams.len(), known.enabled), (5, 1, true));
    let unknown: Result<ProxyConfig, _> = serde_json::from_str(r#"{"connect_timeout": 5}"#);
    assert!(unknown.unwrap_err().to_string().contains("unknown field `connect_timeout`"));
    assert_eq!(serde_json::from_str::<ProxyConfig>("{}").unwrap(), ProxyConfig::default());
}

#[test]
fn the_environment_names_the_proxy_in_both_spellings_and_excepts_nothing() {
    let proxy = Proxy::start();
    let variables = proxy.server.environment();
    let url = format!("http://{}", proxy.server.address());
    for name in ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"] {
        assert!(variables.contains(&(name.into(), url.clone().into())), "{name}");
    }
    for name in ["NO_PROXY", "no_proxy"] {
        assert!(variables.contains(&(name.into(), "".into())), "{name}");
    }
    assert!(proxy.server.address().ip().is_loopback());
}
