//! The upstream connections that one client's connection keeps open.

use std::sync::Arc;
use std::time::Duration;

use hyper::client::conn::http1::SendRequest;

use super::body::UploadBody;
use crate::capture::proxy::counted::Account;
use crate::capture::proxy::upstream::Destination;
use crate::event::EventId;

/// Destinations that a client's connection keeps a connection to. One more closes the one that was used longest ago.
const MAX_IDLE: usize = 8;

/// How long a connection may take to become free after its last response. It is free as soon as the upstream has the last request
/// whole; a longer wait would cost more than a new connection.
const BECOMES_FREE: Duration = Duration::from_millis(100);

/// A connection to an upstream.
pub(super) struct Pooled {
    pub(super) sender: SendRequest<UploadBody>,
    /// Its `net_connect`.
    pub(super) id: EventId,
    pub(super) account: Arc<Account>,
}

/// The connections, the one that was used longest ago first. A client sends one request at a time, so one connection for each
/// destination is enough.
#[derive(Default)]
pub(super) struct Pool {
    idle: Vec<(Destination, Pooled)>,
}

impl Pool {
    /// Takes the connection to a destination out, if there is one.
    pub(super) fn take(&mut self, destination: &Destination) -> Option<Pooled> {
        let at = self.idle.iter().position(|(known, _)| known == destination)?;
        Some(self.idle.remove(at).1)
    }

    /// Puts a connection back.
    pub(super) fn put(&mut self, destination: Destination, connection: Pooled) {
        if self.idle.len() >= MAX_IDLE {
            self.idle.remove(0);
        }
        self.idle.push((destination, connection));
    }
}

impl Pooled {
    /// The connection, if it can take a request.
    pub(super) async fn free(mut self) -> Option<Self> {
        match tokio::time::timeout(BECOMES_FREE, self.sender.ready()).await {
            Ok(Ok(())) => Some(self),
            Ok(Err(_)) | Err(_) => None,
        }
    }
}
