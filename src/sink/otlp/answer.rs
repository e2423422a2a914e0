//! What a collector's answer means: one match for gRPC codes, one for HTTP statuses.
//!
//! Source: OTLP specification 1.x, "Failures" of OTLP/gRPC and OTLP/HTTP (<https://opentelemetry.io/docs/specs/otlp/>). In one thing this is
//! more careful: what the specification says to give up is refused only if the collector takes other events (see `outbox`), since a
//! journal must not be emptied into a collector that is broken.

use std::time::Duration;

use prost::Message;
use tonic::{Code, Status};

/// What a collector said when it took a request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Taken {
    /// Items that it did not take after all, without saying which.
    pub(super) rejected: u64,
    /// Why, or a warning if it took all.
    pub(super) message: String,
}

/// What a collector said, or what became of the attempt, when it did not take a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// Again, later.
    Later {
        /// What happened.
        reason: String,
        /// How long it asked to be left alone.
        after: Option<Duration>,
    },
    /// It will not take this: an item of it is bad, or it is too large.
    Refused {
        /// What it said.
        reason: String,
        /// Whether the fault may as well be the collector's own.
        doubtful: bool,
    },
    /// Only a person can help.
    Misconfigured {
        /// What is wrong and what to do.
        reason: String,
    },
}

impl Fault {
    pub(super) fn later(reason: impl Into<String>) -> Self {
        Self::Later { reason: reason.into(), after: None }
    }
}

/// The three responses have one form: `partial_success = 1 { rejected = 1, error_message = 2 }`.
#[derive(Clone, PartialEq, Message)]
struct ExportResponse {
    #[prost(message, optional, tag = "1")]
    partial_success: Option<PartialSuccess>,
}

#[derive(Clone, PartialEq, Message)]
struct PartialSuccess {
    #[prost(int64, tag = "1")]
    rejected: i64,
    #[prost(string, tag = "2")]
    message: String,
}

/// Reads the response to a request that was taken.
pub(super) fn taken(response: &[u8]) -> Result<Taken, Fault> {
    match ExportResponse::decode(response) {
        Ok(response) => {
            let partial = response.partial_success.unwrap_or_default();
            Ok(Taken { rejected: u64::try_from(partial.rejected).unwrap_or(0), message: partial.message })
        }
        Err(_) => Err(Fault::later("the answer is no OTLP response: is this address a collector's?")),
    }
}

/// The same in JSON, which some collectors answer whatever they were sent.
pub(super) fn taken_json(response: &[u8]) -> Result<Taken, Fault> {
    let garbage = || Fault::later("the answer is no OTLP response: is this address a collector's?");
    let read: serde_json::Value = serde_json::from_slice(response).map_err(|_| garbage())?;
    let whole = read.as_object().ok_or_else(garbage)?;
    let Some(partial) = whole.get("partialSuccess").and_then(serde_json::Value::as_object) else { return Ok(Taken::default()) };
    // ProtoJSON writes 64-bit numbers as text.
    let number = |value: &serde_json::Value| value.as_u64().or_else(|| value.as_str().and_then(|text| text.parse().ok()));
    let rejected = partial.iter().find(|(name, _)| name.starts_with("rejected")).and_then(|(_, value)| number(value));
    let message = partial.get("errorMessage").and_then(serde_json::Value::as_str).unwrap_or_default();
    Ok(Taken { rejected: rejected.unwrap_or(0), message: message.to_owned() })
}

