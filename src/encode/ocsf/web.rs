//! Names and HTTP: 4003 DNS Activity and 4002 HTTP Activity.

use super::class::Class;
use super::entities::{endpoint, endpoint_of_subject};
use super::network::{carrier, traffic};
use super::object::{Object, long, millis, timestamp};
use super::record::{Body, Status};
use crate::event::{DnsQuery, Event, Header, HttpRequest, HttpResponse};

/// `rcode_id` and `rcode` of an IANA name (<https://www.iana.org/assignments/dns-parameters>, DNS RCODEs).
fn rcode(name: &str) -> (u8, &str) {
    match name {
        "NOERROR" => (0, "NoError"),
        "FORMERR" => (1, "FormError"),
        "SERVFAIL" => (2, "ServError"),
        "NXDOMAIN" => (3, "NXDomain"),
        "NOTIMP" => (4, "NotImp"),
        "REFUSED" => (5, "Refused"),
        "YXDOMAIN" => (6, "YXDomain"),
        "YXRRSET" => (7, "YXRRSet"),
        "NXRRSET" => (8, "NXRRSet"),
        "NOTAUTH" => (9, "NotAuth"),
        "NOTZONE" => (10, "NotZone"),
        "DSOTYPENI" => (11, "DSOTYPENI"),
        "BADSIG" | "BADVERS" => (16, "BADSIG_VERS"),
        "BADKEY" => (17, "BADKEY"),
        "BADTIME" => (18, "BADTIME"),
        "BADMODE" => (19, "BADMODE"),
        "BADNAME" => (20, "BADNAME"),
        "BADALG" => (21, "BADALG"),
        "BADTRUNC" => (22, "BADTRUNC"),
        "BADCOOKIE" => (23, "BADCOOKIE"),
        other => (99, other),
    }
}

pub(super) fn resolved(event: &Event, p: &DnsQuery) -> Body {
    let answered = p.rcode.is_some();
    let server = match p.upstream.as_deref() {
        Some("hosts") => Object::new().with("name", "hosts"),
        Some(upstream) => endpoint_of_subject(upstream),
        None => Object::new().with("name", "resolver"),
    };
    let asked = event.time.as_micros();
    let latency = i64::try_from(p.latency_us).unwrap_or(i64::MAX);
    let (rcode_id, rcode) = p.rcode.as_deref().map(rcode).unzip();
    let answers = p
        .answers
        .iter()
        .map(|answer| Object::new().with("rdata", answer.as_str()).with("type", p.record_type.as_str()).with("class", "IN"));
    let status = match (p.rcode.as_deref(), &p.error) {
        (Some("NOERROR"), None) => Status::Success,
        _ => Status::Failure,
    };
    Body::new(Class::Dns, if answered { 6 } else { 1 }).status(status).fields(
        Object::new()
            .with(
                "query",
                Object::new()
                    .with("hostname", p.name.as_str())
                    .with("type", p.record_type.as_str())
                    .with("class", "IN")
                    .with("opcode_id", 0)
                    .with("opcode", "Query"),
            )
            .list("answers", answers)
            .maybe("rcode_id", rcode_id)
            .maybe("rcode", rcode)
            .with("query_time", timestamp(asked))
            .maybe("response_time", answered.then(|| timestamp(asked.saturating_add(latency))))
            .with("duration", millis(p.latency_us))
            .with("dst_endpoint", server)
            .maybe("status_detail", p.error.as_deref()),
    )
}

/// `activity_id` of a method; 99 for what OCSF does not list (its `http_method` may not name it then).
fn method(method: &str) -> u8 {
    match method {
        "CONNECT" => 1,
        "DELETE" => 2,
        "GET" => 3,
        "HEAD" => 4,
        "OPTIONS" => 5,
        "POST" => 6,
        "PUT" => 7,
        "TRACE" => 8,
        "PATCH" => 9,
        "" => 0,
        _ => 99,
    }
}

fn headers(headers: &[Header]) -> impl Iterator<Item = Object> {
    headers.iter().map(|header| Object::new().with("name", header.name.as_str()).with("value", header.value.as_str()))
}

fn header<'a>(headers: &'a [Header], name: &str) -> Option<&'a str> {
    headers.iter().find(|header| header.name == name).map(|header| header.value.as_str())
}

pub(super) fn requested(event: &Event, p: &HttpRequest) -> Body {
    let query = p.query.as_deref().map(|query| format!("?{query}")).unwrap_or_default();
    let host = if p.host.contains(':') { format!("[{}]", p.host) } else { p.host.clone() };
    let url = Object::new()
        .with("scheme", p.scheme.as_str())
        .with("hostname", p.host.as_str())
        .with("port", p.port)
        .with("path", p.path.as_str())
        .maybe("query_string", p.query.as_deref())
        .with("url_string", format!("{}://{host}:{}{}{query}", p.scheme, p.port, p.path));
    let activity = method(&p.method);
    let known = (1..=9).contains(&activity).then_some(p.method.as_str());
    let request = Object::new()
        .maybe("http_method", known)
        .with("uid", event.id.to_string())
        .with("url", url)
        .with("version", p.version.as_str())
        .list("http_headers", headers(&p.headers))
        .maybe("user_agent", header(&p.headers, "user-agent"))
        .maybe("referrer", header(&p.headers, "referer"))
        .maybe("body_length", p.body_size.map(long));
    let body = Body::new(Class::Http, activity).fields(
        Object::new()
            .with("http_request", request)
            .with("dst_endpoint", endpoint(Some(&p.host), None, Some(p.port)))
            .maybe("connection_info", carrier(p.connection)),
    );
    if activity == 99 { body.called(&p.method) } else { body }
}

pub(super) fn answered(event: &Event, p: &HttpResponse) -> Body {
    let response = p.status.map(|status| {
        Object::new()
            .with("code", status)
            .list("http_headers", headers(&p.headers))
            .maybe("content_type", header(&p.headers, "content-type"))
            .with("body_length", long(p.response_bytes))
            .maybe("latency", p.first_byte_us.map(millis))
    });
    // The class wants a request or a response; the request's `uid` is that of the record of the request.
    let request = Object::new()
        .maybe("uid", event.cause.map(|cause| cause.to_string()))
        .with("body_length", long(p.request_bytes))
        .maybe("version", p.version.as_deref());
    let status = Status::of(p.error.is_none() && p.status.is_some());
    Body::new(Class::Http, 99).called("Response").status(status).fields(
        Object::new()
            .with("http_request", request)
            .maybe("http_response", response)
            .maybe("status_code", p.status.map(|status| status.to_string()))
            .maybe("status_detail", p.error.as_deref())
            .with("traffic", traffic(p.request_bytes, p.response_bytes))
            .with("duration", millis(p.duration_us))
            .maybe("connection_info", carrier(p.connection)),
    )
}
