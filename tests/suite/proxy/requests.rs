//! Requests in absolute form.

use std::io::{Read, Write};
use std::process::Command;

use agentsh::event::{Interception, Kind};

use super::origin::{Origin, ok};
use super::{Proxy, client};

#[test]
fn a_request_is_on_record_from_its_head_to_the_end_of_its_connection() {
    let (origin, asked) = Origin::answering(|_| ok("hello"));
    let proxy = Proxy::start();
    let mut client = proxy.connect();
    let reply = client.get(&origin.url("/a/b?c=d&e"));
    assert_eq!((reply.status, reply.text().as_str()), (200, "hello"));
    drop(client);

    let close = proxy.recording.wait(Kind::NetClose, 1).remove(0);
    let kinds: Vec<Kind> = proxy.recording.all().iter().map(|event| event.payload.kind()).collect();
    assert_eq!(kinds, [Kind::HttpRequest, Kind::NetConnect, Kind::HttpResponse, Kind::NetClose]);

    let event = proxy.recording.of(Kind::HttpRequest).remove(0);
    let request = event.request();
    assert!(event.gated && event.cause.is_none());
    assert_eq!((request.method.as_str(), request.scheme.as_str(), request.version.as_str()), ("GET", "http", "HTTP/1.1"));
    assert_eq!((request.host.as_str(), request.port), ("127.0.0.1", origin.address.port()));
    assert_eq!((request.path.as_str(), request.query.as_deref()), ("/a/b", Some("c=d&e")));
    assert_eq!((request.body_size, request.connection), (None, None));
    assert_eq!(request.headers[0].name, "host");

    let connect = proxy.recording.of(Kind::NetConnect).remove(0);
    assert!(connect.gated);
    assert_eq!(connect.cause, Some(event.id));
    assert_eq!(connect.connect().address, Some(origin.address.ip()));
    assert_eq!(connect.connect().host, None, "a literal address is no name");
    assert_eq!(connect.connect().interception, Interception::HttpProxy);

    let answer = proxy.recording.of(Kind::HttpResponse).remove(0);
    let response = answer.response();
    assert_eq!(answer.cause, Some(event.id));
    assert_eq!(response.connection, Some(connect.id));
    assert_eq!((response.status, response.version.as_deref(), response.error.as_deref()), (Some(200), Some("HTTP/1.1"), None));
    assert_eq!((response.request_bytes, response.response_bytes), (0, 5));
    assert!(response.first_byte_us.unwrap() <= response.duration_us);
    assert_eq!(response.headers[0].value, "5");

    assert_eq!(close.cause, Some(connect.id));
    let asked = asked.lock().unwrap()[0].clone();
    assert_eq!(close.close().bytes_sent, u64::try_from(asked.received).unwrap());
    assert_eq!(close.close().bytes_received, u64::try_from(asked.sent).unwrap());
    assert_eq!(close.close().error, None);
}

#[test]
fn neither_side_sees_that_a_proxy_stands_between_them() {
    let answer = "HTTP/1.1 200 Fine\r\nX-Strange-CASE: a\r\nServer: s\r\nConnection: x-hop\r\nX-Hop: y\r\nKeep-Alive: timeout=5\r\nContent-Length: 2\r\nX-Strange-CASE: b\r\n\r\nok";
    let (origin, asked) = Origin::answering(move |_| answer.into());
    let proxy = Proxy::start();
    let mut client = proxy.connect();
    let reply = client.ask(format!(
        "GET http://bob:hunter2@{0}/x HTTP/1.1\r\nHOST: elsewhere.test\r\nUser-AGENT: t\r\nProxy-Connection: keep-alive\r\n\
         Proxy-Authorization: Basic abc\r\nConnection: keep-alive, X-Mine\r\nX-Mine: 1\r\nTE: trailers\r\nUpgrade: h2c\r\nX-Other: 2\r\n\r\n",
        origin.address
    ));
    let asked = asked.lock().unwrap()[0].clone();
    assert_eq!(asked.head, format!("GET /x HTTP/1.1\r\nHOST: {}\r\nUser-AGENT: t\r\nX-Other: 2\r\n\r\n", origin.address));
    assert_eq!(
        reply.head,
        "HTTP/1.1 200 Fine\r\nX-Strange-CASE: a\r\nX-Strange-CASE: b\r\nServer: s\r\nContent-Length: 2\r\n\r\n"
    );
}

