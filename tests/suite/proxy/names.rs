//! Names: what is asked of whom, and what is recorded of it. The DNS server is the test's own.

use std::net::{SocketAddr, UdpSocket};
use std::sync::{Arc, Mutex};

use agentsh::capture::proxy::ProxyConfig;
use agentsh::event::Kind;

use super::origin::Origin;
use super::{Proxy, quick};

/// How a name is answered.
#[derive(Clone, Copy, PartialEq)]
enum Zone {
    /// A record with 127.0.0.1, and no AAAA record.
    Loopback,
    /// The same behind a CNAME.
    Alias,
    NoName,
    Empty,
    ServerFailure,
    Silence,
}

/// A DNS server on the loopback interface, which answers each name by a function and keeps what it was asked.
fn dns_server(zone: impl Fn(&str) -> Zone + Send + 'static) -> (SocketAddr, Arc<Mutex<Vec<String>>>) {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    let log: Arc<Mutex<Vec<String>>> = Arc::default();
    let asked = Arc::clone(&log);
    std::thread::spawn(move || {
        let mut buffer = [0; 1500];
        while let Ok((length, from)) = socket.recv_from(&mut buffer) {
            let query = &buffer[..length];
            // RFC 1035 §4.1.2: labels with their lengths, then type and class.
            let (mut at, mut labels) = (12, Vec::new());
            while query[at] != 0 {
                let end = at + 1 + usize::from(query[at]);
                labels.push(String::from_utf8_lossy(&query[at + 1..end]).to_lowercase());
                at = end;
            }
            let name = labels.join(".");
            let record_type = u16::from_be_bytes([query[at + 1], query[at + 2]]);
            let question = &query[12..at + 5];
            asked.lock().unwrap().push(format!("{name} {record_type}"));
            let zone = zone(&name);
            if zone == Zone::Silence {
                continue;
            }
            let rcode = match zone {
                Zone::NoName => 3,
                Zone::ServerFailure => 2,
                _ => 0,
            };
            let mut records: Vec<Vec<u8>> = Vec::new();
            // A pointer to the name at byte 12, class IN, a minute to live.
            let record = |owner: &[u8], number: u8, data: &[u8]| {
                [owner, &[0, number, 0, 1, 0, 0, 0, 60, 0, u8::try_from(data.len()).unwrap()], data].concat()
            };
            let alias = b"\x04real\x04test\x00";
            if record_type == 1 && zone == Zone::Loopback {
                records.push(record(&[0xc0, 12], 1, &[127, 0, 0, 1]));
            }
            if zone == Zone::Alias {
                records.push(record(&[0xc0, 12], 5, alias));
                if record_type == 1 {
                    records.push(record(alias, 1, &[127, 0, 0, 1]));
                }
            }
            let count = u8::try_from(records.len()).unwrap();
            let header = [query[0], query[1], 0x81, 0x80 | rcode, 0, 1, 0, count, 0, 0, 0, 0];
            let answer = [&header[..], question, &records.concat()].concat();
            socket.send_to(&answer, from).unwrap();
        }
    });
    (address, log)
}

fn asking(upstreams: &[SocketAddr]) -> ProxyConfig {
    ProxyConfig { dns_upstreams: upstreams.to_vec(), dns_timeout_ms: 400, ..quick() }
}

