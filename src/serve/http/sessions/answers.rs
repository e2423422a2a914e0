//! What a request may look like, and how a refusal is answered.

use axum::http::{HeaderMap, StatusCode, header};
use axum::response::Response;
use serde::de::DeserializeOwned;
use serde_json::json;

use crate::event::trace::TraceParent;
use crate::serve::http::routes::answer;
use crate::serve::sessions::SessionError;

/// The one place where a reason becomes a status.
pub(super) fn refused(error: &SessionError) -> Response {
    let status = match error {
        SessionError::Unknown { .. } | SessionError::UnknownCommand { .. } => StatusCode::NOT_FOUND,
        SessionError::Ambiguous { .. } | SessionError::Invalid { .. } => StatusCode::BAD_REQUEST,
        SessionError::Ended { .. } | SessionError::Elsewhere { .. } => StatusCode::CONFLICT,
        SessionError::TooMany { .. } => StatusCode::TOO_MANY_REQUESTS,
        SessionError::ShuttingDown | SessionError::JournalCannotWrite { .. } => StatusCode::SERVICE_UNAVAILABLE,
        SessionError::Failed { .. } => StatusCode::INTERNAL_SERVER_ERROR,
    };
    problem(status, &error.to_string())
}

pub(super) fn problem(status: StatusCode, reason: &str) -> Response {
    answer(status, &json!({ "error": reason }))
}

/// The media type of a request's body, without its parameters, in lower case.
pub(super) fn media_type(headers: &HeaderMap) -> String {
    let value = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

/// Reads a JSON body.
#[expect(clippy::result_large_err, reason = "the error is the answer")]
pub(super) fn read<T: DeserializeOwned>(headers: &HeaderMap, body: &[u8]) -> Result<T, Response> {
    if media_type(headers) != "application/json" {
        let reason = "the body must be JSON, and the header `Content-Type: application/json` say so";
        return Err(problem(StatusCode::UNSUPPORTED_MEDIA_TYPE, reason));
    }
    serde_json::from_slice(body).map_err(|error| problem(StatusCode::BAD_REQUEST, &format!("the body: {error}")))
}

/// The caller's position in a distributed trace. A header that is malformed counts as none (W3C Trace Context §4.3).
pub(super) fn traceparent(headers: &HeaderMap) -> Option<String> {
    let value = headers.get("traceparent").and_then(|value| value.to_str().ok());
    value.filter(|value| value.parse::<TraceParent>().is_ok()).map(str::to_owned)
}
