//! Heads that are malformed, oversized, or made to be read in two ways.

use agentsh::capture::proxy::ProxyConfig;
use agentsh::event::Kind;

use super::origin::Origin;
use super::{Proxy, quick};

#[test]
fn requests_that_two_servers_would_read_differently_are_refused_and_recorded() {
    let (origin, asked) = Origin::hello();
    let inner = format!("GET {} HTTP/1.1\r\nHost: x\r\n\r\n", origin.url("/smuggled"));
    for fields in [
        "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
        "transfer-encoding: CHUNKED\r\nX: y\r\ncontent-length: 0\r\n",
        "Content-Length: 5\r\nContent-Length: 6\r\n",
        "Content-Length: 5, 6\r\n",
        "Content-Length: +5\r\n",
        "Content-Length: 5\r\nContent-Length: x\r\n",
        "Transfer-Encoding: xchunked\r\n",
        "Transfer-Encoding : chunked\r\n",
        "Content-Length : 5\r\n",
        "Transfer-Encoding: chunked, identity\r\n",
        "Transfer-Encoding:\r\n chunked\r\n",
        "X: a\rb\r\n",
        "X: a\0b\r\n",
        "X Y: a\r\n",
        ": a\r\n",
        "X\r\n",
    ] {
        let proxy = Proxy::start();
        let mut client = proxy.connect();
        let reply = client.ask(format!("POST {} HTTP/1.1\r\nHost: x\r\n{fields}\r\n0\r\n\r\n{inner}", origin.url("/")));
        assert_eq!(reply.status, 400, "{fields:?}");
        assert!(client.is_closed(), "{fields:?}");
        let rejected = proxy.recording.wait(Kind::HttpResponse, 1);
        assert_eq!(rejected.len(), proxy.recording.all().len(), "{fields:?}: {:?}", proxy.recording.all());
        assert_eq!((rejected[0].cause, rejected[0].response().status), (None, Some(400)), "{fields:?}");
        assert!(rejected[0].response().error.is_some());
    }
    assert!(asked.lock().unwrap().is_empty(), "nothing reached the upstream");
}

#[test]
fn a_head_with_both_lengths_is_found_wherever_it_comes_and_however_it_is_cut() {
    let (origin, asked) = Origin::hello();
    let url = origin.url("/");
    let bad = format!("POST {url} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n");
    for before in [
        format!("GET {url} HTTP/1.1\r\nHost: x\r\n\r\n"),
        format!("POST {url} HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello"),
        format!("POST {url} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5;a=b\r\nhello\r\n0\r\nT: r\r\n\r\n"),
    ] {
        for cut in [1, 7, 64, 100_000] {
            let proxy = Proxy::start();
            let mut client = proxy.connect();
            for part in [before.as_str(), &bad].concat().as_bytes().chunks(cut) {
                client.send(part);
            }
            assert_eq!(client.reply().status, 200, "{before:?} cut at {cut}");
            assert_eq!(client.reply().status, 400, "{before:?} cut at {cut}");
            let rejected = proxy.recording.wait(Kind::HttpResponse, 2).remove(1);
            assert_eq!(
                rejected.response().error.as_deref(),
                Some("the request has both Transfer-Encoding and Content-Length"),
                "{before:?} cut at {cut}"
            );
        }
    }
    assert_eq!(asked.lock().unwrap().len(), 12);
}

#[test]
fn a_body_that_reads_like_such_a_head_is_a_body() {
    let (origin, asked) = Origin::hello();
    let url = origin.url("/");
    let head = format!("POST {url} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n");
    let proxy = Proxy::start();
    let mut client = proxy.connect();
    let length = head.len();
    for _ in 0..3 {
        assert_eq!(client.ask(format!("POST {url} HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n\r\n{head}")).status, 200);
        let chunked =
            format!("POST {url} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n{length:x}\r\n{head}\r\n0\r\n\r\n");
        assert_eq!(client.ask(chunked).status, 200);
    }
    assert!(asked.lock().unwrap().iter().all(|asked| asked.body == head.as_bytes()));
    // Within a tunnel nothing is looked at.
    let mut client = proxy.connect();
    client.send(format!("CONNECT {} HTTP/1.1\r\n\r\n", origin.address));
    client.head().unwrap();
    client.send(head.replace("Content-Length: 5\r\n", "content-length: 0\r\n"));
    assert_eq!(client.reply().status, 200);
}

