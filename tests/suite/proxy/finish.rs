//! The end of the session.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::{Mutex, mpsc};
use std::time::{Duration, Instant};

use agentsh::capture::proxy::ProxyConfig;
use agentsh::event::Kind;

use super::origin::Origin;
use super::{Proxy, quick};

/// Every operation that was let through has exactly one event that ends it.
fn everything_has_ended(proxy: &super::recording::Recording) {
    let all = proxy.all();
    for event in all.iter().filter(|event| event.gated) {
        let ends: Vec<Kind> = all.iter().filter(|end| end.cause == Some(event.id)).map(|end| end.payload.kind()).collect();
        let count = |kind: Kind| ends.iter().filter(|end| **end == kind).count();
        match event.payload.kind() {
            Kind::HttpRequest => assert_eq!(count(Kind::HttpResponse), 1, "{event:?}"),
            Kind::NetConnect => assert_eq!(count(Kind::NetClose) + count(Kind::OperationFailed), 1, "{event:?}"),
            other => panic!("{other:?} is not gated here"),
        }
    }
}

#[test]
fn the_end_closes_what_is_in_flight_and_records_it_once() {
    let silent = Origin::serving(|mut stream| while stream.read(&mut [0; 64]).is_ok_and(|read| read > 0) {});
    let endless = Origin::serving(|mut stream| {
        let _ = stream.read(&mut [0; 1024]);
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\nsome");
        while stream.read(&mut [0; 64]).is_ok_and(|read| read > 0) {}
    });
    let (hello, _) = Origin::hello();
    let proxy = Proxy::with(ProxyConfig { drain_timeout_ms: 100, ..quick() });
    let mut clients = Vec::new();
    for origin in [&silent, &endless] {
        let mut client = proxy.connect();
        client.send(format!("GET {} HTTP/1.1\r\nHost: x\r\n\r\n", origin.url("/")));
        clients.push(client);
    }
    clients[1].head().unwrap();
    let mut tunnel = proxy.connect();
    tunnel.send(format!("CONNECT {} HTTP/1.1\r\n\r\n", silent.address));
    tunnel.head().unwrap();
    tunnel.send("four");
    let mut idle = proxy.connect();
    assert_eq!(idle.get(&hello.url("/")).status, 200);
    proxy.recording.wait(Kind::NetConnect, 4);

    let (server, recording) = (proxy.server, proxy.recording);
    server.finish();
    everything_has_ended(&recording);
    let errors: Vec<_> = recording.of(Kind::HttpResponse).iter().filter_map(|event| event.response().error.clone()).collect();
    assert_eq!(errors, ["the session ended", "the session ended"]);
    let answered = recording.of(Kind::HttpResponse).iter().filter(|event| event.response().status == Some(200)).count();
    assert_eq!(answered, 2, "the endless one had begun, the idle one was complete");
    let before = recording.all().len();
    for client in &mut clients {
        assert!(client.stream.read_to_end(&mut Vec::new()).is_ok() || client.is_closed());
    }
    assert!(tunnel.is_closed() && idle.is_closed());
    assert_eq!(recording.all().len(), before, "nothing is recorded after the end");
}

#[test]
fn clients_that_leave_at_any_moment_leave_nothing_without_an_end() {
    let (origin, _) = Origin::hello();
    let proxy = Proxy::start();
    for number in 0..200_u64 {
        let mut client = proxy.connect();
        match number % 2 {
            0 => client.send(format!("GET {} HTTP/1.1\r\nHost: x\r\n\r\n", origin.url("/"))),
            _ => client.send(format!("CONNECT {} HTTP/1.1\r\n\r\n", origin.address)),
        }
        // Gone before its request was read, while the proxy connects, or later.
        let until = Instant::now() + Duration::from_micros(number * 7);
        while Instant::now() < until {
            std::thread::yield_now();
        }
    }
    let (server, recording) = (proxy.server, proxy.recording);
    server.finish();
    everything_has_ended(&recording);
}

#[test]
fn a_request_that_is_almost_done_may_finish() {
    let (release, released) = mpsc::channel::<()>();
    let released = Mutex::new(released);
    let (origin, _) = Origin::answering(move |_| {
        let _ = released.lock().unwrap().recv_timeout(super::PATIENCE);
        super::origin::ok("hello")
    });
    let proxy = Proxy::with(ProxyConfig { drain_timeout_ms: 20_000, ..quick() });
    let mut client = proxy.connect();
    client.send(format!("GET {} HTTP/1.1\r\nHost: x\r\n\r\n", origin.url("/")));
    proxy.recording.wait(Kind::NetConnect, 1);
    let address = proxy.server.address();
    let (server, recording) = (proxy.server, proxy.recording);
    let finishing = std::thread::spawn(move || server.finish());
    // Nobody is accepted any more once the end has begun.
    let deadline = Instant::now() + super::PATIENCE;
    while TcpStream::connect(address).is_ok() {
        assert!(Instant::now() < deadline, "the listener closes");
    }
    assert!(!finishing.is_finished(), "the request is still open");
    release.send(()).unwrap();
    assert_eq!(client.reply().text(), "hello");
    finishing.join().unwrap();
    everything_has_ended(&recording);
    assert_eq!(recording.of(Kind::HttpResponse)[0].response().error, None);
}

#[test]
fn an_idle_proxy_ends_at_once() {
    let proxy = Proxy::with(ProxyConfig { drain_timeout_ms: 60_000, ..quick() });
    let (hello, _) = Origin::hello();
    let mut idle = proxy.connect();
    assert_eq!(idle.get(&hello.url("/")).status, 200);
    let _silent = proxy.connect();
    let began = Instant::now();
    let (server, recording) = (proxy.server, proxy.recording);
    server.finish();
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    everything_has_ended(&recording);
}

#[test]
fn a_proxy_that_is_dropped_ends_as_well() {
    let proxy = Proxy::start();
    let address = proxy.server.address();
    drop(proxy);
    assert!(TcpStream::connect(address).is_err());
}

#[test]
fn more_clients_than_allowed_wait_for_their_turn() {
    let (origin, _) = Origin::hello();
    let proxy = Proxy::with(ProxyConfig { max_connections: 1, ..quick() });
    let mut first = proxy.connect();
    assert_eq!(first.get(&origin.url("/")).status, 200);
    let mut second = proxy.connect();
    second.send(format!("GET {} HTTP/1.1\r\nHost: x\r\n\r\n", origin.url("/")));
    assert_eq!(first.get(&origin.url("/")).status, 200);
    assert_eq!(proxy.recording.of(Kind::HttpRequest).len(), 2, "the second client waits");
    drop(first);
    assert_eq!(second.reply().status, 200);
}
