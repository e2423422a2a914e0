//! `HttpServer`: start, where it listens, and an end within a deadline.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::config::HttpConfig;
use super::connection::{Bounded, ClientAddr};
use super::routes::router;
use super::state::HttpState;
use super::trace::spans;
use crate::serve::listen::{NotLoopback, checked};

/// Why the HTTP service did not start. Nothing listens.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The address can be reached by others.
    #[error("server.http.addr: {0}")]
    NotLoopback(#[from] NotLoopback),
    /// The kernel refused the address.
    #[error(
        "server.http.addr: cannot listen on {addr}: {source}; stop what listens there, or choose another port (0 takes a free one)"
    )]
    Listen {
        /// The address.
        addr: SocketAddr,
        /// What the kernel said.
        source: io::Error,
    },
}

/// How a shutdown went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shutdown {
    /// Every request that had begun was answered.
    Drained,
    /// The deadline came first, and the connections that were left were cut.
    Cut,
}

/// A running HTTP service. Dropping it ends the service and cuts its connections.
pub struct HttpServer {
    addr: SocketAddr,
    stop: watch::Sender<bool>,
    cut: watch::Sender<bool>,
    served: JoinHandle<io::Result<()>>,
}

impl HttpServer {
    /// Listens and serves on the current tokio runtime.
    ///
    /// # Errors
    /// [`ServeError`] when others could reach the address and there are no keys, or it cannot be had.
    pub async fn start(config: &HttpConfig, state: HttpState) -> Result<Self, ServeError> {
        let addr = checked(config.addr, state.admission.keys.are_required())?;
        let refused = |source| ServeError::Listen { addr, source };
        let listener = TcpListener::bind(addr).await.map_err(refused)?;
        let addr = listener.local_addr().map_err(refused)?;
        let (stop, mut stopped) = watch::channel(false);
        let (cut, is_cut) = watch::channel(false);
        let listener = Bounded::new(listener, state.admission.guard.clone(), is_cut);
        let service = axum::serve(listener, spans(router(state)).into_make_service_with_connect_info::<ClientAddr>())
            .with_graceful_shutdown(async move {
                // An error means that the server was dropped.
                let _ = stopped.wait_for(|stopped| *stopped).await;
            });
        Ok(Self { addr, stop, cut, served: tokio::spawn(service.into_future()) })
    }

    /// The address that it listens on, with the port that it was given.
    #[must_use]
    pub const fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Accepts no more connections, lets requests that have begun be answered until the deadline, then cuts what is left.
    pub async fn shutdown(mut self, deadline: Duration) -> Shutdown {
        self.stop.send_replace(true);
        let drained = timeout(deadline, &mut self.served).await.is_ok();
        self.cut.send_replace(true);
        if drained { Shutdown::Drained } else { Shutdown::Cut }
    }
}

impl Drop for HttpServer {
    fn drop(&mut self) {
        self.served.abort();
    }
}
