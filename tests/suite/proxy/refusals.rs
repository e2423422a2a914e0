//! What the policy or the recorder refuses.

use agentsh::channel::{Refusal, RefusedBy};
use agentsh::event::{Kind, Payload};

use super::client::field;
use super::origin::Origin;
use super::recording::{Recording, refusal};
use super::{Proxy, quick};

#[test]
fn g1_a_request_to_a_refused_host_gets_403_with_the_rule_and_nothing_is_resolved_or_connected() {
    let proxy = Proxy::recorded_by(Recording::refusing("denied.test"), quick());
    let mut client = proxy.connect();
    let reply = client.get("http://Denied.TEST./x");
    assert_eq!(reply.status, 403);
    assert_eq!(reply.text(), "refused by agentsh: rule \"no-such-host\": it is on the list\n");
    assert_eq!(field(&reply.head, "x-agentsh-rule").as_deref(), Some("no-such-host"));
    let events = proxy.recording.all();
    assert_eq!(events.len(), 1, "{events:?}");
    assert!(events[0].gated);
    assert_eq!(events[0].request().host, "denied.test");

    // The counter-example, on the same connection: another host is let through.
    let (origin, _) = Origin::hello();
    assert_eq!(client.get(&origin.url("/")).status, 200);
}

#[test]
fn g1_a_request_whose_address_is_refused_gets_403_and_is_not_connected() {
    let (origin, _) = Origin::hello();
    let recording = Recording::deciding(
        |payload| match payload {
            Payload::NetConnect(connect) => connect.address.is_some_and(|address| address.is_loopback()).then(refusal),
            _ => None,
        },
        |_, _| None,
    );
    let proxy = Proxy::recorded_by(recording, quick());
    let reply = proxy.connect().get(&format!("http://localhost:{}/", origin.address.port()));
    assert_eq!(reply.status, 403);
    assert_eq!(origin.connections(), 0);
    let response = proxy.recording.wait(Kind::HttpResponse, 1).remove(0);
    assert_eq!(response.cause, Some(proxy.recording.of(Kind::HttpRequest)[0].id));
    assert_eq!(response.response().status, None);
    assert!(response.response().error.as_deref().unwrap().contains("no-such-host"));
    assert!(proxy.recording.of(Kind::NetClose).is_empty());
}

#[test]
fn a_refusal_without_a_rule_names_none() {
    let recording = Recording::deciding(
        |payload| {
            let by_default =
                || Refusal { by: RefusedBy::Policy, rule: None, reason: "the default of network_rules is deny".into() };
            (payload.kind() == Kind::HttpRequest).then(by_default)
        },
        |_, _| None,
    );
    let proxy = Proxy::recorded_by(recording, quick());
    let reply = proxy.connect().get("http://x.test/");
    assert_eq!((reply.status, reply.text().as_str()), (403, "refused by agentsh: the default of network_rules is deny\n"));
    assert_eq!(field(&reply.head, "x-agentsh-rule"), None);
}

#[test]
fn g8_what_cannot_be_recorded_is_refused_as_unavailable() {
    for by in [RefusedBy::AuditFailure, RefusedBy::Overload] {
        for kind in [Kind::HttpRequest, Kind::NetConnect] {
            let (origin, _) = Origin::hello();
            let recording = Recording::deciding(
                move |payload| {
                    (payload.kind() == kind).then(|| Refusal { by, rule: None, reason: "the journal cannot write".into() })
                },
                |_, _| None,
            );
            let proxy = Proxy::recorded_by(recording, quick());
            let reply = proxy.connect().get(&origin.url("/"));
            assert_eq!((reply.status, reply.text().as_str()), (503, "refused by agentsh: the journal cannot write\n"));
            assert_eq!(origin.connections(), 0);
        }
    }
}

#[test]
fn an_upload_to_a_refused_host_is_refused_without_reading_it() {
    let proxy = Proxy::recorded_by(Recording::refusing("denied.test"), quick());
    let mut client = proxy.connect();
    let reply =
        client.ask("POST http://denied.test/ HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000000\r\nExpect: 100-continue\r\n\r\n");
    assert_eq!(reply.status, 403);
}

#[test]
fn a_channel_that_blocks_stops_those_who_record_and_not_the_tunnels() {
    use std::io::{Read as _, Write as _};
    let echo = Origin::serving(|stream| {
        let mut from = stream.try_clone().unwrap();
        let _ = std::io::copy(&mut from, &mut { stream });
    });
    let (origin, _) = Origin::hello();
    let proxy = Proxy::start();
    let mut tunnel = proxy.connect();
    tunnel.send(format!("CONNECT {} HTTP/1.1\r\n\r\n", echo.address));
    tunnel.head().unwrap();

    proxy.recording.stall(true);
    let mut blocked: Vec<_> = (0..12)
        .map(|_| {
            let mut client = proxy.connect();
            client.send(format!("GET {} HTTP/1.1\r\nHost: x\r\n\r\n", origin.url("/")));
            client
        })
        .collect();
    proxy.recording.wait_for_blocked(12);
    for round in 0..50_u8 {
        tunnel.stream.get_mut().write_all(&[round]).unwrap();
        let mut back = [0];
        tunnel.stream.read_exact(&mut back).unwrap();
        assert_eq!(back, [round]);
    }
    proxy.recording.stall(false);
    for client in &mut blocked {
        assert_eq!(client.reply().status, 200);
    }
}
