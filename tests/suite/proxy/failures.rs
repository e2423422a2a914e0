//! Upstreams and clients that fail: each gives the client the right error in time, and an event.

use std::io::{Read, Write};
use std::net::TcpStream;

use agentsh::capture::proxy::ProxyConfig;
use agentsh::event::Kind;

use super::origin::{Origin, nobody};
use super::{Proxy, quick};

#[test]
fn an_upstream_where_nobody_listens_is_a_bad_gateway() {
    let proxy = Proxy::start();
    let nobody = nobody();
    let reply = proxy.connect().get(&format!("http://{nobody}/"));
    assert_eq!(reply.status, 502);
    let response = proxy.recording.wait(Kind::HttpResponse, 1).remove(0);
    assert_eq!((response.response().status, response.response().connection), (None, None));
    assert!(response.response().error.as_deref().unwrap().starts_with(&format!("cannot connect to {nobody}")));
    let failed = proxy.recording.of(Kind::OperationFailed).remove(0);
    assert_eq!(failed.failure().error, "ECONNREFUSED");
}

#[test]
fn an_upstream_that_resets_within_the_body_breaks_the_answer_off() {
    let origin = Origin::serving(|mut stream| {
        // One byte stays unread, so that closing resets.
        let _ = stream.read(&mut [0; 8]);
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly this");
    });
    let proxy = Proxy::start();
    let mut client = proxy.connect();
    client.send(format!("GET {} HTTP/1.1\r\nHost: x\r\n\r\n", origin.url("/")));
    // Either the head came through before the reset, and then the body is cut off, or the reset came first.
    if let Some(head) = client.head() {
        assert!(head.starts_with("HTTP/1.1 200") || head.starts_with("HTTP/1.1 502"), "{head}");
    }
    let response = proxy.recording.wait(Kind::HttpResponse, 1).remove(0);
    assert!(response.response().error.as_deref().unwrap().starts_with("the upstream broke off"), "{response:?}");
    assert!(response.response().response_bytes < 100);
    assert!(proxy.recording.wait(Kind::NetClose, 1)[0].close().error.is_some());
}

#[test]
fn an_upstream_that_ends_within_the_body_is_not_taken_for_complete() {
    let origin = Origin::serving(|mut stream| {
        let mut read = 0;
        while read < 30 {
            read += stream.read(&mut [0; 1024]).unwrap();
        }
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly this");
        let _ = stream.shutdown(std::net::Shutdown::Write);
        let _ = stream.read(&mut [0]);
    });
    let proxy = Proxy::start();
    let mut client = proxy.connect();
    client.send(format!("GET {} HTTP/1.1\r\nHost: x\r\n\r\n", origin.url("/")));
    assert!(client.try_reply().is_none(), "the client sees that the body was cut off");
    let response = proxy.recording.wait(Kind::HttpResponse, 1).remove(0);
    assert_eq!((response.response().status, response.response().response_bytes), (Some(200), 9));
    assert!(response.response().error.is_some());
}

#[test]
fn an_upstream_that_never_answers_is_a_gateway_timeout() {
    let origin = Origin::serving(|mut stream| while stream.read(&mut [0; 64]).is_ok_and(|read| read > 0) {});
    let proxy = Proxy::with(ProxyConfig { head_timeout_ms: 300, ..quick() });
    let reply = proxy.connect().get(&origin.url("/"));
    assert_eq!((reply.status, reply.text().as_str()), (504, "the upstream sent no response within 300 ms of the request\n"));
    let response = proxy.recording.wait(Kind::HttpResponse, 1).remove(0);
    assert!(response.response().error.as_deref().unwrap().starts_with("the upstream sent no response"));
    let close = proxy.recording.wait(Kind::NetClose, 1).remove(0);
    assert!(close.close().error.as_deref().unwrap().starts_with("the upstream sent no response"), "{close:?}");
}

