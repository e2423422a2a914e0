//! `Connection`: TCP or TLS, and whether the peer's kernel has everything.

use std::io;
use std::os::fd::AsFd;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead as _, AsyncReadExt as _, AsyncWriteExt as _, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::config::SyslogConfig;
use crate::runtime::sys;
use crate::sink::destination::DeliverError;
use crate::sink::tls;

/// How often the kernel is asked, at first and at most.
const FIRST_LOOK: Duration = Duration::from_micros(200);
const LAST_LOOK: Duration = Duration::from_millis(20);

/// A connection to the receiver.
pub(super) enum Connection {
    Plain(TcpStream),
    Encrypted(Box<TlsStream<TcpStream>>),
}

impl Connection {
    /// Connects within the time of the configuration.
    pub(super) async fn open(config: &SyslogConfig) -> Result<Self, DeliverError> {
        let failed = |reason: String| DeliverError::Unavailable { reason, retry_after: None };
        let address = &config.address;
        let connecting = async {
            let stream = TcpStream::connect(address.as_str()).await.map_err(|error| failed(format!("{address}: {error}")))?;
            stream.set_nodelay(true).map_err(|error| failed(error.to_string()))?;
            if !config.tls {
                return Ok(Self::Plain(stream));
            }
            let misconfigured = |reason: String| DeliverError::Misconfigured { reason };
            let client = tls::client(config.ca_file.as_deref(), config.cert_file.as_ref(), config.key_file.as_ref());
            let name = config.server_name.clone().unwrap_or_else(|| config.host().to_owned());
            let name = ServerName::try_from(name).map_err(|_| misconfigured("sinks.syslog.server_name is no name".to_owned()))?;
            let connector = TlsConnector::from(client.map_err(misconfigured)?);
            let stream = connector.connect(name, stream).await.map_err(|error| failed(format!("{address}: TLS: {error}")))?;
            Ok(Self::Encrypted(Box::new(stream)))
        };
        match tokio::time::timeout(config.connect_timeout.duration(), connecting).await {
            Ok(connected) => connected,
            Err(_elapsed) => Err(failed(format!("{address}: the connection took too long"))),
        }
    }

    /// Sends `bytes` and waits until the peer's kernel has them.
    ///
    /// # Errors
    /// What the system says; what of it has arrived is not known then.
    pub(super) async fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        // A peer that has closed acknowledges nothing more, and says so first.
        self.still_open().await?;
        match self {
            Self::Plain(stream) => stream.write_all(bytes).await?,
            Self::Encrypted(stream) => {
                stream.write_all(bytes).await?;
                stream.flush().await?;
            }
        }
        let mut look = FIRST_LOOK;
        while self.unacknowledged()? > 0 {
            tokio::time::sleep(look).await;
            look = (look * 2).min(LAST_LOOK);
        }
        self.still_open().await
    }

    fn unacknowledged(&self) -> io::Result<u64> {
        let stream = match self {
            Self::Plain(stream) => stream,
            Self::Encrypted(stream) => stream.get_ref().0,
        };
        Ok(sys::unacknowledged(stream.as_fd())?)
    }

    /// Reads what the peer says, which is nothing but the end.
    pub(super) async fn still_open(&mut self) -> io::Result<()> {
        let mut bytes = [0; 256];
        std::future::poll_fn(|context| {
            loop {
                let mut buffer = ReadBuf::new(&mut bytes);
                match self.poll(context, &mut buffer) {
                    Poll::Pending => return Poll::Ready(Ok(())),
                    Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                    Poll::Ready(Ok(())) if buffer.filled().is_empty() => {
                        return Poll::Ready(Err(io::Error::new(
                            io::ErrorKind::UnexpectedEof,
                            "the peer has closed the connection",
                        )));
                    }
                    // Syslog receivers have nothing to say; whatever it is, it is no acknowledgement.
                    Poll::Ready(Ok(())) => {}
                }
            }
        })
        .await
    }

    fn poll(&mut self, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Plain(stream) => Pin::new(stream).poll_read(context, buffer),
            Self::Encrypted(stream) => Pin::new(stream.as_mut()).poll_read(context, buffer),
        }
    }

    /// Says that nothing more comes and waits for the peer to close too, which it does in order only when it has read everything: with
    /// unread bytes its kernel resets the connection.
    ///
    /// # Errors
    /// What the system says.
    pub(super) async fn close(mut self) -> io::Result<()> {
        match &mut self {
            Self::Plain(stream) => stream.shutdown().await?,
            Self::Encrypted(stream) => stream.shutdown().await?,
        }
        let mut bytes = [0; 256];
        loop {
            let read = match &mut self {
                Self::Plain(stream) => stream.read(&mut bytes).await,
                Self::Encrypted(stream) => stream.read(&mut bytes).await,
            };
            match read {
                // Many close a TLS connection without a word of TLS (RFC 5425 §4.4 asks for it).
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(()),
                Ok(0) => return Ok(()),
                Ok(_something) => {}
                Err(error) => return Err(error),
            }
        }
    }
}
