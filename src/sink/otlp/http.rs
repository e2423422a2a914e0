//! OTLP over HTTP, with protobuf bodies.

use std::io::Write as _;

use http::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER};
use reqwest::{Client, Response, Url};

use super::answer::{self, Fault, Taken};
use super::config::{Compression, OtlpConfig, OtlpConfigError, Signal, pairs};
use crate::sink::destination::whole;
use crate::sink::retry_after;
use crate::sink::tls::{self, install_crypto};

/// What is read of an answer. More is nobody's to read.
const MOST_RESPONSE_BYTES: usize = 64 << 10;

/// What is shown of an answer.
const MOST_SAID: usize = 300;

/// See the module's head.
pub(super) struct HttpClient {
    client: Client,
    base: Url,
    compression: Compression,
}

impl HttpClient {
    pub(super) fn new(config: &OtlpConfig) -> Result<Self, OtlpConfigError> {
        let wrong = || OtlpConfigError::Endpoint { endpoint: config.endpoint.clone() };
        let base = Url::parse(&config.endpoint).map_err(|_| wrong())?;
        if !matches!(base.scheme(), "http" | "https") || base.host_str().is_none_or(str::is_empty) {
            return Err(wrong());
        }
        let mut headers = HeaderMap::new();
        for (name, value) in pairs("headers", &config.headers)? {
            let cannot = || OtlpConfigError::Header { name: name.clone() };
            let key: HeaderName = name.parse().map_err(|_| cannot())?;
            let mut value: HeaderValue = value.parse().map_err(|_| cannot())?;
            value.set_sensitive(true);
            headers.insert(key, value);
        }
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-protobuf"));
        // A redirect would carry the events and the keys somewhere else; a proxy of the environment is for the session's commands.
        let mut builder = Client::builder()
            .default_headers(headers)
            .timeout(config.timeout.duration())
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .user_agent(concat!("agentsh/", env!("CARGO_PKG_VERSION")));
        let wrong = |reason| OtlpConfigError::Tls { key: "ca_file", reason };
        install_crypto();
        if base.scheme() == "https" {
            let settings =
                tls::client(config.ca_file.as_deref(), config.cert_file.as_ref(), config.key_file.as_ref()).map_err(wrong)?;
            builder = builder.tls_backend_preconfigured((*settings).clone());
        }
        let client = builder.build().map_err(|error| wrong(whole(&error)))?;
        Ok(Self { client, base, compression: config.compression })
    }

    pub(super) async fn send(&mut self, signal: Signal, request: Vec<u8>) -> Result<Taken, Fault> {
        let mut post = self.client.post(self.url(signal));
        let body = match self.compression {
            Compression::None => request,
            Compression::Gzip => {
                post = post.header(CONTENT_ENCODING, "gzip");
                gzip(&request)?
            }
        };
        let response = post.body(body).send().await.map_err(|error| Fault::later(whole(&error.without_url())))?;
        let status = response.status().as_u16();
        let header = |name| response.headers().get(name).and_then(|value: &HeaderValue| value.to_str().ok()).map(str::to_owned);
        let (content_type, after) = (header(CONTENT_TYPE), header(RETRY_AFTER));
        let body = read(response).await?;
        if !(200..300).contains(&status) {
            return Err(answer::http(status, after.as_deref().and_then(retry_after::wait), &said(&body)));
        }
        let kind = content_type.unwrap_or_default();
        match kind.split(';').next().unwrap_or_default().trim() {
            "application/x-protobuf" | "application/protobuf" | "" => answer::taken(&body),
            "application/json" => answer::taken_json(&body),
            // A page of some web server, which has taken nothing. An empty body says yes whatever its type.
            _ if body.is_empty() => Ok(Taken::default()),
            other => Err(Fault::later(format!("the answer is `{other}` and no OTLP response: is this address a collector's?"))),
        }
    }

    /// `/v1/<signal>` behind the endpoint's own path.
    fn url(&self, signal: Signal) -> Url {
        let mut url = self.base.clone();
        let path = format!("{}/v1/{}", self.base.path().trim_end_matches('/'), signal.as_str());
        url.set_path(&path);
        url
    }
}

/// The beginning of a body.
async fn read(mut response: Response) -> Result<Vec<u8>, Fault> {
    let mut body = Vec::new();
    while body.len() < MOST_RESPONSE_BYTES {
        match response.chunk().await {
            Ok(Some(chunk)) => body.extend_from_slice(&chunk),
            Ok(None) => break,
            Err(error) => return Err(Fault::later(format!("the answer was cut off: {}", whole(&error.without_url())))),
        }
    }
    Ok(body)
}

/// What a collector said about an error, for a person: `google.rpc.Status` has it in field 2, others in plain text.
fn said(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    let printable: String = text.chars().filter(|ch| !ch.is_control()).take(MOST_SAID).collect();
    printable.trim().to_owned()
}

fn gzip(request: &[u8]) -> Result<Vec<u8>, Fault> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::with_capacity(request.len() / 4), flate2::Compression::fast());
    // Writing to a Vec does not fail.
    let written = encoder.write_all(request).and_then(|()| encoder.finish());
    written.map_err(|error| Fault::later(error.to_string()))
}