/// What a status of gRPC means.
pub(super) fn grpc(status: &Status) -> Fault {
    let reason = format!("{:?}: {}", status.code(), status.message());
    let after = retry_delay(status.details());
    match status.code() {
        Code::ResourceExhausted if after.is_some() => Fault::Later { reason, after },
        // Without a delay it is not to be tried again (specification, "Failures"): Go's gRPC says so of a message that is too large.
        Code::ResourceExhausted => Fault::Refused { reason, doubtful: true },
        // Rust's gRPC says this of a message that is too large, which comes no nearer by trying again.
        Code::OutOfRange if status.message().contains("too large") => Fault::Refused { reason, doubtful: false },
        Code::Cancelled | Code::DeadlineExceeded | Code::Aborted | Code::OutOfRange | Code::Unavailable | Code::DataLoss => {
            Fault::Later { reason, after }
        }
        Code::InvalidArgument => Fault::Refused { reason, doubtful: false },
        Code::FailedPrecondition | Code::AlreadyExists => Fault::Refused { reason, doubtful: true },
        Code::Unauthenticated | Code::PermissionDenied => Fault::Misconfigured {
            reason: format!("the collector does not accept us ({reason}): see `sinks.otlp.headers` and `cert_file`"),
        },
        Code::Unimplemented | Code::NotFound => Fault::Misconfigured {
            reason: format!(
                "the collector does not take this signal ({reason}): see `sinks.otlp.endpoint`, `protocol` and `signals`"
            ),
        },
        // What the client library says when what came was not gRPC, and what servers say of their own failures.
        Code::Internal | Code::Unknown => Fault::Later { reason, after },
        // An error whose code says that there is none.
        Code::Ok => Fault::later("the collector answered without a response"),
    }
}

/// `google.rpc.Status`, as far as it is of use here.
#[derive(Clone, PartialEq, Message)]
struct RpcStatus {
    #[prost(message, repeated, tag = "3")]
    details: Vec<Any>,
}

#[derive(Clone, PartialEq, Message)]
struct Any {
    #[prost(string, tag = "1")]
    type_url: String,
    #[prost(bytes = "vec", tag = "2")]
    value: Vec<u8>,
}

/// `google.rpc.RetryInfo`.
#[derive(Clone, PartialEq, Message)]
struct RetryInfo {
    #[prost(message, optional, tag = "1")]
    retry_delay: Option<ProtoDuration>,
}

#[derive(Clone, PartialEq, Message)]
struct ProtoDuration {
    #[prost(int64, tag = "1")]
    seconds: i64,
    #[prost(int32, tag = "2")]
    nanos: i32,
}

/// The delay that a status asks for.
fn retry_delay(details: &[u8]) -> Option<Duration> {
    let status = RpcStatus::decode(details).ok()?;
    let info = status.details.iter().find(|any| any.type_url.ends_with("/google.rpc.RetryInfo"))?;
    let delay = RetryInfo::decode(info.value.as_slice()).ok()?.retry_delay.unwrap_or_default();
    Some(Duration::new(u64::try_from(delay.seconds).unwrap_or(0), u32::try_from(delay.nanos).unwrap_or(0)))
}

/// What a status of HTTP other than 2xx means. `after` is how long the header `Retry-After` asks for.
pub(super) fn http(status: u16, after: Option<Duration>, said: &str) -> Fault {
    let reason = if said.is_empty() { format!("HTTP {status}") } else { format!("HTTP {status}: {said}") };
    match status {
        429 | 502 | 503 | 504 => Fault::Later { reason, after },
        // A proxy that lost patience with the connection, not a word about the request.
        408 | 425 => Fault::Later { reason, after },
        400 | 413 | 422 => Fault::Refused { reason, doubtful: false },
        401 | 403 | 407 => Fault::Misconfigured {
            reason: format!("the collector does not accept us ({reason}): see `sinks.otlp.headers` and `cert_file`"),
        },
        300..=399 | 404 | 405 | 415 => Fault::Misconfigured {
            reason: format!("this is no address of a collector ({reason}): see `sinks.otlp.endpoint`, `protocol` and `signals`"),
        },
        402..=499 | 500 | 501 | 505.. => Fault::Refused { reason, doubtful: true },
        // 1xx does not end a request; a lower number is no status.
        0..=299 => Fault::later(format!("HTTP {status}, which is no answer")),
    }
}
