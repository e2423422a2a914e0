//! One event, with the decision on it.

use std::ops::ControlFlow;

use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;

use super::reading::Events;
use super::stream::put_line;
use crate::event::Kind;
use crate::query::Reader;
use crate::serve::http::etag::{Keep, tagged};
use crate::serve::http::problem::Problem;

/// The event at a position. It never changes, nor does the decision, which stands in the same commit.
pub(super) async fn one(events: &Events, seq: u64, headers: &HeaderMap) -> Result<Response, Problem> {
    let before = seq.checked_sub(1).ok_or_else(|| Problem::parameter("seq", "positions begin at 1"))?;
    let body = events
        .read(move |data_dir| {
            let reader = Reader::open(data_dir)?;
            let (mut event, mut decision, mut id) = (Vec::new(), Vec::new(), Vec::new());
            reader.rows::<Problem>(before, &[], |row| {
                if row.seq == seq {
                    id.extend_from_slice(row.columns.id);
                    put_line(row, &mut event)?;
                    return Ok(ControlFlow::Continue(()));
                }
                let judges = row.columns.kind == Kind::PolicyDecision.as_str() && row.columns.cause == Some(id.as_slice());
                if !event.is_empty() && row.seq == seq + 1 && judges {
                    put_line(row, &mut decision)?;
                }
                Ok(ControlFlow::Break(()))
            })?;
            if event.is_empty() {
                return Err(Problem::new(StatusCode::NOT_FOUND, format_args!("there is no event at seq {seq}")));
            }
            let decision = if decision.is_empty() { b"null".to_vec() } else { decision };
            let parts: [&[u8]; 5] = [b"{\"event\":", &event, b",\"decision\":", &decision, b"}\n"];
            Ok(parts.concat())
        })
        .await?;
    Ok(tagged(headers, "application/json", body, Keep::Immutable))
}
