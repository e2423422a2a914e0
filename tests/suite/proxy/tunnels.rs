//! Tests: tunnels through the proxy (`CONNECT`).

use std::io::{Read, Write};
use std::net::Shutdown;
use std::sync::mpsc;

use agentsh::capture::proxy::ProxyConfig;
use agentsh::event::{Interception, Kind};

use super::client::Client;
use super::origin::{Origin, nobody};
use super::recording::{Recording, refusal};
use super::{Proxy, quick};

/// A server that sends back what it gets, and ends when its client does.
fn echo() -> Origin {
    Origin::serving(|stream| {
        let mut from = stream.try_clone().unwrap();
        let mut to = stream;
        let _ = std::io::copy(&mut from, &mut to);
        let _ = to.shutdown(Shutdown::Write);
    })
}

fn tunnel(proxy: &Proxy, authority: &str) -> Client {
    let mut client = proxy.connect();
    client.send(format!("CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\nUser-Agent: t\r\n\r\n"));
    assert_eq!(client.head().unwrap(), "HTTP/1.1 200 Connection established\r\n\r\n");
    client
}

#[test]
fn a_tunnel_carries_every_byte_and_counts_it() {
    let origin = echo();
    let proxy = Proxy::start();
    let mut client = tunnel(&proxy, &origin.address.to_string());
    let sent: Vec<u8> = (0..=255).cycle().take(3_000_001).collect();
    let mut writer = client.stream.get_ref().try_clone().unwrap();
    let bytes = sent.clone();
    let writing = std::thread::spawn(move || {
        writer.write_all(&bytes).unwrap();
        // The other direction goes on after this one has ended.
        writer.shutdown(Shutdown::Write).unwrap();
    });
    let mut received = Vec::new();
    client.stream.read_to_end(&mut received).unwrap();
    writing.join().unwrap();
    assert!(received == sent);

    let close = proxy.recording.wait(Kind::NetClose, 1).remove(0);
    assert_eq!((close.close().bytes_sent, close.close().bytes_received), (3_000_001, 3_000_001));
    assert_eq!(close.close().error, None);
    let connect = proxy.recording.of(Kind::NetConnect).remove(0);
    assert!(connect.gated && connect.cause.is_none());
    assert_eq!(close.cause, Some(connect.id));
    assert_eq!(connect.connect().interception, Interception::HttpConnect);
    assert_eq!(connect.connect().address, Some(origin.address.ip()));
    assert_eq!(proxy.recording.all().len(), 2);
}

#[test]
fn what_a_client_sends_before_it_has_the_answer_is_not_lost() {
    let origin = echo();
    let proxy = Proxy::start();
    let mut client = proxy.connect();
    let authority = origin.address;
    client.send(format!("CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n\r\nearly"));
    client.head().unwrap();
    client.send(" late");
    client.stream.get_ref().shutdown(Shutdown::Write).unwrap();
    let mut received = String::new();
    client.stream.read_to_string(&mut received).unwrap();
    assert_eq!(received, "early late");
    assert_eq!(proxy.recording.wait(Kind::NetClose, 1)[0].close().bytes_sent, 10);
}

#[test]
fn an_upstream_that_ends_first_still_hears_the_client() {
    let (heard, hears) = mpsc::channel();
    let origin = Origin::serving(move |mut stream| {
        stream.write_all(b"bye").unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        let mut rest = String::new();
        stream.read_to_string(&mut rest).unwrap();
        heard.send(rest).unwrap();
    });
    let proxy = Proxy::start();
    let mut client = tunnel(&proxy, &origin.address.to_string());
    let mut received = String::new();
    client.stream.read_to_string(&mut received).unwrap();
    assert_eq!(received, "bye");
    client.send("one more thing");
    drop(client);
    assert_eq!(hears.recv_timeout(super::PATIENCE).unwrap(), "one more thing");
    assert_eq!(proxy.recording.wait(Kind::NetClose, 1)[0].close().bytes_sent, 14);
}

#[test]
fn a_tunnel_in_which_nothing_moves_is_closed() {
    let origin = echo();
    let proxy = Proxy::with(ProxyConfig { idle_timeout_ms: 200, ..quick() });
    let mut client = tunnel(&proxy, &origin.address.to_string());
    client.send("x");
    assert_eq!(client.stream.read(&mut [0]).unwrap(), 1);
    assert!(client.is_closed());
    let close = proxy.recording.wait(Kind::NetClose, 1).remove(0);
    assert_eq!(close.close().error.as_deref(), Some("no byte passed for 200 ms"));
    assert_eq!(close.close().bytes_received, 1);
}