#[test]
fn bodies_pass_in_both_directions_with_a_length_and_in_chunks() {
    let (origin, asked) = Origin::answering(|asked| {
        let body = asked.body.clone();
        match asked.head.contains("/chunked") {
            false => [format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len()).into_bytes(), body].concat(),
            true => {
                let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
                [head.as_bytes(), format!("{:x}\r\n", body.len()).as_bytes(), &body, b"\r\n0\r\n\r\n"].concat()
            }
        }
    });
    let proxy = Proxy::start();
    let mut client = proxy.connect();
    let body = "0123456789".repeat(20_000);
    let length = u64::try_from(body.len()).unwrap();

    let reply = client.ask(format!(
        "POST {} HTTP/1.1\r\nHost: {}\r\nContent-Length: {length}\r\n\r\n{body}",
        origin.url("/length"),
        origin.address
    ));
    assert_eq!((reply.status, reply.text()), (200, body.clone()));
    let reply = client.ask(format!(
        "POST {} HTTP/1.1\r\nHost: {}\r\nTransfer-Encoding: chunked\r\n\r\n{:x}\r\n{body}\r\n0\r\n\r\n",
        origin.url("/chunked"),
        origin.address,
        body.len()
    ));
    assert_eq!((reply.status, reply.text()), (200, body.clone()));
    assert!(asked.lock().unwrap().iter().all(|asked| asked.body == body.as_bytes()));

    let responses = proxy.recording.wait(Kind::HttpResponse, 2);
    for response in &responses {
        assert_eq!((response.response().request_bytes, response.response().response_bytes), (length, length));
    }
    let requests = proxy.recording.of(Kind::HttpRequest);
    assert_eq!((requests[0].request().body_size, requests[1].request().body_size), (Some(length), None));
}

#[test]
fn a_hundred_requests_share_one_connection_and_each_is_recorded() {
    let (origin, _) = Origin::answering(|asked| ok(asked.head.split(' ').nth(1).unwrap()));
    let proxy = Proxy::start();
    let mut client = proxy.connect();
    for number in 0..100 {
        assert_eq!(client.get(&origin.url(&format!("/{number}"))).text(), format!("/{number}"));
    }
    drop(client);
    proxy.recording.wait(Kind::NetClose, 1);
    assert_eq!(origin.connections(), 1);
    let connect = proxy.recording.of(Kind::NetConnect);
    assert_eq!(connect.len(), 1);
    let requests = proxy.recording.of(Kind::HttpRequest);
    let responses = proxy.recording.of(Kind::HttpResponse);
    assert_eq!((requests.len(), responses.len()), (100, 100));
    for (number, (request, response)) in requests.iter().zip(&responses).enumerate() {
        assert_eq!(request.request().path, format!("/{number}"));
        assert_eq!(request.request().connection, (number > 0).then_some(connect[0].id));
        assert_eq!(response.cause, Some(request.id));
        assert_eq!(response.response().connection, Some(connect[0].id));
    }
}

#[test]
fn a_connection_that_the_upstream_closes_between_requests_is_replaced() {
    // Closes after each answer without saying so, as servers do whose patience with an idle connection ends.
    let (origin, _) = Origin::answering(|_| ok("hello"));
    let closing = Origin::serving({
        let address = origin.address;
        move |mut stream| {
            let mut onward = std::net::TcpStream::connect(address).unwrap();
            let mut buffer = [0; 4096];
            let read = stream.read(&mut buffer).unwrap();
            onward.write_all(&buffer[..read]).unwrap();
            let read = onward.read(&mut buffer).unwrap();
            stream.write_all(&buffer[..read]).unwrap();
        }
    });
    let proxy = Proxy::start();
    let mut client = proxy.connect();
    for _ in 0..20 {
        assert_eq!(client.get(&closing.url("/")).status, 200);
    }
    assert_eq!(closing.connections(), 20);
    assert_eq!(proxy.recording.wait(Kind::HttpResponse, 20).len(), 20);
    proxy.recording.wait(Kind::NetClose, 19);
}

#[test]
fn a_body_that_is_larger_than_any_buffer_streams_through() {
    const MEBIBYTES: usize = 48;
    let origin = Origin::serving(|mut stream| {
        let _ = stream.read(&mut [0; 1024]);
        let _ = write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", MEBIBYTES << 20);
        let block = vec![7_u8; 1 << 20];
        for _ in 0..MEBIBYTES {
            let _ = stream.write_all(&block);
        }
    });
    let proxy = Proxy::start();
    let mut client = proxy.connect();
    let reply = client.get(&origin.url("/"));
    assert_eq!(reply.body.len(), MEBIBYTES << 20);
    assert!(reply.body.iter().all(|byte| *byte == 7));
    let response = proxy.recording.wait(Kind::HttpResponse, 1).remove(0);
    assert_eq!(response.response().response_bytes, u64::try_from(MEBIBYTES << 20).unwrap());
}

