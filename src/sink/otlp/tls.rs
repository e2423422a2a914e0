//! Whom a collector must prove to be, and who we are to it.

use std::path::Path;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};
use tonic::transport::{Certificate, ClientTlsConfig, Identity};

use super::config::{OtlpConfig, OtlpConfigError};

/// Where certificate authorities of the system are kept: Debian, Fedora, SUSE, Alpine.
const SYSTEM: &[&str] =
    &["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/ca-bundle.pem", "/etc/ssl/cert.pem"];

/// What the configuration names, read.
struct Files {
    roots: Vec<u8>,
    /// Certificate and key.
    identity: Option<(Vec<u8>, Vec<u8>)>,
}

fn wrong(key: &'static str) -> impl Fn(String) -> OtlpConfigError {
    move |reason| OtlpConfigError::Tls { key, reason }
}

fn read(key: &'static str, path: &Path) -> Result<Vec<u8>, OtlpConfigError> {
    std::fs::read(path).map_err(|error| wrong(key)(format!("{}: {error}", path.display())))
}

fn files(config: &OtlpConfig) -> Result<Files, OtlpConfigError> {
    let system = || SYSTEM.iter().map(Path::new).find(|path| path.exists());
    let roots = config.ca.as_deref().or_else(system);
    let roots = roots.ok_or_else(|| wrong("ca")("this system has no file of certificate authorities: name one".to_owned()))?;
    let identity = match (&config.cert, &config.key) {
        (Some(cert), Some(key)) => Some((read("cert", cert)?, read("key", key)?)),
        (None, None) => None,
        (Some(_), None) => return Err(wrong("key")("`cert` needs the key that belongs to it".to_owned())),
        (None, Some(_)) => return Err(wrong("cert")("`key` needs the certificate that belongs to it".to_owned())),
    };
    Ok(Files { roots: read("ca", roots)?, identity })
}

/// For gRPC.
pub(super) fn for_grpc(config: &OtlpConfig) -> Result<ClientTlsConfig, OtlpConfigError> {
    let files = files(config)?;
    let settings = ClientTlsConfig::new().ca_certificate(Certificate::from_pem(files.roots));
    Ok(match files.identity {
        Some((cert, key)) => settings.identity(Identity::from_pem(cert, key)),
        None => settings,
    })
}

/// For HTTP. Without TLS no file is read.
pub(super) fn for_http(config: &OtlpConfig, secure: bool) -> Result<ClientConfig, OtlpConfigError> {
    let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| wrong("ca")(error.to_string()))?;
    if !secure {
        return Ok(builder.with_root_certificates(RootCertStore::empty()).with_no_client_auth());
    }
    let files = files(config)?;
    let mut roots = RootCertStore::empty();
    let certificates: Result<Vec<CertificateDer<'static>>, _> = CertificateDer::pem_slice_iter(&files.roots).collect();
    // A bundle may hold authorities that this version cannot use; the collector's own is seen to be missing when it connects.
    let (usable, _) = roots.add_parsable_certificates(certificates.map_err(|error| wrong("ca")(error.to_string()))?);
    if usable == 0 {
        return Err(wrong("ca")("it holds no certificate that can be used".to_owned()));
    }
    let builder = builder.with_root_certificates(roots);
    let Some((cert, key)) = files.identity else { return Ok(builder.with_no_client_auth()) };
    let chain: Result<Vec<CertificateDer<'static>>, _> = CertificateDer::pem_slice_iter(&cert).collect();
    let chain = chain.map_err(|error| wrong("cert")(error.to_string()))?;
    let key = PrivateKeyDer::from_pem_slice(&key).map_err(|error| wrong("key")(error.to_string()))?;
    builder.with_client_auth_cert(chain, key).map_err(|error| wrong("cert")(error.to_string()))
}
