//! TLS of the command line's client: what it trusts and shows, and what is said when that does not fit.

use std::error::Error;
use std::io;
use std::path::Path;

use rustls::{AlertDescription, CertificateError};
use tonic::transport::{Certificate, ClientTlsConfig as Settings, Identity};

use super::config::ClientTlsConfig;
use crate::serve::sessions::ClientError;

/// The settings of the transport.
///
/// # Errors
/// [`ClientError::Tls`] names the key of the configuration that is at fault.
pub(super) fn settings(config: &ClientTlsConfig, server: &str) -> Result<Settings, ClientError> {
    let tls = |reason: String| ClientError::Tls { server: server.to_owned(), reason };
    // Should another be chosen already, it serves as well.
    let _chosen_before = rustls::crypto::ring::default_provider().install_default();
    let read = |key: &str, path: &Path| {
        std::fs::read(path).map_err(|error| tls(format!("client.tls.{key}: {}: {error}", path.display())))
    };
    let mut settings = match &config.ca_file {
        Some(path) => Settings::new().ca_certificate(Certificate::from_pem(read("ca_file", path)?)),
        None => {
            let system = crate::sink::system_authorities().map_err(|why| tls(format!("client.tls.ca_file: {why}")))?;
            Settings::new().ca_certificate(Certificate::from_pem(read("ca_file", system)?))
        }
    };
    if let Some(name) = &config.server_name {
        settings = settings.domain_name(name);
    }
    match (&config.cert_file, &config.key_file) {
        (Some(cert), Some(key)) => Ok(settings.identity(Identity::from_pem(read("cert_file", cert)?, read("key_file", key)?))),
        (None, None) => Ok(settings),
        (Some(_), None) => Err(tls("client.tls.cert_file needs client.tls.key_file beside it".to_owned())),
        (None, Some(_)) => Err(tls("client.tls.key_file needs client.tls.cert_file beside it".to_owned())),
    }
}

/// What TLS says is wrong, and what to do about it; `None` where it is not TLS that failed.
pub(super) fn explain(error: &(dyn Error + 'static)) -> Option<String> {
    let Some(said) = find(error) else { return alert(error) };
    let what_to_do = match said {
        rustls::Error::InvalidCertificate(
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
        ) => "connect by the name that its certificate is for, or set client.tls.server_name to it",
        rustls::Error::InvalidCertificate(
            CertificateError::Expired
            | CertificateError::ExpiredContext { .. }
            | CertificateError::NotValidYet
            | CertificateError::NotValidYetContext { .. },
        ) => "renew its certificate, or set the clock of this machine",
        rustls::Error::InvalidCertificate(_) => "set client.tls.ca_file to the authority that has signed its certificate",
        rustls::Error::AlertReceived(AlertDescription::CertificateRequired) => SHOW_ONE,
        rustls::Error::AlertReceived(
            AlertDescription::UnknownCA
            | AlertDescription::DecryptError
            | AlertDescription::BadCertificate
            | AlertDescription::CertificateExpired
            | AlertDescription::CertificateRevoked
            | AlertDescription::CertificateUnknown
            | AlertDescription::AccessDenied,
        ) => "it does not accept the certificate of client.tls.cert_file",
        rustls::Error::InvalidMessage(_) => "it speaks no TLS there: set client.tls.enabled: false, or name another port",
        _ => return Some(said.to_string()),
    };
    Some(format!("{said}: {what_to_do}"))
}

/// What to do where the server may have asked for a certificate and got none.
pub(super) const SHOW_ONE_IF: &str = "if it asks for a certificate, set client.tls.cert_file and client.tls.key_file";

/// What to do where the server asks for a certificate and gets none.
const SHOW_ONE: &str = "it asks for a certificate: set client.tls.cert_file and client.tls.key_file";

/// The same for the server's word that comes only with the first call (TLS 1.3). HTTP/2's errors keep that of their stream to themselves, but
/// for its text.
fn alert(error: &(dyn Error + 'static)) -> Option<String> {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    let text = innermost.to_string();
    let (_, alert) = text.split_once("received fatal alert: ")?;
    let what_to_do =
        if alert == "CertificateRequired" { SHOW_ONE } else { "it does not accept the certificate of client.tls.cert_file" };
    Some(format!("received fatal alert: {alert}: {what_to_do}"))
}

/// The word of TLS among the causes of an error.
fn find<'e>(error: &'e (dyn Error + 'static)) -> Option<&'e rustls::Error> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        // An error of a stream holds TLS's within, and says that its cause is that one's cause.
        if let Some(within) = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref)
            && let Some(found) = find(within)
        {
            return Some(found);
        }
        next = error.source();
    }
    None
}
