//! A lake in a bucket. An object appears whole or not at all, so it needs no temporary name; what an upload in parts left behind is
//! no object, and the bucket's lifecycle rule for unfinished uploads clears it away.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::FuturesUnordered;
use futures_util::{StreamExt as _, TryStreamExt as _};
use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::path::Path;
use object_store::{ClientOptions, MultipartUpload, ObjectStore, ObjectStoreExt, PutMode, PutOptions, PutPayload, RetryConfig};

use super::select::Listing;
use crate::encode::lake::{FileName, Sealed};
use crate::sink::parquet::config::S3Config;
use crate::sink::parquet::error::LakeError;
use crate::sink::parquet::reader::LakeFile;
use crate::sink::parquet::step::{Step, Steps};
use crate::sink::{Secret, install_crypto};

/// Larger objects are uploaded in parts of this size (S3 takes no part below 5 MiB but the last).
const PART: usize = 8 << 20;

/// Parts on the way at once.
const PARTS: usize = 4;

/// Codes of S3 that no waiting helps against; some come with a status that says less.
const REFUSALS: &[&str] = &["AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken", "InvalidToken"];

/// The bucket.
pub(in crate::sink::parquet) struct S3Store {
    client: Arc<AmazonS3>,
    bucket: String,
    prefix: String,
}

impl S3Store {
    pub(super) fn open(config: &S3Config) -> Result<Self, LakeError> {
        if config.bucket.is_empty() {
            return Err(LakeError::S3Settings { reason: "`bucket` is missing".to_owned() });
        }
        install_crypto();
        let options = ClientOptions::new()
            .with_allow_http(config.allow_http)
            .with_connect_timeout(Duration::from_secs(10))
            .with_timeout(Duration::from_secs(120));
        // The deliver loop tries again; here only what passes within seconds is waited for.
        let retry = RetryConfig { max_retries: 2, retry_timeout: Duration::from_secs(10), ..RetryConfig::default() };
        let mut builder = AmazonS3Builder::new()
            .with_bucket_name(&config.bucket)
            .with_region(config.region.as_deref().unwrap_or("us-east-1"))
            .with_client_options(options)
            .with_retry(retry);
        if let Some(endpoint) = &config.endpoint {
            builder = builder.with_endpoint(endpoint);
        }
        if let Some(id) = &config.access_key_id {
            builder = builder.with_access_key_id(id);
        }
        if let Some(secret) = config.secret_access_key.as_ref().map(Secret::reveal) {
            builder = builder.with_secret_access_key(secret);
        }
        if let Some(token) = config.session_token.as_ref().map(Secret::reveal) {
            builder = builder.with_token(token);
        }
        let client = builder.build().map_err(|error| LakeError::S3Settings { reason: error.to_string() })?;
        Ok(Self { client: Arc::new(client), bucket: config.bucket.clone(), prefix: config.prefix.trim_matches('/').to_owned() })
    }

    /// Bucket and prefix.
    pub(super) fn place(&self) -> String {
        format!("{}/{}", self.bucket, self.prefix)
    }

    fn key(&self, name: FileName) -> Path {
        if self.prefix.is_empty() { Path::from(name.to_string()) } else { Path::from(format!("{}/{name}", self.prefix)) }
    }

    pub(super) async fn list(&self) -> Result<Listing, LakeError> {
        let prefix = (!self.prefix.is_empty()).then(|| Path::from(self.prefix.as_str()));
        let objects: Vec<_> =
            self.client.list(prefix.as_ref()).try_collect().await.map_err(|error| self.error("cannot list objects", &error))?;
        let sealed = objects.into_iter().filter_map(|object| {
            let key = object.location.as_ref();
            let path = if self.prefix.is_empty() { key } else { key.strip_prefix(&self.prefix)?.strip_prefix('/')? };
            Some(Sealed { name: FileName::parse(path)?, bytes: object.size })
        });
        Ok(Listing { sealed: sealed.collect() })
    }

    pub(super) async fn put(&self, name: FileName, bytes: &Bytes, steps: &mut Steps) -> Result<(), LakeError> {
        let key = self.key(name);
        let what = "cannot put an object";
        let put =
            if bytes.len() > PART { self.put_in_parts(&key, bytes, steps).await } else { self.put_at_once(&key, bytes).await };
        match put {
            Ok(()) => {}
            // Put before, by us: the answer was lost, or we were killed before the cursor moved.
            Err(object_store::Error::AlreadyExists { .. }) => self.must_be_the_same(name, bytes).await?,
            Err(error) => return Err(self.error(what, &error)),
        }
        steps(Step::Sealed);
        Ok(())
    }

