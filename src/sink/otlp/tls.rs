//! Whom a collector must prove to be, and who we are to it, for gRPC.

use tonic::transport::{Certificate, ClientTlsConfig, Identity};

use super::config::{OtlpConfig, OtlpConfigError};
use crate::sink::tls::{authorities, install_crypto, pem};

/// The settings for gRPC, which takes PEM texts.
pub(super) fn for_grpc(config: &OtlpConfig) -> Result<ClientTlsConfig, OtlpConfigError> {
    install_crypto();
    let wrong = |key| move |reason| OtlpConfigError::Tls { key, reason };
    let roots = authorities(config.ca.as_deref()).and_then(pem).map_err(wrong("ca"))?;
    let settings = ClientTlsConfig::new().ca_certificate(Certificate::from_pem(roots));
    let (Some(cert), Some(key)) = (&config.cert, &config.key) else { return Ok(settings) };
    let (cert, key) = (pem(cert).map_err(wrong("cert"))?, pem(key).map_err(wrong("key"))?);
    Ok(settings.identity(Identity::from_pem(cert, key)))
}
