//! Heads as events, and heads as they go on. Pure.

use std::fmt::Write as _;

use hyper::header::{
    CONNECTION, CONTENT_LENGTH, HOST, HeaderMap, HeaderName, HeaderValue, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION, TE,
    TRANSFER_ENCODING, UPGRADE,
};
use hyper::http::request;
use hyper::http::uri::Authority;
use hyper::{Method, StatusCode, Uri, Version};

use crate::capture::proxy::upstream::Destination;
use crate::event::trace::TraceParent;
use crate::event::{EventId, Header, HttpRequest, redact};

/// Where a request stands in a trace (W3C Trace Context §3.2).
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// A request that cannot be proxied.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(in super::super) enum BadRequest {
    /// The target is a path, as if the proxy were a server.
    #[error("this is a proxy: ask for an absolute URL (`GET http://host/path`) or for a tunnel (`CONNECT host:port`)")]
    OriginForm,
    /// The target's scheme is another one.
    #[error("the proxy speaks http; ask for a tunnel (`CONNECT host:port`) for anything else")]
    Scheme,
    /// The target has no host.
    #[error("the request's target has no host")]
    NoHost,
    /// The target's port is not a number from 1 to 65535, or a tunnel's is missing.
    #[error("the request's target has no valid port")]
    Port,
    /// The body is coded in a way that ends at this hop and that the proxy does not know.
    #[error("the proxy knows no transfer coding but `chunked`")]
    TransferCoding,
}

impl BadRequest {
    pub(in super::super) const fn status(&self) -> StatusCode {
        match self {
            BadRequest::OriginForm | BadRequest::NoHost | BadRequest::Port => StatusCode::BAD_REQUEST,
            BadRequest::Scheme | BadRequest::TransferCoding => StatusCode::NOT_IMPLEMENTED,
        }
    }
}

/// Fields that concern one hop only (RFC 9110 §7.6.1), beside those that `Connection` names.
static HOP_BY_HOP: [HeaderName; 8] = [
    CONNECTION,
    TE,
    TRANSFER_ENCODING,
    UPGRADE,
    PROXY_AUTHORIZATION,
    PROXY_AUTHENTICATE,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
];

/// Where a request in absolute form goes.
///
/// # Errors
/// [`BadRequest`] when the request cannot be proxied.
pub(super) fn destination(head: &request::Parts) -> Result<Destination, BadRequest> {
    let authority = match (head.uri.scheme_str(), head.uri.authority()) {
        (Some("http"), Some(authority)) => authority,
        (Some(_), _) => return Err(BadRequest::Scheme),
        (None, _) => return Err(BadRequest::OriginForm),
    };
    let codings = head.headers.get_all(TRANSFER_ENCODING).iter().collect::<Vec<_>>();
    match codings.as_slice() {
        [] => {}
        [coding] if coding.as_bytes().trim_ascii().eq_ignore_ascii_case(b"chunked") => {}
        _ => return Err(BadRequest::TransferCoding),
    }
    of_authority(authority, Some(80))
}

/// Where a tunnel goes.
///
/// # Errors
/// [`BadRequest`] when the target is not `host:port`.
pub(in super::super) fn tunnel_destination(target: &Uri) -> Result<Destination, BadRequest> {
    let authority = target.authority().filter(|_| target.scheme().is_none()).ok_or(BadRequest::NoHost)?;
    of_authority(authority, None)
}

/// Host and port of an authority, whose userinfo is left behind.
fn of_authority(authority: &Authority, default_port: Option<u16>) -> Result<Destination, BadRequest> {
    let text = authority.as_str();
    let text = text.rsplit_once('@').map_or(text, |(_, text)| text);
    let (host, port) = match text.strip_prefix('[') {
        Some(literal) => {
            let (host, rest) = literal.split_once(']').ok_or(BadRequest::NoHost)?;
            (host, rest.strip_prefix(':'))
        }
        None => text.split_once(':').map_or((text, None), |(host, port)| (host, Some(port))),
    };
    let port = match port {
        None | Some("") => default_port,
        Some(port) => port.parse().ok(),
    };
    let short = host.strip_suffix('.').unwrap_or(host);
    if short.is_empty() {
        return Err(BadRequest::NoHost);
    }
    let port = port.filter(|port| *port != 0).ok_or(BadRequest::Port)?;
    Ok(Destination { host: short.to_ascii_lowercase(), port, absolute: short.len() != host.len() })
}

