//! What clients should not send: oversize messages, unknown compression, garbage, slowness, foreign names.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use agentsh::encode::proto::{ListPoliciesRequest, ValidatePolicyRequest};
use agentsh::runtime::units::Millis;
use agentsh::serve::Admission;
use agentsh::serve::auth::Keys;
use agentsh::serve::grpc::policy_service_client::PolicyServiceClient;
use agentsh::serve::grpc::{GrpcConfig, GrpcError, GrpcServer, Services};
use tonic::codec::CompressionEncoding;
use tonic::transport::Endpoint;
use tonic::{Code, Request};
use tonic_health::pb::health_client::HealthClient;
use tonic_health::pb::{HealthCheckRequest, health_check_response::ServingStatus};

use super::rig::{InProcess, channel, runtime, soon, with_key};
use crate::support::{DEADLINE, until};

/// Whether the server still answers.
async fn answers(addr: SocketAddr) {
    let mut client = PolicyServiceClient::new(with_key(channel(addr).await, None));
    soon("listing", client.list_policies(ListPoliciesRequest {})).await.unwrap();
}

/// How long the server takes to close a connection on which `bytes` came, one every `pace`.
fn closes_after(addr: SocketAddr, bytes: &[u8], pace: Duration) -> Duration {
    let mut stream = TcpStream::connect(addr).unwrap();
    stream.set_read_timeout(Some(pace.max(Duration::from_millis(1)))).unwrap();
    let start = Instant::now();
    let mut left = bytes.iter();
    loop {
        assert!(start.elapsed() < DEADLINE, "the connection is still open");
        if let Some(byte) = left.next()
            && stream.write_all(&[*byte]).is_err()
        {
            return start.elapsed();
        }
        let mut buffer = [0; 256];
        match stream.read(&mut buffer) {
            Ok(0) => return start.elapsed(),
            Ok(_) => {}
            Err(error) if matches!(error.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut) => {}
            Err(_) => return start.elapsed(),
        }
    }
}

#[test]
fn a_message_over_the_limit_is_refused_also_when_it_is_small_on_the_wire() {
    runtime().block_on(async {
        let rig = InProcess::start(Keys::none(), |config| config.max_message_bytes = 64 << 10).await;
        let large = ValidatePolicyRequest { text: "#".repeat(100_000) };
        for compression in [None, Some(CompressionEncoding::Gzip), Some(CompressionEncoding::Zstd)] {
            let mut client = PolicyServiceClient::new(with_key(channel(rig.addr()).await, None));
            if let Some(compression) = compression {
                client = client.send_compressed(compression);
            }
            let refused = soon("validating", client.validate_policy(large.clone())).await.unwrap_err();
            assert!(matches!(refused.code(), Code::OutOfRange | Code::ResourceExhausted), "{compression:?}: {refused}");
        }
        answers(rig.addr()).await;
    });
}

#[test]
fn gzip_and_zstd_are_spoken_both_ways_and_another_compression_is_refused() {
    runtime().block_on(async {
        let rig = InProcess::start(Keys::none(), |_| {}).await;
        for compression in [CompressionEncoding::Gzip, CompressionEncoding::Zstd] {
            let mut client = PolicyServiceClient::new(with_key(channel(rig.addr()).await, None))
                .send_compressed(compression)
                .accept_compressed(compression);
            let listed = soon("listing", client.list_policies(ListPoliciesRequest {})).await.unwrap();
            let word = if compression == CompressionEncoding::Gzip { "gzip" } else { "zstd" };
            assert_eq!(listed.metadata().get("grpc-encoding").unwrap(), word);
            assert_eq!(listed.into_inner().policies.len(), 1);
        }
        let mut client = PolicyServiceClient::new(with_key(channel(rig.addr()).await, None));
        let mut request = Request::new(ListPoliciesRequest {});
        request.metadata_mut().insert("grpc-encoding", "brotli".parse().unwrap());
        let refused = soon("listing", client.list_policies(request)).await.unwrap_err();
        assert_eq!(refused.code(), Code::Unimplemented, "{refused}");
    });
}

