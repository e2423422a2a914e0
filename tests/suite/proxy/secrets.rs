//! G-7 at the proxy: no secret of a request or a response gets into an event.

use agentsh::event::Kind;

use super::origin::Origin;
use super::recording::Recording;
use super::{Proxy, quick};

#[test]
fn g7_no_secret_of_a_request_or_a_response_is_in_any_event() {
    let token = format!("ghp_{}", "a1B2c3D4e5".repeat(4));
    let answer = format!(
        "HTTP/1.1 302 Found\r\nSet-Cookie: sid=SECRET-01; Path=/\r\nX-Auth-Token: SECRET-02\r\n\
         Location: http://u:SECRET-03@x.test/?code=SECRET-04\r\nX-Any: see {token}\r\nContent-Length: 0\r\n\r\n"
    );
    let (origin, asked) = Origin::answering(move |_| answer.clone().into());
    let proxy = Proxy::start();
    let authority = origin.address;
    let request = format!(
        "GET http://bob:SECRET-05@{authority}/hook/{token}/x;jsessionid=SECRET-06?page=2&access_token=SECRET-07&%74oken=SECRET-08\
         &to=https%3A%2F%2Fu%3ASECRET-09%40h HTTP/1.1\r\nHost: {authority}\r\nAuthorization: Bearer SECRET-10\r\n\
         Proxy-Authorization: Basic SECRET-11\r\nCookie: a=SECRET-12; b=SECRET-13\r\nX-Api-Key: SECRET-14\r\n\
         Private-Token: SECRET-15\r\nX-Amz-Security-Token: SECRET-16\r\nReferer: http://x.test/?sig=SECRET-17\r\nX-Any: {token}\r\n\r\n"
    );
    let reply = proxy.connect().ask(request.replace("\n         ", ""));
    assert_eq!(reply.status, 302);
    proxy.recording.wait(Kind::NetClose, 1);
    let json = proxy.recording.json();
    assert!(!json.contains("SECRET"), "{json}");
    assert!(!json.contains(&token), "{json}");
    assert!(!json.contains("bob"), "{json}");
    for kept in [
        "page=2",
        "access_token=[redacted]",
        "Bearer [redacted]",
        "a=[redacted]; b=[redacted]",
        "[redacted:github-token]",
        "Path=/",
    ] {
        assert!(json.contains(kept), "{kept} is not in {json}");
    }

    // The upstream and the client got all of it: only the record is redacted.
    let head = asked.lock().unwrap()[0].head.clone();
    for secret in ["SECRET-06", "SECRET-07", "SECRET-08", "SECRET-10", "SECRET-12", "SECRET-14", "SECRET-17", token.as_str()] {
        assert!(head.contains(secret), "{secret} is not in {head}");
    }
    assert!(reply.head.contains("SECRET-01") && reply.head.contains("SECRET-04"));
    // But what was meant for the proxy stays here.
    assert!(!head.contains("SECRET-05") && !head.contains("SECRET-11"));
}

#[test]
fn g7_a_refused_or_failed_request_gives_nothing_away_either() {
    let proxy = Proxy::recorded_by(Recording::refusing("denied.test"), quick());
    for target in
        ["http://u:SECRET@denied.test/?token=SECRET", "http://u:SECRET@nowhere.invalid/?token=SECRET", "ftp://u:SECRET@x.test/"]
    {
        let reply = proxy.connect().ask(format!("GET {target} HTTP/1.1\r\nHost: x\r\nAuthorization: SECRET\r\n\r\n"));
        assert!(reply.status >= 400);
        assert!(!reply.text().contains("SECRET"));
    }
    let _ = proxy.connect().ask("CONNECT u:SECRET@nowhere.invalid:443 HTTP/1.1\r\nAuthorization: SECRET\r\n\r\n");
    let _ = proxy.connect().ask("GET http://x/ HTTP/1.1\r\nBad Header SECRET: x\r\n\r\n");
    proxy.recording.wait(Kind::HttpResponse, 3);
    assert!(!proxy.recording.json().contains("SECRET"), "{}", proxy.recording.json());
}

#[test]
fn bytes_that_are_no_text_are_written_as_escapes() {
    let (origin, _) = Origin::hello();
    let proxy = Proxy::start();
    let head = [format!("GET {} HTTP/1.1\r\nHost: x\r\nX-Bytes: a", origin.url("/")).as_bytes(), b"\xff\tb\r\n\r\n"].concat();
    assert_eq!(proxy.connect().ask(head).status, 200);
    let request = proxy.recording.of(Kind::HttpRequest).remove(0);
    let header = request.request().headers.iter().find(|header| header.name == "x-bytes").unwrap();
    assert_eq!(header.value, "a\\xff\\x09b");
}
