//! How the command line reaches a server: over which transport, where, and with which key.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use crate::config::{Config, Environment};
use crate::serve::grpc::GrpcClient;
use crate::serve::http::sessions::HttpClient;
use crate::serve::sessions::{Client, ClientError};

/// Where a server is, if not where the configuration says.
#[derive(Clone, Debug, Default)]
pub struct Server {
    /// `host:port`.
    pub address: Option<String>,
}

/// Why no server can be asked.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// There is no such transport.
    #[error("AGENTSH_TRANSPORT is `{given}`: there are `http` and `grpc`")]
    Transport {
        /// As it was given.
        given: String,
    },
    /// The configuration leaves the port to the system.
    #[error("the configuration leaves the server's port to the system: name the server with --server HOST:PORT")]
    NoPort,
    /// The key is no text.
    #[error("AGENTSH_API_KEY is no UTF-8")]
    Key,
    /// It does not answer, or the key cannot be sent.
    #[error(transparent)]
    Client(#[from] ClientError),
}

/// A client of the server: `AGENTSH_TRANSPORT` chooses between `http` and `grpc`, `AGENTSH_API_KEY` is the key; `client.tls` says whether and
/// how gRPC goes over TLS.
///
/// # Errors
/// [`ConnectError`].
pub fn connect(server: &Server, config: &Config, environment: &Environment) -> Result<Arc<dyn Client>, ConnectError> {
    let key = environment.get("AGENTSH_API_KEY").map(|key| key.to_str().ok_or(ConnectError::Key)).transpose()?;
    let transport = environment.get("AGENTSH_TRANSPORT").map(|transport| transport.to_string_lossy().into_owned());
    let address = |configured| server.address.clone().map_or_else(|| reachable(configured), Ok);
    let tls = Some(&config.client.tls).filter(|tls| tls.is_used(config.server.grpc.tls.cert.is_some()));
    match transport.as_deref() {
        None | Some("http") => Ok(Arc::new(HttpClient::new(&address(config.server.http.addr)?, key)?)),
        Some("grpc") => Ok(Arc::new(GrpcClient::connect(&address(config.server.grpc.addr)?, key, tls)?)),
        Some(given) => Err(ConnectError::Transport { given: given.to_owned() }),
    }
}

/// Where to reach a server that listens on this address: one that listens on every address is here too.
fn reachable(addr: SocketAddr) -> Result<String, ConnectError> {
    if addr.port() == 0 {
        return Err(ConnectError::NoPort);
    }
    let ip = match addr.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::from([127, 0, 0, 1]),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::from([0, 0, 0, 0, 0, 0, 0, 1]),
        ip => ip,
    };
    Ok(SocketAddr::new(ip, addr.port()).to_string())
}
