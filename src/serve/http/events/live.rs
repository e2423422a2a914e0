//! Events as they come: `text/event-stream`, out of the blocks that all subscribers share.
//!
//! A subscriber is a position. It is asked for the next message when the connection can take one, so that a slow reader holds one message
//! and delays nobody.

use std::convert::Infallible;

use axum::body::Body;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use futures_util::stream;
use serde_json::json;

use super::reading::{Asked, Events, Reading};
use crate::encode::json;
use crate::encode::proto::subscribe_response::Message;
use crate::encode::proto::{EventsMissing, Mask, StreamEnd, stream_end, to_event};
use crate::event::{JournaledEvent, Seq};
use crate::query::{Cel, Matcher};
use crate::serve::http::problem::Problem;
use crate::serve::stream::{Asker, Start, StreamRequest, StreamsError, Subscription};

/// Longest silence, in milliseconds. Browsers and what stands before them give a connection up after half a minute and more.
const HEARTBEAT_MS: u32 = 10_000;

/// The stream that is asked for: behind `Last-Event-ID`, or else `after`, or else from now on.
pub(super) async fn live(events: &Events, asked: Asked, headers: &HeaderMap) -> Result<Response, Problem> {
    for name in ["before", "limit", "order", "cursor"] {
        if !asked.parameters.without(&[]).iter().all(|(given, _)| *given != name) {
            return Err(Problem::parameter(name, "a live stream has none: it goes on with what comes"));
        }
    }
    let given = asked.parameters.number("after")?;
    let start = match last_event_id(headers)?.or(given) {
        Some(seq) => Start::After(seq),
        None => Start::Now,
    };
    let asked = events.read(move |data_dir| Reading::open(data_dir, asked).map(|reading| reading.asked)).await?;
    let filter = &asked.filter;
    // It compiled when the request was read.
    let cel = || asked.parameters.one("where").ok().flatten().and_then(|source| Cel::compile(source).ok());
    let request = |start, matcher| StreamRequest {
        start: Some(start),
        matcher,
        mask: Mask::all(),
        consumer: None,
        asker: Asker { name: None, all: true },
        max_batch_events: 0,
        linger_ms: 0,
        heartbeat_ms: HEARTBEAT_MS,
        end_with: None,
        end_at_head: false,
    };
    let (mut before, mut subscribed) = (String::from(": events\n\n"), None);
    let opened = events.streams.subscribe(request(start, Matcher::new(filter, cel()))).await;
    match opened {
        Ok(subscription) => subscribed = Some(subscription),
        // What is no longer kept is said, and the stream goes on with what is.
        Err(StreamsError::Expired { asked, first }) => {
            let reason = "no longer kept (retention)".to_owned();
            put_missing(&EventsMissing { from_seq: asked + 1, to_seq: first.saturating_sub(1), reason }, &mut before);
        }
        Err(error) => return Err(error.into()),
    }
    let subscription = match subscribed {
        Some(subscription) => subscription,
        None => events.streams.subscribe(request(Start::Beginning, Matcher::new(filter, cel()))).await?,
    };
    let head = [
        (header::CONTENT_TYPE, "text/event-stream"),
        (header::CACHE_CONTROL, "no-store"),
        (header::VARY, "accept"),
        // What stands before the server is not to hold events back.
        (header::HeaderName::from_static("x-accel-buffering"), "no"),
    ];
    let messages = stream::unfold((Some(before), subscription), |(first, mut subscription)| async move {
        let text = match first {
            Some(first) => first,
            None => next(&mut subscription).await?,
        };
        Some((Ok::<_, Infallible>(Bytes::from(text)), (None, subscription)))
    });
    Ok((head, Body::from_stream(messages)).into_response())
}

fn last_event_id(headers: &HeaderMap) -> Result<Option<u64>, Problem> {
    let Some(value) = headers.get("last-event-id") else { return Ok(None) };
    let seq =
        value.to_str().ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_digit())).and_then(|text| text.parse().ok());
    seq.map(Some).ok_or_else(|| Problem::parameter("Last-Event-ID", "it is the `id` of an event: its seq"))
}

/// The next message as text; `None` at the end.
async fn next(subscription: &mut Subscription) -> Option<String> {
    let mut text = String::new();
    match subscription.next().await? {
        Ok(message) => match message.message() {
            Ok(message) => put(message, &mut text),
            Err(error) => put_end(&format!("a message cannot be read: {error}"), &mut text),
        },
        Err(error) => put_end(&error.to_string(), &mut text),
    }
    Some(text)
}

fn put(message: Option<Message>, text: &mut String) {
    match message {
        None => {}
        Some(Message::Batch(batch)) => {
            for event in batch.events {
                let seq = event.seq;
                let read = Seq::new(seq).and_then(|seq| {
                    let event = to_event(event).ok()?;
                    let mut line = Vec::new();
                    json::put(&JournaledEvent { seq, kind: event.kind(), event }, &mut line).ok()?;
                    String::from_utf8(line).ok()
                });
                match read {
                    Some(line) => text.push_str(&format!("id: {seq}\nevent: event\ndata: {line}\n\n")),
                    None => {
                        let reason = "it cannot be read by this version".to_owned();
                        put_missing(&EventsMissing { from_seq: seq, to_seq: seq, reason }, text);
                    }
                }
            }
        }
        Some(Message::Heartbeat(heartbeat)) => text.push_str(&format!(": head {}\n\n", heartbeat.head_seq)),
        Some(Message::EventsLost(missing)) => put_missing(&missing, text),
        Some(Message::End(StreamEnd { reason, .. })) => put_end(why(reason), text),
    }
}

fn why(reason: i32) -> &'static str {
    match stream_end::Reason::try_from(reason) {
        Ok(stream_end::Reason::Shutdown) => "the server shuts down",
        Ok(stream_end::Reason::SessionEnded) => "the session has ended",
        Ok(stream_end::Reason::HeadReached) => "the head is reached",
        Ok(stream_end::Reason::ConsumerTaken | stream_end::Reason::ConsumerChanged) => "another reader took the place",
        Ok(stream_end::Reason::Unspecified) | Err(_) => "the stream ends",
    }
}

/// A client that comes back goes on behind what is missing.
fn put_missing(missing: &EventsMissing, text: &mut String) {
    let EventsMissing { from_seq, to_seq, reason } = missing;
    let data = json!({"from_seq": from_seq, "to_seq": to_seq, "reason": reason});
    text.push_str(&format!("id: {to_seq}\nevent: missing\ndata: {data}\n\n"));
}

fn put_end(reason: &str, text: &mut String) {
    let data = json!({ "reason": reason });
    text.push_str(&format!("event: end\ndata: {data}\n\n"));
}