#[test]
fn a_tunnel_to_a_refused_name_is_refused_before_the_name_is_resolved() {
    let proxy = Proxy::recorded_by(Recording::refusing("denied.test"), quick());
    let mut client = proxy.connect();
    let reply = client.ask("CONNECT denied.test:443 HTTP/1.1\r\nHost: denied.test:443\r\n\r\n");
    assert_eq!(reply.status, 403);
    assert_eq!(reply.text(), "refused by agentsh: rule \"no-such-host\": it is on the list\n");
    assert_eq!(super::client::field(&reply.head, "x-agentsh-rule").as_deref(), Some("no-such-host"));
    let events = proxy.recording.all();
    assert_eq!(events.len(), 1, "{events:?}");
    assert!(events[0].gated);
    let connect = events[0].connect();
    assert_eq!((connect.host.as_deref(), connect.address, connect.port), (Some("denied.test"), None, 443));
    // The connection serves on.
    let origin = echo();
    client.send(format!("CONNECT {} HTTP/1.1\r\n\r\n", origin.address));
    assert!(client.head().unwrap().starts_with("HTTP/1.1 200"));
}

#[test]
fn a_tunnel_to_a_refused_address_is_refused_after_the_name_is_resolved() {
    let origin = echo();
    let recording = Recording::deciding(
        |payload| match payload {
            agentsh::event::Payload::NetConnect(connect) if connect.address.is_some() => Some(refusal()),
            _ => None,
        },
        |_, _| None,
    );
    let proxy = Proxy::recorded_by(recording, quick());
    let reply = proxy.connect().ask(format!("CONNECT localhost:{} HTTP/1.1\r\n\r\n", origin.address.port()));
    assert_eq!(reply.status, 403);
    assert_eq!(origin.connections(), 0);
    assert_eq!(proxy.recording.of(Kind::NetConnect).len(), 1);
    assert!(proxy.recording.of(Kind::NetClose).is_empty());
}

#[test]
fn a_tunnel_to_nobody_is_a_bad_gateway_and_a_failed_operation() {
    let proxy = Proxy::start();
    let nobody = nobody();
    let reply = proxy.connect().ask(format!("CONNECT {nobody} HTTP/1.1\r\n\r\n"));
    assert_eq!(reply.status, 502);
    assert!(reply.text().starts_with(&format!("cannot connect to {nobody}: ")), "{}", reply.text());
    let failed = proxy.recording.wait(Kind::OperationFailed, 1).remove(0);
    assert_eq!(failed.cause, Some(proxy.recording.of(Kind::NetConnect)[0].id));
    assert_eq!((failed.failure().operation, failed.failure().errno), (Kind::NetConnect, libc::ECONNREFUSED));
    assert_eq!(failed.failure().subject, Some(nobody.to_string()));
    assert!(proxy.recording.of(Kind::NetClose).is_empty());
}

#[test]
fn a_tunnel_whose_upstream_resets_ends_with_the_reason() {
    let origin = Origin::serving(|stream| {
        // Bytes that nobody read make the kernel reset the connection instead of closing it.
        let mut stream = stream;
        stream.read_exact(&mut [0]).unwrap();
    });
    let proxy = Proxy::start();
    let mut client = tunnel(&proxy, &origin.address.to_string());
    client.send("x".repeat(100));
    assert!(client.is_closed());
    drop(client);
    let close = proxy.recording.wait(Kind::NetClose, 1).remove(0);
    assert!(close.close().error.is_some(), "{close:?}");
    assert_eq!(close.close().bytes_sent, 100);
}

#[test]
fn a_tunnel_needs_a_host_and_a_port() {
    let proxy = Proxy::start();
    for target in ["example.test", "example.test:", "example.test:0", "example.test:70000", ":443"] {
        let reply = proxy.connect().ask(format!("CONNECT {target} HTTP/1.1\r\nHost: x\r\n\r\n"));
        assert_eq!(reply.status, 400, "{target}");
    }
    assert_eq!(proxy.recording.wait(Kind::HttpResponse, 4).len(), proxy.recording.all().len());
}