    /// `If-None-Match: *`, so that no object is ever written over; a server that does not know that takes it without, since the same
    /// range has the same content.
    async fn put_at_once(&self, key: &Path, bytes: &Bytes) -> Result<(), object_store::Error> {
        let payload = || PutPayload::from_bytes(bytes.clone());
        let create = PutOptions { mode: PutMode::Create, ..PutOptions::default() };
        match self.client.put_opts(key, payload(), create).await {
            Err(object_store::Error::NotImplemented { .. } | object_store::Error::NotSupported { .. }) => {
                self.client.put(key, payload()).await.map(drop)
            }
            other => other.map(drop),
        }
    }

    /// An upload in parts knows no `If-None-Match`, so it is asked before. Nobody sees anything of it before it is complete.
    async fn put_in_parts(&self, key: &Path, bytes: &Bytes, steps: &mut Steps) -> Result<(), object_store::Error> {
        match self.client.head(key).await {
            Ok(_there) => {
                let path = key.to_string();
                return Err(object_store::Error::AlreadyExists { path, source: "it was put before".into() });
            }
            Err(object_store::Error::NotFound { .. }) => {}
            Err(error) => return Err(error),
        }
        let mut upload = self.client.put_multipart(key).await?;
        let put = put_parts(&mut upload, bytes, steps).await;
        if put.is_err() {
            // Parts of no object cost all the same. Where this fails too, the bucket's lifecycle rule is left.
            let _nobody_may_be_there = upload.abort().await;
        }
        put
    }

    async fn must_be_the_same(&self, name: FileName, bytes: &Bytes) -> Result<(), LakeError> {
        let file = name.to_string();
        let there = LakeFile::open(file.as_str(), self.read(name).await?)?;
        let ours = LakeFile::open(file.as_str(), bytes.clone())?;
        let (there, ours) = (there.footer(), ours.footer());
        let same = there.journal_id == ours.journal_id && there.blocks == ours.blocks;
        if same { Ok(()) } else { Err(LakeError::Conflict { file }) }
    }

    pub(super) async fn read(&self, name: FileName) -> Result<Bytes, LakeError> {
        let what = "cannot get an object";
        let found = self.client.get(&self.key(name)).await.map_err(|error| self.error(what, &error))?;
        found.bytes().await.map_err(|error| self.error(what, &error))
    }

    pub(super) async fn remove(&self, name: FileName, steps: &mut Steps) -> Result<(), LakeError> {
        match self.client.delete(&self.key(name)).await {
            Ok(()) => steps(Step::Removed),
            Err(object_store::Error::NotFound { .. }) => {}
            Err(error) => return Err(self.error("cannot delete an object", &error)),
        }
        Ok(())
    }

    fn error(&self, what: &'static str, error: &object_store::Error) -> LakeError {
        let bucket = self.bucket.clone();
        let text = error.to_string();
        match error {
            // The client has no variant for a missing bucket; the server's own code tells.
            _ if text.contains("NoSuchBucket") => LakeError::NoBucket { bucket },
            _ if REFUSALS.iter().any(|code| text.contains(code)) => LakeError::Denied { bucket, what, reason: short(&text) },
            object_store::Error::PermissionDenied { .. } | object_store::Error::Unauthenticated { .. } => {
                LakeError::Denied { bucket, what, reason: short(&text) }
            }
            object_store::Error::Generic { .. }
            | object_store::Error::NotFound { .. }
            | object_store::Error::InvalidPath { .. }
            | object_store::Error::JoinError { .. }
            | object_store::Error::NotSupported { .. }
            | object_store::Error::AlreadyExists { .. }
            | object_store::Error::Precondition { .. }
            | object_store::Error::NotModified { .. }
            | object_store::Error::NotImplemented { .. }
            | object_store::Error::UnknownConfigurationKey { .. }
            | _ => LakeError::Remote { what, bucket, reason: short(&text) },
        }
    }
}

async fn put_parts(upload: &mut Box<dyn MultipartUpload>, bytes: &Bytes, steps: &mut Steps) -> Result<(), object_store::Error> {
    let mut rest = bytes.clone();
    let mut under_way = FuturesUnordered::new();
    while !rest.is_empty() || !under_way.is_empty() {
        while !rest.is_empty() && under_way.len() < PARTS {
            under_way.push(upload.put_part(rest.split_to(PART.min(rest.len())).into()));
        }
        if let Some(part) = under_way.next().await {
            part?;
            steps(Step::Part);
        }
    }
    upload.complete().await.map(drop)
}

/// The server's own words where its XML has them, and no more than a line.
fn short(text: &str) -> String {
    let element = |name: &str| {
        let from = text.split_once(&format!("<{name}>"))?.1;
        Some(from.split_once(&format!("</{name}>"))?.0.to_owned())
    };
    let said = match (element("Code"), element("Message")) {
        (Some(code), Some(message)) => format!("{code}: {message}"),
        (Some(code), None) => code,
        _ => text.to_owned(),
    };
    said.lines().next().unwrap_or_default().chars().take(300).collect()
}