#[test]
fn a_name_is_asked_for_and_each_query_is_recorded() {
    let (origin, _) = Origin::hello();
    let (dns, asked) = dns_server(|_| Zone::Loopback);
    let proxy = Proxy::with(asking(&[dns]));
    let reply = proxy.connect().get(&format!("http://WWW.Example.test:{}/", origin.address.port()));
    assert_eq!(reply.text(), "hello");
    let request = proxy.recording.of(Kind::HttpRequest).remove(0);
    assert_eq!(request.request().host, "www.example.test");
    let queries = proxy.recording.of(Kind::DnsQuery);
    assert_eq!(queries.len(), 2);
    let (v4, v6) = (queries[0].query(), queries[1].query());
    assert_eq!((v4.name.as_str(), v4.record_type.as_str(), v4.rcode.as_deref()), ("www.example.test", "A", Some("NOERROR")));
    assert_eq!((v4.answers.as_slice(), v4.error.as_deref()), (["127.0.0.1".to_owned()].as_slice(), None));
    assert_eq!((v6.record_type.as_str(), v6.rcode.as_deref(), v6.answers.len()), ("AAAA", Some("NOERROR"), 0));
    for query in &queries {
        assert_eq!(query.cause, Some(request.id));
        assert_eq!(query.query().upstream, Some(dns.to_string()));
        assert!(query.query().latency_us > 0);
    }
    let connect = proxy.recording.of(Kind::NetConnect).remove(0);
    assert_eq!(connect.connect().host.as_deref(), Some("www.example.test"));
    assert_eq!(connect.connect().address.unwrap().to_string(), "127.0.0.1");
    let mut asked = asked.lock().unwrap().clone();
    asked.sort();
    assert_eq!(asked, ["www.example.test 1", "www.example.test 28"]);
}

#[test]
fn an_alias_is_followed_and_shown() {
    let (origin, _) = Origin::hello();
    let (dns, _) = dns_server(|name| if name == "alias.test" { Zone::Alias } else { Zone::Empty });
    let proxy = Proxy::with(asking(&[dns]));
    assert_eq!(proxy.connect().get(&format!("http://alias.test:{}/", origin.address.port())).status, 200);
    let query = proxy.recording.of(Kind::DnsQuery).remove(0);
    assert_eq!(query.query().answers, ["real.test.", "127.0.0.1"]);
}

#[test]
fn a_name_that_does_not_exist_is_a_bad_gateway() {
    let (dns, _) = dns_server(|name| if name == "empty.test" { Zone::Empty } else { Zone::NoName });
    let proxy = Proxy::with(asking(&[dns]));
    let reply = proxy.connect().get("http://missing.test/");
    assert_eq!((reply.status, reply.text().as_str()), (502, "the name `missing.test` does not exist\n"));
    let query = proxy.recording.of(Kind::DnsQuery).remove(0);
    assert_eq!((query.query().rcode.as_deref(), query.query().answers.len()), (Some("NXDOMAIN"), 0));
    let response = proxy.recording.wait(Kind::HttpResponse, 1).remove(0);
    assert_eq!(response.response().error.as_deref(), Some("the name `missing.test` does not exist"));
    assert!(proxy.recording.of(Kind::NetConnect).is_empty());

    let reply = proxy.connect().ask("CONNECT empty.test:443 HTTP/1.1\r\n\r\n");
    assert_eq!((reply.status, reply.text().as_str()), (502, "the name `empty.test` has no address\n"));
}

#[test]
fn a_server_that_fails_or_is_silent_is_recorded_and_the_next_one_asked() {
    let (origin, _) = Origin::hello();
    let (failing, _) = dns_server(|_| Zone::ServerFailure);
    let (silent, _) = dns_server(|_| Zone::Silence);
    let (good, _) = dns_server(|_| Zone::Loopback);
    let proxy = Proxy::with(asking(&[failing, silent, good]));
    assert_eq!(proxy.connect().get(&format!("http://name.test:{}/", origin.address.port())).status, 200);
    let queries = proxy.recording.of(Kind::DnsQuery);
    let upstreams: Vec<_> = queries.iter().map(|query| query.query().upstream.clone().unwrap()).collect();
    assert_eq!(upstreams, [failing, failing, silent, silent, good, good].map(|address| address.to_string()));
    assert_eq!(queries[0].query().rcode.as_deref(), Some("SERVFAIL"));
    assert_eq!(queries[2].query().rcode, None);
    assert!(queries[2].query().error.as_deref().unwrap().contains("timed out"), "{queries:?}");
    assert!(queries[2].query().latency_us >= 400_000);
}

#[test]
fn a_name_that_no_server_answers_for_is_a_bad_gateway_in_time() {
    let (silent, _) = dns_server(|_| Zone::Silence);
    let proxy = Proxy::with(asking(&[silent]));
    let reply = proxy.connect().get("http://name.test/");
    assert_eq!((reply.status, reply.text().as_str()), (502, "no DNS server answered for `name.test`\n"));
    assert_eq!(proxy.recording.of(Kind::DnsQuery).len(), 4, "two types, two rounds");
}