#[test]
fn an_upstream_that_falls_silent_within_the_body_is_given_up() {
    let origin = Origin::serving(|mut stream| {
        let _ = stream.read(&mut [0; 1024]);
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly this");
        while stream.read(&mut [0; 64]).is_ok_and(|read| read > 0) {}
    });
    let proxy = Proxy::with(ProxyConfig { idle_timeout_ms: 300, ..quick() });
    let mut client = proxy.connect();
    client.send(format!("GET {} HTTP/1.1\r\nHost: x\r\n\r\n", origin.url("/")));
    assert!(client.try_reply().is_none());
    let response = proxy.recording.wait(Kind::HttpResponse, 1).remove(0);
    assert_eq!(response.response().error.as_deref(), Some("the upstream sent nothing for 300 ms"));
    assert_eq!(response.response().response_bytes, 9);
}

#[test]
fn a_client_that_falls_silent_within_its_body_is_given_up() {
    let (origin, _) = Origin::hello();
    let proxy = Proxy::with(ProxyConfig { idle_timeout_ms: 300, ..quick() });
    let mut client = proxy.connect();
    client.send(format!("POST {} HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nonly this", origin.url("/")));
    let reply = client.reply();
    assert_eq!(reply.status, 400);
    let response = proxy.recording.wait(Kind::HttpResponse, 1).remove(0);
    assert!(response.response().error.as_deref().unwrap().contains("the client sent nothing for 300 ms"), "{response:?}");
    assert_eq!(response.response().request_bytes, 9);
}

#[test]
fn a_client_that_leaves_before_its_answer_leaves_a_record() {
    let origin = Origin::serving(|mut stream| {
        let _ = stream.read(&mut [0; 1024]);
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n");
        while stream.write_all(&[0; 65_536]).is_ok() {}
    });
    let proxy = Proxy::start();
    let mut client = proxy.connect();
    client.send(format!("GET {} HTTP/1.1\r\nHost: x\r\n\r\n", origin.url("/")));
    client.head().unwrap();
    drop(client);
    let response = proxy.recording.wait(Kind::HttpResponse, 1).remove(0);
    assert_eq!(response.response().error.as_deref(), Some("the client left before the response was complete"));
    proxy.recording.wait(Kind::NetClose, 1);
}

#[test]
fn a_client_that_leaves_while_the_upstream_thinks_ends_the_request_at_once() {
    let (left, leaves) = std::sync::mpsc::channel();
    let (reaches, reached) = std::sync::mpsc::channel();
    let origin = Origin::serving(move |mut stream| {
        let _ = stream.read(&mut [0; 1024]);
        let _ = reaches.send(());
        while stream.read(&mut [0; 1024]).is_ok_and(|read| read > 0) {}
        let _ = left.send(());
    });
    let proxy = Proxy::start();
    let mut client = proxy.connect();
    client.send(format!("GET {} HTTP/1.1\r\nHost: x\r\n\r\n", origin.url("/")));
    proxy.recording.wait(Kind::NetConnect, 1);
    reached.recv_timeout(super::PATIENCE).expect("the upstream has the request");
    drop(client);
    let response = proxy.recording.wait(Kind::HttpResponse, 1).remove(0);
    assert_eq!(response.response().error.as_deref(), Some("the client left before the response was complete"));
    leaves.recv_timeout(super::PATIENCE).expect("the upstream is told");
    proxy.recording.wait(Kind::NetClose, 1);
}

#[test]
fn an_upstream_that_answers_garbage_is_a_bad_gateway() {
    for garbage in [
        "garbage\r\n\r\n",
        "HTTP/1.1 999999 x\r\n\r\n",
        "SSH-2.0-x\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx",
    ] {
        let origin = Origin::serving(move |mut stream| {
            let _ = stream.read(&mut [0; 1024]);
            let _ = stream.write_all(garbage.as_bytes());
        });
        let proxy = Proxy::start();
        assert_eq!(proxy.connect().get(&origin.url("/")).status, 502, "{garbage:?}");
        assert!(proxy.recording.wait(Kind::HttpResponse, 1)[0].response().error.is_some());
    }
}

