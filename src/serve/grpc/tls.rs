//! TLS of the gRPC service: certificates from files, and the names that a client's certificate is for.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tokio_rustls::TlsAcceptor;

use super::config::TlsConfig;

/// Why there is no TLS. Nothing listens.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// One of certificate and key is there without the other.
    #[error("server.grpc.tls: `cert` and `key` belong together, and `client_ca` needs both: set `{missing}`")]
    Incomplete {
        /// The key of the configuration.
        missing: &'static str,
    },
    /// A file cannot be read, or holds nothing of its kind.
    #[error("server.grpc.tls.{key}: {path}: {source}")]
    Unreadable {
        /// The key of the configuration.
        key: &'static str,
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: io::Error,
    },
    /// The parts do not make a server.
    #[error("server.grpc.tls: {0}")]
    Refused(#[from] rustls::Error),
    /// The authority cannot verify anybody.
    #[error("server.grpc.tls.client_ca: {0}")]
    Verifier(#[from] rustls::server::VerifierBuilderError),
}

/// What accepts TLS connections; `None` when the configuration asks for none.
pub(super) fn acceptor(config: &TlsConfig) -> Result<Option<TlsAcceptor>, TlsError> {
    let (cert, key) = match (&config.cert, &config.key, &config.client_ca) {
        (None, None, None) => return Ok(None),
        (Some(cert), Some(key), _) => (cert, key),
        (None, _, _) => return Err(TlsError::Incomplete { missing: "cert" }),
        (Some(_), None, _) => return Err(TlsError::Incomplete { missing: "key" }),
    };
    let chain = certificates("cert", cert)?;
    let key = PrivateKeyDer::from_pem_file(key).map_err(|error| unreadable("key", key, error))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider)).with_safe_default_protocol_versions()?;
    let builder = match &config.client_ca {
        None => builder.with_no_client_auth(),
        Some(authority) => {
            let mut roots = RootCertStore::empty();
            for certificate in certificates("client_ca", authority)? {
                roots.add(certificate)?;
            }
            builder.with_client_cert_verifier(WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build()?)
        }
    };
    let mut server = builder.with_single_cert(chain, key)?;
    server.alpn_protocols = vec![b"h2".to_vec()];
    Ok(Some(TlsAcceptor::from(Arc::new(server))))
}

fn certificates(key: &'static str, path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let read = CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let certificates = read.map_err(|error| unreadable(key, path, error))?;
    if certificates.is_empty() {
        return Err(unreadable(key, path, rustls::pki_types::pem::Error::NoItemsFound));
    }
    Ok(certificates)
}

fn unreadable(key: &'static str, path: &Path, error: rustls::pki_types::pem::Error) -> TlsError {
    let source = match error {
        rustls::pki_types::pem::Error::Io(source) => source,
        other => io::Error::other(other.to_string()),
    };
    TlsError::Unreadable { key, path: path.to_owned(), source }
}

/// Names that a verified certificate is for: DNS names and URIs of its subject alternative names. The common name does not count, as
/// RFC 9525 §2 has it.
pub(super) fn names(certificate: &CertificateDer<'_>) -> Vec<String> {
    let Ok(certificate) = webpki::EndEntityCert::try_from(certificate) else { return Vec::new() };
    certificate.valid_dns_names().chain(certificate.valid_uri_names()).map(str::to_owned).collect()
}