#[test]
fn a_query_whose_client_leaves_is_recorded_all_the_same() {
    let (silent, asked) = dns_server(|_| Zone::Silence);
    let proxy = Proxy::with(ProxyConfig { dns_timeout_ms: 60_000, ..asking(&[silent]) });
    let mut client = proxy.connect();
    client.send("GET http://name.test/ HTTP/1.1\r\nHost: x\r\n\r\n");
    let deadline = std::time::Instant::now() + super::PATIENCE;
    while asked.lock().unwrap().len() < 2 {
        assert!(std::time::Instant::now() < deadline, "both types are asked for");
        std::thread::yield_now();
    }
    drop(client);
    for query in proxy.recording.wait(Kind::DnsQuery, 2) {
        assert_eq!(query.query().error.as_deref(), Some("the client left before an answer came"));
    }
    proxy.recording.wait(Kind::HttpResponse, 1);
}

#[test]
fn literal_addresses_are_not_asked_for() {
    let (origin, _) = Origin::hello();
    let (dns, asked) = dns_server(|_| Zone::Loopback);
    let proxy = Proxy::with(asking(&[dns]));
    assert_eq!(proxy.connect().get(&origin.url("/")).status, 200);
    assert_eq!(proxy.connect().get(&format!("http://[::ffff:127.0.0.1]:{}/", origin.address.port())).status, 200);
    assert!(proxy.recording.of(Kind::DnsQuery).is_empty());
    assert!(asked.lock().unwrap().is_empty());
}

#[test]
fn localhost_and_the_hosts_file_are_answered_here_and_say_so() {
    let (origin, _) = Origin::hello();
    let port = origin.address.port();
    let hosts = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(hosts.path(), "# comment\n127.0.0.1 listed.test other.test\n").unwrap();
    let (dns, asked) = dns_server(|_| Zone::NoName);
    let proxy = Proxy::with(ProxyConfig { hosts_file: hosts.path().into(), ..asking(&[dns]) });
    for name in ["localhost", "sub.localhost", "listed.test", "OTHER.test"] {
        assert_eq!(proxy.connect().get(&format!("http://{name}:{port}/")).status, 200, "{name}");
    }
    for query in proxy.recording.of(Kind::DnsQuery) {
        assert_eq!(query.query().upstream.as_deref(), Some("hosts"));
        assert_eq!(query.query().rcode.as_deref(), Some("NOERROR"));
    }
    assert!(asked.lock().unwrap().is_empty());

    // The file counts as it is now, and a name that is not in it is asked for.
    std::fs::write(hosts.path(), "127.0.0.1 late.test\n").unwrap();
    assert_eq!(proxy.connect().get(&format!("http://late.test:{port}/")).status, 200);
    assert_eq!(proxy.connect().get(&format!("http://listed.test:{port}/")).status, 502);
    assert!(asked.lock().unwrap().iter().all(|asked| asked.starts_with("listed.test ")));
}

#[test]
fn names_that_must_not_leave_the_machine_are_not_asked_for() {
    let (dns, asked) = dns_server(|_| Zone::Loopback);
    let proxy = Proxy::with(asking(&[dns]));
    for name in ["x.invalid", "x.onion"] {
        assert_eq!(proxy.connect().get(&format!("http://{name}/")).status, 502);
    }
    assert!(asked.lock().unwrap().is_empty());
    assert_eq!(proxy.recording.of(Kind::DnsQuery)[0].query().rcode.as_deref(), Some("NXDOMAIN"));
}

#[test]
fn odd_spellings_of_addresses_are_names_like_others() {
    let (dns, _) = dns_server(|_| Zone::NoName);
    let proxy = Proxy::with(asking(&[dns]));
    for host in ["2130706433", "0x7f000001", "0177.0.0.1", "127.1"] {
        assert_eq!(proxy.connect().get(&format!("http://{host}/")).status, 502, "{host}");
    }
    assert!(proxy.recording.of(Kind::NetConnect).is_empty(), "none of them leads to the loopback interface");
}
