//! TLS to a peer: whom to trust, who we are, and the one cryptography provider of the process.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};

/// Makes ring the cryptography of this process, unless another was chosen before.
pub fn install_crypto() {
    // An error says that there is one already, which serves as well.
    let _chosen_before = rustls::crypto::ring::default_provider().install_default();
}

/// Where certificate authorities of the system are kept: Debian, Fedora, Alpine, BSD.
const SYSTEM: &[&str] =
    &["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/ca-bundle.pem", "/etc/ssl/cert.pem"];

/// The file of authorities that is named, or else the system's.
pub(super) fn authorities(named: Option<&Path>) -> Result<&Path, String> {
    match named {
        Some(named) => Ok(named),
        None => system_authorities(),
    }
}

/// The system's file of authorities.
///
/// # Errors
/// What to do when there is none.
pub fn system_authorities() -> Result<&'static Path, String> {
    let found = SYSTEM.iter().map(Path::new).find(|path| path.exists());
    found.ok_or_else(|| "this system has no file of certificate authorities: name one".to_owned())
}

/// The bytes of a PEM file, or what is wrong with it.
pub(super) fn pem(path: &Path) -> Result<Vec<u8>, String> {
    std::fs::read(path).map_err(|error| format!("{}: {error}", path.display()))
}

/// Certificates of a PEM file.
pub(super) fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem(path)?).collect();
    let found = read.map_err(|error| format!("{}: {error}", path.display()))?;
    if found.is_empty() { Err(format!("{} holds no certificate", path.display())) } else { Ok(found) }
}

/// Whom a client of TLS trusts (a file of authorities, or else the system's), and the certificate that it shows.
pub(super) fn client(
    ca: Option<&Path>,
    certificate: Option<&PathBuf>,
    key: Option<&PathBuf>,
) -> Result<Arc<ClientConfig>, String> {
    install_crypto();
    let mut roots = RootCertStore::empty();
    let path = authorities(ca)?;
    // A bundle may hold authorities that this version cannot use; the peer's own is seen to be missing when it connects.
    let (usable, _unusable) = roots.add_parsable_certificates(certificates(path)?);
    if usable == 0 {
        return Err(format!("{} holds no certificate that can be used", path.display()));
    }
    let config = ClientConfig::builder().with_root_certificates(roots);
    let config = match (certificate, key) {
        (Some(certificate), Some(key)) => {
            let chain = certificates(certificate)?;
            let private = PrivateKeyDer::from_pem_slice(&pem(key)?).map_err(|error| format!("{}: {error}", key.display()))?;
            config.with_client_auth_cert(chain, private).map_err(|error| format!("{}: {error}", certificate.display()))?
        }
        (None, None) => config.with_no_client_auth(),
        _ => return Err("a client certificate needs both its file and the file of its key".to_owned()),
    };
    Ok(Arc::new(config))
}
