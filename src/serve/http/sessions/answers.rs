//! What a request may look like, and how a refusal is answered.

use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use serde::de::DeserializeOwned;

use crate::event::trace::TraceParent;
use crate::serve::http::problem::{Position, Problem};
use crate::serve::sessions::SessionError;

pub(super) fn refused(error: &SessionError) -> Response {
    Problem::from(error).into_response()
}

pub(super) fn problem(status: StatusCode, reason: &str) -> Response {
    Problem::new(status, reason).into_response()
}

/// The media type of a request's body, without its parameters, in lower case.
pub(super) fn media_type(headers: &HeaderMap) -> String {
    let value = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

/// Reads a JSON body.
#[expect(clippy::result_large_err, reason = "the error is the answer")]
pub(in crate::serve::http) fn read<T: DeserializeOwned>(headers: &HeaderMap, body: &[u8]) -> Result<T, Response> {
    if media_type(headers) != "application/json" {
        let reason = "the body must be JSON, and the header `Content-Type: application/json` say so";
        return Err(problem(StatusCode::UNSUPPORTED_MEDIA_TYPE, reason));
    }
    serde_json::from_slice(body).map_err(|error| {
        let place = |number: usize| u32::try_from(number.max(1)).unwrap_or(u32::MAX);
        let position = Position { line: place(error.line()), column: place(error.column()) };
        Problem::new(StatusCode::BAD_REQUEST, format_args!("the body: {error}")).at(position).into_response()
    })
}

/// The caller's position in a distributed trace. A header that is malformed counts as none (W3C Trace Context §4.3).
pub(super) fn traceparent(headers: &HeaderMap) -> Option<String> {
    let value = headers.get("traceparent").and_then(|value| value.to_str().ok());
    value.filter(|value| value.parse::<TraceParent>().is_ok()).map(str::to_owned)
}
