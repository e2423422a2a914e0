//! A command's output as JSON: a line for each piece, or one object at the end.

use std::convert::Infallible;

use axum::body::{Body, Bytes};
use axum::http::header;
use axum::response::{IntoResponse as _, Response};
use futures_util::StreamExt as _;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

use super::response;
use crate::serve::http::connection::Patience;
use crate::serve::sessions::Said;

/// Bytes of each output that the one object holds; what is more is read and left out, which it says.
const MOST_KEPT: usize = 8 << 20;

/// A line of JSON for each piece (`application/x-ndjson`).
pub(super) fn lines(said: mpsc::Receiver<Said>, patience: Patience) -> Response {
    let lines = ReceiverStream::new(said).map(move |said| {
        let _until_the_end = &patience;
        Ok::<_, Infallible>(Bytes::from(format!("{}\n", response::object(said))))
    });
    let headers = [(header::CONTENT_TYPE, "application/x-ndjson"), (header::CACHE_CONTROL, "no-store")];
    (headers, Body::from_stream(lines)).into_response()
}

/// One object when the command has ended. Until then a space now and then, which JSON allows for, keeps the connection.
pub(super) fn object(said: mpsc::Receiver<Said>, patience: Patience, mut ids: Value) -> Response {
    let (mut out, mut err) = (Kept::default(), Kept::default());
    let pieces = ReceiverStream::new(said).filter_map(move |said| {
        let _until_the_end = &patience;
        let piece = match said {
            Said::Started { .. } => None,
            Said::Stdout(bytes) => {
                out.keep(&bytes);
                None
            }
            Said::Stderr(bytes) => {
                err.keep(&bytes);
                None
            }
            Said::Running => Some(Bytes::from_static(b" ")),
            Said::Finished(end) => {
                let mut object = json!(end);
                for part in [ids.take(), out.take("stdout"), err.take("stderr")] {
                    if let (Some(object), Value::Object(members)) = (object.as_object_mut(), part) {
                        object.extend(members);
                    }
                }
                Some(Bytes::from(format!("{object}\n")))
            }
        };
        std::future::ready(piece.map(Ok::<_, Infallible>))
    });
    let headers = [(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, "no-store")];
    (headers, Body::from_stream(pieces)).into_response()
}

/// What is kept of an output.
#[derive(Default)]
struct Kept {
    bytes: Vec<u8>,
    cut: bool,
}

impl Kept {
    fn keep(&mut self, bytes: &[u8]) {
        let room = MOST_KEPT.saturating_sub(self.bytes.len());
        self.cut |= bytes.len() > room;
        self.bytes.extend_from_slice(bytes.get(..room).unwrap_or(bytes));
    }

    fn take(&mut self, name: &str) -> Value {
        let mut value = response::text(name, &std::mem::take(&mut self.bytes));
        if let Some(object) = value.as_object_mut().filter(|_| self.cut) {
            object.insert(format!("{name}_truncated"), Value::Bool(true));
        }
        value
    }
}