#[test]
fn pipelined_requests_are_answered_in_their_order() {
    let (origin, _) = Origin::answering(|asked| super::origin::ok(asked.head.split(' ').nth(1).unwrap()));
    let proxy = Proxy::start();
    let mut client = proxy.connect();
    let requests: String =
        (0..10).map(|number| format!("GET {} HTTP/1.1\r\nHost: x\r\n\r\n", origin.url(&format!("/{number}")))).collect();
    client.send(requests);
    for number in 0..10 {
        assert_eq!(client.reply().text(), format!("/{number}"));
    }
}

#[test]
fn a_transfer_coding_that_ends_at_the_proxy_is_not_dropped_in_silence() {
    let (origin, _) = Origin::hello();
    let proxy = Proxy::start();
    let url = origin.url("/");
    let reply =
        proxy.connect().ask(format!("POST {url} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"));
    assert_eq!(reply.status, 501);
    assert_eq!(proxy.recording.wait(Kind::HttpResponse, 1)[0].response().status, Some(501));
}

#[test]
fn oversized_heads_get_431_and_an_event() {
    let (origin, _) = Origin::hello();
    let url = origin.url("/");
    let proxy = Proxy::with(ProxyConfig { max_head_bytes: 16_384, ..quick() });
    assert_eq!(proxy.connect().ask(format!("GET {url} HTTP/1.1\r\nX: {}\r\n\r\n", "x".repeat(15_000))).status, 200);
    assert_eq!(proxy.connect().ask(format!("GET {url} HTTP/1.1\r\nX: {}\r\n\r\n", "x".repeat(20_000))).status, 431);
    assert_eq!(proxy.connect().ask(format!("GET {url} HTTP/1.1\r\n{}\r\n", "X: y\r\n".repeat(101))).status, 431);
    proxy.recording.wait_until(|events| {
        events.iter().filter(|event| event.payload.kind() == Kind::HttpResponse && event.response().status == Some(431)).count()
            == 2
    });
}

#[test]
fn what_is_not_http_gets_400_and_an_event() {
    for garbage in [
        "garbage\r\n\r\n",
        "\x16\x03\x01\x02\x00\x01\x00\x01\r\n\r\n",
        "GET  http://x/ HTTP/1.1\r\n\r\n",
        "GET http://x/ HTTP/3.7\r\n\r\n",
    ] {
        let proxy = Proxy::start();
        assert_eq!(proxy.connect().ask(garbage).status, 400, "{garbage:?}");
        assert_eq!(proxy.recording.wait(Kind::HttpResponse, 1)[0].response().status, Some(400));
    }
    let proxy = Proxy::start();
    let mut client = proxy.connect();
    client.send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    assert!(client.is_closed());
    assert_eq!(proxy.recording.wait(Kind::HttpResponse, 1)[0].response().error.as_deref(), Some("the client speaks HTTP/2"));
}

#[test]
fn a_head_that_does_not_end_in_time_is_recorded_and_an_idle_connection_is_not() {
    let proxy = Proxy::with(ProxyConfig { head_timeout_ms: 200, ..quick() });
    let mut idle = proxy.connect();
    assert!(idle.is_closed());
    let mut slow = proxy.connect();
    slow.send("GET http://x.test/ HTTP/1.1\r\nHost: x");
    assert!(slow.is_closed());
    let events = proxy.recording.wait(Kind::HttpResponse, 1);
    assert_eq!(events.len(), proxy.recording.all().len());
    assert!(events[0].response().error.as_deref().unwrap().contains("within 200 ms"));
}