#[test]
fn answers_without_a_body_and_answers_that_end_with_the_connection_pass() {
    let (origin, _) = Origin::answering(|asked| {
        if asked.head.starts_with("HEAD") {
            "HTTP/1.1 200 OK\r\nContent-Length: 1234\r\n\r\n".into()
        } else {
            "HTTP/1.1 304 Not Modified\r\nETag: \"x\"\r\n\r\n".into()
        }
    });
    let endless = Origin::serving(|mut stream| {
        let _ = stream.read(&mut [0; 1024]);
        let _ = stream.write_all(b"HTTP/1.0 200 OK\r\n\r\nuntil the end");
    });
    let proxy = Proxy::start();
    let mut client = proxy.connect();
    client.send(format!("HEAD {} HTTP/1.1\r\nHost: x\r\n\r\n", origin.url("/")));
    assert_eq!(client::field(&client.head().unwrap(), "content-length").as_deref(), Some("1234"));
    assert_eq!(client.get(&origin.url("/")).status, 304);
    assert_eq!(client.get(&endless.url("/")).text(), "until the end");
    let reply = proxy.connect().ask(format!("GET {} HTTP/1.0\r\n\r\n", endless.url("/")));
    assert_eq!(reply.text(), "until the end");
    for response in proxy.recording.wait(Kind::HttpResponse, 4) {
        assert_eq!(response.response().error, None);
    }
}

#[test]
fn fifty_clients_at_once_are_all_recorded() {
    let (origin, _) = Origin::answering(|asked| ok(asked.head.split(' ').nth(1).unwrap()));
    let proxy = Proxy::start();
    std::thread::scope(|scope| {
        for client in 0..50 {
            let (proxy, origin) = (&proxy, &origin);
            scope.spawn(move || {
                let mut connection = proxy.connect();
                for number in 0..4 {
                    let path = format!("/{client}/{number}");
                    assert_eq!(connection.get(&origin.url(&path)).text(), path);
                }
            });
        }
    });
    proxy.recording.wait(Kind::NetClose, 50);
    proxy.recording.wait(Kind::HttpResponse, 200);
    let requests = proxy.recording.of(Kind::HttpRequest);
    assert_eq!(requests.len(), 200);
    for response in proxy.recording.of(Kind::HttpResponse) {
        let request = requests.iter().find(|request| Some(request.id) == response.cause).unwrap();
        assert_eq!(response.response().response_bytes, u64::try_from(request.request().path.len()).unwrap());
    }
}

/// Runs curl in the environment that a session would give it.
fn curl(proxy: &Proxy, arguments: &[&str]) -> Option<std::process::Output> {
    let mut curl = Command::new("curl");
    curl.args(["-sS", "--max-time", "20"]).args(arguments).envs(proxy.server.environment());
    match curl.output() {
        Ok(output) => Some(output),
        Err(error) => {
            eprintln!("skipped: curl cannot be run here: {error}");
            None
        }
    }
}

#[test]
fn curl_finds_the_proxy_and_every_request_is_recorded() {
    let (origin, asked) = Origin::answering(|asked| {
        if asked.head.contains("/redirect") {
            "HTTP/1.1 302 Found\r\nLocation: /target\r\nContent-Length: 0\r\n\r\n".into()
        } else {
            ok(&String::from_utf8_lossy(&asked.body))
        }
    });
    let proxy = Proxy::start();
    let Some(output) = curl(&proxy, &["-L", &origin.url("/redirect")]) else { return };
    assert!(output.status.success(), "{output:?}");
    // More than a mebibyte makes curl ask first whether it may send (`Expect: 100-continue`).
    let upload = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(upload.path(), "x".repeat(3 << 20)).unwrap();
    let data = format!("@{}", upload.path().display());
    let output = curl(&proxy, &["--data-binary", &data, &origin.url("/upload")]).unwrap();
    assert_eq!(output.stdout.len(), 3 << 20);
    let output =
        curl(&proxy, &["-T", upload.path().to_str().unwrap(), "-H", "Transfer-Encoding: chunked", &origin.url("/put")]).unwrap();
    assert_eq!(output.stdout.len(), 3 << 20);
    let output = curl(&proxy, &["-I", &origin.url("/head")]).unwrap();
    assert!(output.stdout.starts_with(b"HTTP/1.1 200 OK"), "{output:?}");
    // Through a tunnel as well.
    let output = curl(&proxy, &["--proxytunnel", "-d", "inside", &origin.url("/tunnel")]).unwrap();
    assert_eq!(output.stdout, b"inside", "{output:?}");

    proxy.recording.wait(Kind::HttpResponse, 5);
    let paths: Vec<String> = proxy
        .recording
        .of(Kind::HttpRequest)
        .iter()
        .map(|event| format!("{} {}", event.request().method, event.request().path))
        .collect();
    assert_eq!(paths, ["GET /redirect", "GET /target", "POST /upload", "PUT /put", "HEAD /head"]);
    assert_eq!(proxy.recording.of(Kind::NetConnect).last().unwrap().connect().interception, Interception::HttpConnect);
    assert!(asked.lock().unwrap().iter().all(|asked| !asked.head.to_lowercase().contains("proxy")));
}
