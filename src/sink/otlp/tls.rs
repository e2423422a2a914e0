//! Whom a collector must prove to be, and who we are to it, for gRPC.

use tonic::transport::{Certificate, ClientTlsConfig, Identity};

use super::config::{OtlpConfig, OtlpConfigError};
use crate::sink::tls::{authorities, install_crypto, pem};

/// The settings for gRPC, which takes PEM texts.
pub(super) fn for_grpc(config: &OtlpConfig) -> Result<ClientTlsConfig, OtlpConfigError> {
    install_crypto();
    let wrong = |key| move |reason| OtlpConfigError::Tls { key, reason };
    let roots = authorities(config.ca_file.as_deref()).and_then(pem).map_err(wrong("ca_file"))?;
    let settings = ClientTlsConfig::new().ca_certificate(Certificate::from_pem(roots));
    let (Some(cert), Some(key)) = (&config.cert_file, &config.key_file) else { return Ok(settings) };
    let (cert, key) = (pem(cert).map_err(wrong("cert_file"))?, pem(key).map_err(wrong("key_file"))?);
    Ok(settings.identity(Identity::from_pem(cert, key)))
}
