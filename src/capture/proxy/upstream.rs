//! The way to an upstream: resolve, gate each address, connect, and account for the connection until it ends.

use std::borrow::Cow;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Instant;

use tokio::net::TcpStream;

use super::counted::{Account, Counted};
use super::failure::Failure;
use super::shared::Shared;
use crate::event::{EventId, Interception, Kind, NetClose, NetConnect, Payload, Protocol};
use crate::runtime::clock;
use crate::runtime::metrics::{ProxyStep, metrics};

/// Addresses of one name that are tried. A name with more is a name for load balancing, where one that fails says enough.
const MAX_ADDRESSES: usize = 8;

/// Where a request goes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Destination {
    /// In lower case, without brackets and final dot.
    pub(super) host: String,
    pub(super) port: u16,
    /// Whether the name had a final dot, which keeps the search list out.
    pub(super) absolute: bool,
}

/// A connection to an upstream, which is on record.
pub(super) struct Upstream {
    pub(super) stream: Counted<TcpStream>,
    /// Records the end of the connection when it is dropped.
    pub(super) open: OpenConnection,
}

/// A connection that a `net_close` is due for.
pub(super) struct OpenConnection {
    shared: Arc<Shared>,
    destination: Destination,
    address: IpAddr,
    since: Instant,
    /// The `net_connect`.
    pub(super) id: EventId,
    pub(super) account: Arc<Account>,
}

impl Drop for OpenConnection {
    fn drop(&mut self) {
        let ended = || "the session ended".to_owned();
        let close = NetClose {
            host: name_of(&self.destination),
            address: Some(self.address),
            port: self.destination.port,
            bytes_sent: self.account.sent(),
            bytes_received: self.account.received(),
            duration_us: clock::micros_since(self.since),
            error: self.account.error().or_else(|| self.shared.tasks.is_closing().then(ended)),
        };
        self.shared.recorder.observe(close, Some(self.id));
    }
}

/// Connects to a destination. Each address that is tried is a `net_connect` of its own; one that the policy refuses ends the attempt,
/// since a name that leads to a forbidden address is not to be trusted with its other addresses.
///
/// # Errors
/// [`Failure`]: refused, unresolvable, or no address answered.
pub(super) async fn connect(
    shared: &Arc<Shared>,
    destination: &Destination,
    interception: Interception,
    cause: Option<EventId>,
) -> Result<Upstream, Failure> {
    let recorder = &shared.recorder;
    let addresses = shared.resolver.resolve(&destination.host, destination.absolute, recorder, cause).await?;
    let mut failure = None;
    for address in addresses.into_iter().take(MAX_ADDRESSES) {
        let connect = attempt(destination, Some(address), interception);
        let subject = Payload::from(connect.clone()).subject().map(Cow::into_owned);
        let verdict = recorder.gate(connect, cause);
        if let Some(refusal) = verdict.refusal() {
            return Err(Failure::Refused(refusal.clone()));
        }
        let socket = SocketAddr::new(address, destination.port);
        let mut attempt = Attempt { shared, event: verdict.event, subject, outcome: Some(libc::ECANCELED) };
        if is_itself(socket, shared.address) {
            attempt.outcome = Some(libc::ELOOP);
            return Err(Failure::Loop(socket));
        }
        let since = clock::instant();
        let timeout = shared.config.connect_timeout();
        match tokio::time::timeout(timeout, TcpStream::connect(socket)).await {
            Ok(Ok(stream)) => {
                metrics().proxy_latency.of(ProxyStep::Connect).observe(clock::micros_since(since));
                attempt.outcome = None;
                let account = Arc::new(Account::default());
                // Requests are written whole; waiting for more would only delay them.
                let _ = stream.set_nodelay(true);
                let open = OpenConnection {
                    shared: Arc::clone(shared),
                    destination: destination.clone(),
                    address,
                    since,
                    id: verdict.event,
                    account: Arc::clone(&account),
                };
                return Ok(Upstream { stream: Counted::new(stream, account), open });
            }
            Ok(Err(reason)) => {
                attempt.outcome = Some(reason.raw_os_error().unwrap_or(libc::EIO));
                failure = Some(Failure::Unreachable { address: socket, reason });
            }
            Err(_) => {
                attempt.outcome = Some(libc::ETIMEDOUT);
                failure = Some(Failure::ConnectTimeout { address: socket, after: timeout });
            }
        }
    }
    // The resolver gives at least one address, so there was at least one attempt.
    Err(failure.unwrap_or_else(|| Failure::Upstream { reason: "there was no address to try".to_owned() }))
}

/// An attempt to connect that was let through. Unless it became a connection, its failure is recorded when this is dropped, which is also
/// when the client leaves or the session ends first (`ECANCELED`).
struct Attempt<'a> {
    shared: &'a Shared,
    event: EventId,
    subject: Option<String>,
    /// The error's number, or none for a connection.
    outcome: Option<i32>,
}

impl Drop for Attempt<'_> {
    fn drop(&mut self) {
        if let Some(errno) = self.outcome {
            self.shared.recorder.failed(self.event, Kind::NetConnect, self.subject.take(), errno);
        }
    }
}

/// The event of an attempt, with an address once the name is resolved.
pub(super) fn attempt(destination: &Destination, address: Option<IpAddr>, interception: Interception) -> NetConnect {
    NetConnect {
        host: name_of(destination),
        address,
        port: destination.port,
        protocol: Protocol::Tcp,
        interception,
        ..NetConnect::default()
    }
}

/// The name that the client gave; a literal address is none.
fn name_of(destination: &Destination) -> Option<String> {
    destination.host.parse::<IpAddr>().is_err().then(|| destination.host.clone())
}

/// Whether a connection to `socket` would come back to the proxy. The kernel takes the unspecified address for the loopback one.
fn is_itself(socket: SocketAddr, own: SocketAddr) -> bool {
    let address = socket.ip().to_canonical();
    socket.port() == own.port() && (address == own.ip() || address.is_unspecified())
}
