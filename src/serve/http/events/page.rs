//! One page of events, as an object.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::http::header;
use axum::response::{IntoResponse as _, Response};
use serde_json::json;

use super::cursor::Cursor;
use super::reading::{Asked, Events, Reading};
use super::stream::put_line;
use crate::serve::http::problem::Problem;

/// Events of a page where nobody says how many.
const USUAL: u64 = 100;

/// Events of a page, at most.
const MOST: u64 = 1000;

/// Bytes of a page after which it ends, at whatever event.
const BYTES: usize = 8 << 20;

/// Says when nobody waits for the page any more.
struct Wanted(Arc<AtomicBool>);

impl Drop for Wanted {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Reads the page that is asked for.
pub(super) async fn page(events: &Events, asked: Asked) -> Result<Response, Problem> {
    let limit = asked.limit.unwrap_or(USUAL);
    if limit > MOST {
        return Err(Problem::parameter("limit", format_args!("a page has at most {MOST} events")));
    }
    let gone = Arc::new(AtomicBool::new(false));
    let _wanted = Wanted(Arc::clone(&gone));
    let body = events
        .read(move |data_dir| {
            let mut reading = Reading::open(data_dir, asked)?;
            let head = reading.head;
            let mut body = b"{\"events\":[".to_vec();
            let (mut count, mut last, mut more) = (0, 0, false);
            reading.rows(
                || gone.load(Ordering::Relaxed),
                |row| {
                    if count == limit || body.len() > BYTES {
                        more = true;
                        return Ok(ControlFlow::Break(()));
                    }
                    if count > 0 {
                        body.push(b',');
                    }
                    put_line(row, &mut body)?;
                    (count, last) = (count + 1, row.seq);
                    Ok(ControlFlow::Continue(()))
                },
            )?;
            let asked = &reading.asked;
            let next = more.then(|| Cursor::behind(last, &asked.filter).text(&asked.parameters));
            body.extend_from_slice(format!("],\"next\":{},\"head\":{head}}}\n", json!(next)).as_bytes());
            Ok(body)
        })
        .await?;
    let head = [(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, "no-store"), (header::VARY, "accept")];
    Ok((head, body).into_response())
}