/// The event of a request.
pub(super) fn request(
    head: &request::Parts,
    destination: &Destination,
    body_size: Option<u64>,
    connection: Option<EventId>,
) -> HttpRequest {
    HttpRequest {
        method: head.method.as_str().to_owned(),
        scheme: "http".to_owned(),
        host: destination.host.clone(),
        port: destination.port,
        path: redact::path(head.uri.path()).into_owned(),
        query: head.uri.query().map(|query| redact::query(query).into_owned()),
        version: version(head.version),
        headers: headers(&head.headers),
        body_size,
        connection,
    }
}

/// The fields of a head, redacted.
pub(super) fn headers(fields: &HeaderMap) -> Vec<Header> {
    fields
        .iter()
        .map(|(name, value)| {
            let shown = printable(value.as_bytes());
            Header { name: name.as_str().to_owned(), value: redact::header_value(name.as_str(), &shown).into_owned() }
        })
        .collect()
}

/// The protocol version as it stands in a head.
pub(super) fn version(version: Version) -> String {
    format!("{version:?}")
}

/// The request's head as the upstream gets it: in origin form, without what was meant for the proxy.
pub(super) fn onward(head: &mut request::Parts) {
    let authority = head.uri.authority().cloned();
    // What was a URI stays one without its first parts; if it did not, the request would fail and not go astray.
    let target = head.uri.path_and_query().map_or("/", |target| target.as_str());
    head.uri = target.parse().unwrap_or_default();
    head.version = Version::HTTP_11;
    head.headers = end_to_end(&head.headers);
    let host = authority.as_ref().map(|authority| {
        let text = authority.as_str();
        text.rsplit_once('@').map_or(text, |(_, host)| host)
    });
    // RFC 9112 §3.2.2: the target's host counts, whatever the client's field says.
    if let Some(host) = host.and_then(|host| HeaderValue::from_str(host).ok()) {
        head.headers.insert(HOST, host);
    }
    head.extensions.remove::<hyper::upgrade::OnUpgrade>();
}

/// Gives a request its place in a trace, unless its client gave it one.
pub(super) fn trace(head: &mut request::Parts, place: TraceParent) {
    if !head.headers.contains_key(TRACEPARENT)
        && let Ok(value) = HeaderValue::try_from(place.to_string())
    {
        head.headers.insert(TRACEPARENT, value);
    }
}

/// The fields that go on to the next hop, in their order.
pub(super) fn end_to_end(fields: &HeaderMap) -> HeaderMap {
    let named: Vec<&[u8]> = fields
        .get_all(CONNECTION)
        .iter()
        .flat_map(|value| value.as_bytes().split(|byte| *byte == b','))
        .map(<[u8]>::trim_ascii)
        .collect();
    let stays = |name: &HeaderName| {
        // These two frame the message; a client that names them in `Connection` means to break that.
        *name == CONTENT_LENGTH
            || *name == HOST
            || !(HOP_BY_HOP.contains(name) || named.iter().any(|field| field.eq_ignore_ascii_case(name.as_str().as_bytes())))
    };
    let mut onward = HeaderMap::with_capacity(fields.len());
    for (name, value) in fields {
        if stays(name) {
            onward.append(name.clone(), value.clone());
        }
    }
    onward
}

/// Whether a request may be sent again when its connection turns out to be dead (RFC 9110 §9.2.2).
pub(super) fn is_idempotent(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS | Method::PUT | Method::DELETE | Method::TRACE)
}

/// Bytes outside of printable ASCII as `\xNN`.
fn printable(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for byte in bytes {
        match byte {
            b' '..=b'~' => text.push(char::from(*byte)),
            // Writing to a String cannot fail.
            byte => drop(write!(text, "\\x{byte:02x}")),
        }
    }
    text
}
