//! Answers that a client may keep: a tag of their bytes, and 304 for who has them.

use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use sha2::{Digest as _, Sha256};

use super::problem::Problem;

/// How long an answer may be kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::serve::http) enum Keep {
    /// It never changes.
    Immutable,
    /// It is asked for again each time, and not sent again where it is the same.
    Revalidate,
}

/// The answer with its tag, or 304. The tag is weak where the answer may be compressed on its way, since its bytes differ then.
pub(in crate::serve::http) fn tagged(headers: &HeaderMap, media: &'static str, body: Vec<u8>, keep: Keep) -> Response {
    let digest = Sha256::digest(&body);
    let mut tag = String::from(if keep == Keep::Immutable { "\"" } else { "W/\"" });
    for byte in digest.iter().take(16) {
        tag.push_str(&format!("{byte:02x}"));
    }
    tag.push('"');
    let control = match keep {
        Keep::Immutable => "private, max-age=31536000, immutable",
        Keep::Revalidate => "private, no-cache",
    };
    let Ok(value) = HeaderValue::from_str(&tag) else { return Problem::fault("the tag is no header").into_response() };
    let head = [(header::ETAG, value), (header::CACHE_CONTROL, HeaderValue::from_static(control))];
    if has(headers, &tag) {
        return (StatusCode::NOT_MODIFIED, head).into_response();
    }
    (head, [(header::CONTENT_TYPE, media)], body).into_response()
}

/// Whether `If-None-Match` names the tag, compared weakly (RFC 9110 §13.1.2).
fn has(headers: &HeaderMap, tag: &str) -> bool {
    let bare = |tag: &str| tag.trim().trim_start_matches("W/").to_owned();
    let wanted = bare(tag);
    let values = headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|value| value.trim() == "*" || bare(value) == wanted)
}