#[test]
fn an_upstream_with_an_oversized_head_is_a_bad_gateway() {
    let (origin, _) = Origin::answering(|_| format!("HTTP/1.1 200 OK\r\nX: {}\r\n\r\n", "x".repeat(200_000)).into_bytes());
    let proxy = Proxy::start();
    assert_eq!(proxy.connect().get(&origin.url("/")).status, 502);
}

#[test]
fn an_address_that_does_not_accept_is_a_gateway_timeout() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().unwrap();
    let listener = runtime.block_on(async {
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        socket.listen(0).unwrap()
    });
    let address = listener.local_addr().unwrap();
    // One connection fills the queue of a listener that does not accept; the kernel drops the next one's packets.
    let fill = || TcpStream::connect_timeout(&address, std::time::Duration::from_millis(300));
    let filled: Vec<_> = std::iter::from_fn(|| fill().ok()).take(8).collect();
    if filled.len() == 8 {
        eprintln!("skipped: this kernel accepts for a listener whose queue is full");
        return;
    }
    let proxy = Proxy::with(ProxyConfig { connect_timeout_ms: 300, ..quick() });
    let reply = proxy.connect().get(&format!("http://{address}/"));
    assert_eq!(reply.status, 504);
    assert_eq!(proxy.recording.of(Kind::OperationFailed)[0].failure().error, "ETIMEDOUT");
}

#[test]
fn a_request_to_the_proxy_itself_is_a_loop() {
    let proxy = Proxy::start();
    let port = proxy.server.address().port();
    for host in ["127.0.0.1", "0.0.0.0", "localhost", "[::ffff:127.0.0.1]"] {
        assert_eq!(proxy.connect().get(&format!("http://{host}:{port}/")).status, 508, "{host}");
        assert_eq!(proxy.connect().ask(format!("CONNECT {host}:{port} HTTP/1.1\r\n\r\n")).status, 508, "{host}");
    }
    let failures = proxy.recording.wait(Kind::OperationFailed, 8);
    assert!(failures.iter().all(|failure| failure.failure().errno == libc::ELOOP));
    assert!(proxy.recording.of(Kind::NetClose).is_empty());
}

#[test]
fn a_client_that_takes_the_proxy_for_a_server_gets_a_hint() {
    let proxy = Proxy::start();
    let mut client = proxy.connect();
    let reply = client.ask("GET /index.html HTTP/1.1\r\nHost: example.test\r\n\r\n");
    assert_eq!(reply.status, 400);
    assert!(reply.text().starts_with("this is a proxy:"), "{}", reply.text());
    for scheme in ["https", "ftp", "ws"] {
        let reply = client.ask(format!("GET {scheme}://example.test/ HTTP/1.1\r\nHost: example.test\r\n\r\n"));
        assert_eq!(reply.status, 501);
        assert!(reply.text().contains("CONNECT host:port"));
    }
    let rejected = proxy.recording.wait(Kind::HttpResponse, 4);
    assert_eq!(rejected.len(), proxy.recording.all().len(), "nothing else was recorded");
    assert_eq!((rejected[0].cause, rejected[0].response().status), (None, Some(400)));
}

#[test]
fn an_upstream_is_tried_at_each_of_its_addresses() {
    let (origin, _) = Origin::hello();
    let hosts = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(hosts.path(), "127.0.0.9 two.test\n127.0.0.1 two.test\n").unwrap();
    let proxy = Proxy::with(ProxyConfig { hosts_file: hosts.path().into(), ..quick() });
    let reply = proxy.connect().get(&format!("http://two.test:{}/", origin.address.port()));
    assert_eq!((reply.status, reply.text().as_str()), (200, "hello"));
    let connects = proxy.recording.of(Kind::NetConnect);
    let addresses: Vec<String> = connects.iter().map(|event| event.connect().address.unwrap().to_string()).collect();
    assert_eq!(addresses, ["127.0.0.9", "127.0.0.1"]);
    let failed = proxy.recording.of(Kind::OperationFailed).remove(0);
    assert_eq!(failed.cause, Some(connects[0].id));
    assert_eq!(proxy.recording.wait(Kind::HttpResponse, 1)[0].response().connection, Some(connects[1].id));
}
