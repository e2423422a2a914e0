//! Section `sinks.parquet` of the configuration.

use std::path::PathBuf;

use serde::Deserialize;

use crate::runtime::units::Millis;
use crate::sink::{Range, Secret};

/// Section `sinks.parquet`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ParquetConfig {
    /// Whether the journal is carried to a lake.
    pub enabled: bool,
    /// The lake's folder. Left out, with no `s3` either, it is `lake` in the data directory.
    pub path: Option<PathBuf>,
    /// The lake's bucket, instead of a folder.
    pub s3: Option<S3Config>,
    /// A file is sealed when it holds so many events. More make fewer, larger files; what is not sealed is not in the lake yet.
    pub seal_rows: u64,
    /// A file is sealed when it has so many bytes, about. It is gathered in memory, so this bounds that.
    pub seal_bytes: u64,
    /// A file is sealed when its first event was gathered so long ago. Shorter brings events to the lake sooner, in smaller files.
    pub seal_after: Millis,
    /// Whether a file is sealed, within a second, when a session ends.
    pub seal_on_session_end: bool,
    /// Events in one row group: the unit that readers skip. Smaller skips more finely and compresses less.
    pub row_group_rows: u64,
    /// Neighbours smaller than this are put together, in bytes. 0 leaves them alone.
    pub compact_below: u64,
    /// So many small neighbours of one date are put together at once.
    pub compact_files: u64,
    /// Level of zstd, 1 to 19. Higher is smaller and slower.
    pub zstd_level: u8,
    /// Whether every row has its leaf (32 bytes that do not compress). Without, the leaf is computed from the row, and the footer
    /// holds what it must agree with.
    pub leaves: bool,
}

impl Default for ParquetConfig {
    fn default() -> Self {
        Self {
            enabled: false,
            path: None,
            s3: None,
            seal_rows: 1_000_000,
            seal_bytes: 32 << 20,
            seal_after: Millis::new(300_000),
            seal_on_session_end: true,
            row_group_rows: 131_072,
            compact_below: 4 << 20,
            compact_files: 8,
            zstd_level: 1,
            leaves: false,
        }
    }
}

impl ParquetConfig {
    pub(in crate::sink) fn ranges(&self) -> Vec<Range> {
        vec![
            ("sinks.parquet.seal_rows", self.seal_rows, 1, 100_000_000),
            ("sinks.parquet.seal_bytes", self.seal_bytes, 64 << 10, 1 << 30),
            ("sinks.parquet.row_group_rows", self.row_group_rows, 1_024, 10_000_000),
            ("sinks.parquet.compact_files", self.compact_files, 2, 10_000),
            ("sinks.parquet.zstd_level", u64::from(self.zstd_level), 1, 19),
        ]
    }

    pub(in crate::sink) fn paths(&mut self) -> impl Iterator<Item = (&'static str, &mut PathBuf)> {
        self.path.iter_mut().map(|path| ("sinks.parquet.path", path))
    }

    pub(in crate::sink) fn fault(&self) -> Option<(&'static str, String)> {
        let s3 = self.s3.as_ref().filter(|_| self.enabled)?;
        if self.path.is_some() {
            return Some(("sinks.parquet.path", "a lake is in a folder or in a bucket; leave `path` or `s3` out".to_owned()));
        }
        if s3.bucket.is_empty() {
            return Some(("sinks.parquet.s3.bucket", "the bucket is not set; write its name".to_owned()));
        }
        let plain = s3.endpoint.as_ref().is_some_and(|endpoint| !endpoint.starts_with("https://"));
        if plain && !s3.allow_http {
            let what = "the endpoint is not https; write an https address, or set allow_http".to_owned();
            return Some(("sinks.parquet.s3.endpoint", what));
        }
        None
    }
}

/// Section `sinks.parquet.s3`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct S3Config {
    /// The bucket.
    pub bucket: String,
    /// What the names of all objects start with, such as `agentsh/lake`.
    pub prefix: String,
    /// The region. Left out: `AWS_REGION`, `AWS_DEFAULT_REGION`, or `us-east-1`.
    pub region: Option<String>,
    /// Address of a server that speaks S3, such as `http://127.0.0.1:9000`. Left out: `AWS_ENDPOINT_URL`, or Amazon's.
    pub endpoint: Option<String>,
    /// Key id. Left out: `AWS_ACCESS_KEY_ID`, or what the machine's role gives.
    pub access_key_id: Option<String>,
    /// Secret of the key. Left out: `AWS_SECRET_ACCESS_KEY`.
    pub secret_access_key: Option<Secret>,
    /// Token of a temporary key. Left out: `AWS_SESSION_TOKEN`.
    pub session_token: Option<Secret>,
    /// Whether the endpoint may be plain `http`.
    pub allow_http: bool,
}

impl S3Config {
    /// Takes what is left out from the variables that every AWS program reads.
    #[must_use]
    pub fn or_environment(mut self, variable: impl Fn(&str) -> Option<String>) -> Self {
        self.region = self.region.or_else(|| variable("AWS_REGION")).or_else(|| variable("AWS_DEFAULT_REGION"));
        self.endpoint = self.endpoint.or_else(|| variable("AWS_ENDPOINT_URL"));
        // A key of the file is not mixed with a secret of the environment.
        if self.access_key_id.is_none() && self.secret_access_key.is_none() {
            self.access_key_id = variable("AWS_ACCESS_KEY_ID");
            self.secret_access_key = variable("AWS_SECRET_ACCESS_KEY").map(Secret::new);
            self.session_token = self.session_token.or_else(|| variable("AWS_SESSION_TOKEN").map(Secret::new));
        }
        self
    }
}
