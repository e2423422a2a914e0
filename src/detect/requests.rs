//! The HTTP requests of a session that have no response yet, for rules that look at both.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::event::{Event, EventId, Payload};

/// Requests that are remembered of a session; the oldest is forgotten for a further one.
const MOST: usize = 256;

/// The open requests of one session. Follows from the session's `http_request` and `http_response` events alone.
#[derive(Clone, Debug, Default)]
pub struct Requests {
    open: VecDeque<Arc<Event>>,
}

impl Requests {
    /// Takes an event in; answers with the request that a response completes.
    pub fn take(&mut self, event: &Event) -> Option<Arc<Event>> {
        if let Payload::HttpRequest(_) = &event.payload {
            if self.open.len() >= MOST {
                self.open.pop_front();
            }
            self.open.push_back(Arc::new(event.clone()));
            None
        } else if let Payload::HttpResponse(_) = &event.payload {
            self.complete(event.cause?)
        } else {
            None
        }
    }

    fn complete(&mut self, request: EventId) -> Option<Arc<Event>> {
        let at = self.open.iter().position(|open| open.id == request)?;
        self.open.remove(at)
    }
}