#[test]
fn garbage_ends_its_own_connection_only() {
    let runtime = runtime();
    let rig = runtime.block_on(InProcess::start(Keys::none(), |_| {}));
    let noise: Vec<u8> = (0..4_096_u32).map(|at| u8::try_from(at.wrapping_mul(2_654_435_761) >> 24).unwrap()).collect();
    for bytes in
        [&b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"[..], b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03aaaaaaaaaaaa", &noise]
    {
        let mut stream = TcpStream::connect(rig.addr()).unwrap();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        let _refused = stream.write_all(bytes);
        let mut rest = Vec::new();
        // Closed or reset: it does not stay.
        match stream.read_to_end(&mut rest) {
            Ok(_) => {}
            Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset),
        }
    }
    runtime.block_on(answers(rig.addr()));
}

#[test]
fn who_is_slow_to_begin_or_falls_silent_is_let_go() {
    let runtime = runtime();
    let rig = runtime.block_on(InProcess::start(Keys::none(), |config| {
        config.handshake_timeout = Millis::new(500);
        config.keepalive_interval = Millis::new(500);
        config.keepalive_timeout = Millis::new(500);
        config.max_connections = 4;
    }));
    let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    // Nothing at all, and a byte now and then.
    for bytes in [&b""[..], preface] {
        let took = closes_after(rig.addr(), bytes, Duration::from_millis(100));
        assert!(took >= Duration::from_millis(400) && took < Duration::from_secs(10), "{took:?}");
    }
    // A whole opening, then a frame whose bytes trickle in: it answers no ping.
    let mut trickle = preface.to_vec();
    trickle.extend_from_slice(&[0, 0, 0, 4, 0, 0, 0, 0, 0]);
    let mut stream = TcpStream::connect(rig.addr()).unwrap();
    stream.write_all(&trickle).unwrap();
    let start = Instant::now();
    stream.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
    // The head of a HEADERS frame of 16,000 bytes, then one byte for each look.
    let mut to_send = vec![0, 0x3e, 0x80, 1, 4, 0, 0, 0, 1];
    to_send.extend(std::iter::repeat_n(0x82, 16_000));
    let mut bytes = to_send.into_iter();
    loop {
        assert!(start.elapsed() < DEADLINE, "the connection is still open");
        let mut buffer = [0; 256];
        match stream.read(&mut buffer) {
            Ok(0) => break,
            Ok(_) => {}
            Err(error) if matches!(error.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut) => {}
            Err(_) => break,
        }
        if stream.write_all(&[bytes.next().unwrap()]).is_err() {
            break;
        }
    }
    runtime.block_on(answers(rig.addr()));
}

#[test]
fn connections_beyond_the_bound_wait_for_one_to_end() {
    let runtime = runtime();
    let rig = runtime.block_on(InProcess::start(Keys::none(), |config| {
        config.max_connections = 1;
        config.handshake_timeout = Millis::new(400);
    }));
    // It says nothing, holds the only place, and is let go after the handshake's time.
    let silent = TcpStream::connect(rig.addr()).unwrap();
    runtime.block_on(answers(rig.addr()));
    drop(silent);
}

#[test]
fn a_page_that_names_this_machine_otherwise_is_refused() {
    runtime().block_on(async {
        let rig = InProcess::start(Keys::none(), |_| {}).await;
        for (origin, good) in [("http://localhost", true), ("http://127.0.0.1:1", true), ("http://evil.test", false)] {
            let endpoint = Endpoint::from_shared(format!("http://{}", rig.addr())).unwrap().origin(origin.parse().unwrap());
            let mut client = PolicyServiceClient::new(soon("connecting", endpoint.connect()).await.unwrap());
            let answer = soon("listing", client.list_policies(ListPoliciesRequest {})).await;
            match answer {
                Ok(_) => assert!(good, "{origin}"),
                Err(status) => assert!(!good && status.code() == Code::PermissionDenied, "{origin}: {status}"),
            }
        }
    });
}

