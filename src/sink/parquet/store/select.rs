//! `Store`: the folder or the bucket of a lake.

use bytes::Bytes;

use super::local::LocalStore;
use super::s3::S3Store;
use crate::encode::lake::{FileName, Sealed};
use crate::sink::parquet::config::ParquetConfig;
use crate::sink::parquet::error::LakeError;
use crate::sink::parquet::step::Steps;

/// Where the files are.
pub(in crate::sink::parquet) enum Store {
    Local(LocalStore),
    S3(S3Store),
}

/// What there is.
#[derive(Debug, Default)]
pub(in crate::sink::parquet) struct Listing {
    /// Files in their places, in the order of their ranges.
    pub(in crate::sink::parquet) sealed: Vec<Sealed>,
}

impl Store {
    /// Opens the lake that the configuration names; `default` is the folder where it names none.
    pub(in crate::sink::parquet) fn open(config: &ParquetConfig, default: &std::path::Path) -> Result<Self, LakeError> {
        match &config.s3 {
            Some(s3) => S3Store::open(s3).map(Self::S3),
            None => LocalStore::open(config.path.as_deref().unwrap_or(default)).map(Self::Local),
        }
    }

    /// Bucket and prefix, where the lake is in a bucket.
    pub(in crate::sink::parquet) fn remote(&self) -> Option<String> {
        match self {
            Self::Local(_) => None,
            Self::S3(store) => Some(store.place()),
        }
    }

    /// Removes what a kill left unfinished, and lists the files.
    pub(in crate::sink::parquet) async fn list(&self) -> Result<Listing, LakeError> {
        let mut listing = match self {
            Self::Local(store) => store.list()?,
            Self::S3(store) => store.list().await?,
        };
        listing.sealed.sort_by_key(|sealed| (sealed.name.first, sealed.name.last));
        Ok(listing)
    }

    /// Puts a file into its place, whole and for good, or not at all.
    pub(in crate::sink::parquet) async fn put(&self, name: FileName, bytes: &Bytes, steps: &mut Steps) -> Result<(), LakeError> {
        match self {
            Self::Local(store) => store.put(name, bytes, steps),
            Self::S3(store) => store.put(name, bytes, steps).await,
        }
    }

    /// A file's content.
    pub(in crate::sink::parquet) async fn read(&self, name: FileName) -> Result<Bytes, LakeError> {
        match self {
            Self::Local(store) => store.read(name),
            Self::S3(store) => store.read(name).await,
        }
    }

    /// Removes a file that another covers; it is no error when it is gone already.
    pub(in crate::sink::parquet) async fn remove(&self, name: FileName, steps: &mut Steps) -> Result<(), LakeError> {
        match self {
            Self::Local(store) => store.remove(name, steps),
            Self::S3(store) => store.remove(name, steps).await,
        }
    }
}