#[test]
fn an_address_that_others_can_reach_takes_keys() {
    let folder = tempfile::tempdir().unwrap();
    let start = |keys: Keys| {
        let config = GrpcConfig { addr: ([0, 0, 0, 0], 0).into(), ..GrpcConfig::default() };
        let admission = Admission { keys: std::sync::Arc::new(keys), guard: agentsh::serve::SessionGuard::off() };
        runtime().block_on(async {
            GrpcServer::start(&config, admission, Services::new(&config), Box::new(|| true)).await.map(|server| server.addr())
        })
    };
    let error = start(Keys::none()).unwrap_err();
    assert!(matches!(error, GrpcError::NotLoopback(_)), "{error}");
    assert!(error.to_string().contains("make one with `agentsh keys create`"), "{error}");
    let file = agentsh::serve::auth::KeyFile::at(folder.path().join("keys.json"));
    super::rig::make_key(&file, "alice", &[agentsh::serve::auth::Role::Admin], None);
    assert!(start(Keys::open(file).unwrap()).is_ok());
}

#[test]
fn a_callers_deadline_is_kept() {
    runtime().block_on(async {
        let rig = InProcess::start(Keys::none(), |_| {}).await;
        let mut client = PolicyServiceClient::new(with_key(channel(rig.addr()).await, None));
        let mut request = Request::new(ListPoliciesRequest {});
        request.metadata_mut().insert("grpc-timeout", "1n".parse().unwrap());
        let late = soon("listing", client.list_policies(request)).await.unwrap_err();
        assert!(matches!(late.code(), Code::DeadlineExceeded | Code::Cancelled), "{late}");
    });
}

#[test]
fn health_follows_the_journal_and_the_end() {
    runtime().block_on(async {
        let serving = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(true));
        let seen = serving.clone();
        let config = GrpcConfig { addr: ([127, 0, 0, 1], 0).into(), ..GrpcConfig::default() };
        let policies = agentsh::serve::grpc::PoliciesApi::new(agentsh::serve::grpc::PolicyFolder {
            dir: None,
            default: "built-in".to_owned(),
            variables: super::rig::variables(),
        });
        let services = Services::new(&config).with_policies(policies);
        let is_serving = Box::new(move || seen.load(std::sync::atomic::Ordering::SeqCst));
        let server = GrpcServer::start(&config, Admission::local(), services, is_serving).await.unwrap();
        let mut health = HealthClient::new(channel(server.addr()).await);
        let request = |service: &str| HealthCheckRequest { service: service.to_owned() };
        let mut watch = health.watch(request("agentsh.v1.PolicyService")).await.unwrap().into_inner();
        let mut next = async || soon("a change of health", watch.message()).await.unwrap().unwrap().status();
        assert_eq!(next().await, ServingStatus::Serving);
        assert_eq!(health.check(request("nothing")).await.unwrap_err().code(), Code::NotFound);
        serving.store(false, std::sync::atomic::Ordering::SeqCst);
        assert_eq!(next().await, ServingStatus::NotServing);
        serving.store(true, std::sync::atomic::Ordering::SeqCst);
        assert_eq!(next().await, ServingStatus::Serving);
        server.drain().await;
        assert_eq!(next().await, ServingStatus::NotServing);
        assert_eq!(health.check(request("")).await.unwrap().into_inner().status(), ServingStatus::NotServing);
        let mut client = PolicyServiceClient::new(channel(server.addr()).await);
        let refused = client.list_policies(ListPoliciesRequest {}).await.unwrap_err();
        assert!(refused.code() == Code::Unavailable && refused.message().contains("shuts down"), "{refused}");
        // The watch holds the connection: what does not end by itself is cut.
        assert!(!server.shutdown(Duration::from_millis(100)).await);
    });
}

#[test]
fn the_process_ends_in_order_when_it_is_told_to() {
    let folder = tempfile::tempdir().unwrap();
    let mut process = super::rig::Process::start(&folder.path().join("data"), &[], &[]);
    runtime().block_on(answers(process.grpc()));
    process.signal(nix::sys::signal::Signal::SIGTERM);
    until("the server has ended", || process.child.try_wait().unwrap().is_some());
    assert!(process.child.wait().unwrap().success());
    assert_eq!(std::fs::read_dir(folder.path().join("data/intakes")).unwrap().count(), 0, "the journal was closed");
}
