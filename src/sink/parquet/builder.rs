//! `FileBuilder`: one file that is being gathered, in memory, as encoded row groups and the rows of the one that is not full.

use bytes::Bytes;
use sha2::{Digest, Sha256};

use super::config::ParquetConfig;
use super::encoder::Encoder;
use super::error::LakeError;
use super::footer::{BLOCK, Footer};
use super::frames::Frames;
use crate::encode::lake::Date;
use crate::encode::lake::FileName;
use crate::journal::{Frontier, Hash};

/// Rows that are made into columns at once: enough that the columns' own cost is small, and few enough to stay in the cache.
const BATCH_ROWS: usize = 8_192;

/// Bytes of rows after which a batch is full, however few its rows.
const BATCH_BYTES: usize = 8 << 20;

/// A file that is gathered.
pub(super) struct FileBuilder {
    encoder: Encoder,
    frames: Frames,
    footer: Footer,
    date: Date,
    block: Sha256,
    tree: Option<Frontier>,
}

/// A file that is whole and has no place yet.
pub(super) struct Built {
    pub(super) name: FileName,
    pub(super) bytes: Bytes,
    /// The tree behind its last event.
    pub(super) tree: Option<Frontier>,
}

impl FileBuilder {
    /// An empty file whose first event will be `first`, seen at `time_us`; `tree` is the tree before it, if it is known.
    pub(super) fn new(
        config: &ParquetConfig,
        journal_id: &str,
        first: u64,
        time_us: i64,
        tree: Option<Frontier>,
    ) -> Result<Self, LakeError> {
        let date = Date::of(time_us);
        let encoder = Encoder::start(config).map_err(|source| parquet(first, source))?;
        let footer = Footer {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            journal_id: journal_id.to_owned(),
            first,
            last: first - 1,
            tree_before: tree.clone(),
            tree_after: None,
            blocks: Vec::new(),
        };
        Ok(Self { encoder, frames: Frames::default(), footer, date, block: Sha256::new(), tree })
    }

    /// The day of the first event.
    pub(super) const fn date(&self) -> Date {
        self.date
    }

    /// Events gathered.
    pub(super) const fn events(&self) -> u64 {
        self.footer.last + 1 - self.footer.first
    }

    /// `seq` of the last event gathered.
    pub(super) const fn last(&self) -> u64 {
        self.footer.last
    }

    /// Bytes that the file has so far, about.
    pub(super) fn bytes(&self) -> u64 {
        let bytes = self.encoder.bytes() + self.frames.bytes() / 8;
        u64::try_from(bytes).unwrap_or(u64::MAX)
    }

    /// Adds the next event, as the journal stores it.
    pub(super) fn push(&mut self, frame: &[u8], leaf: &Hash) -> Result<(), LakeError> {
        self.footer.last += 1;
        self.frames.push(self.footer.last, frame, leaf);
        if let Some(tree) = &mut self.tree {
            tree.push(*leaf);
        }
        self.block.update(leaf);
        if self.events().is_multiple_of(BLOCK) {
            self.footer.blocks.push(self.block.finalize_reset().into());
        }
        if self.frames.len() >= BATCH_ROWS || self.frames.bytes() >= BATCH_BYTES {
            self.write()?;
        }
        Ok(())
    }

    fn write(&mut self) -> Result<(), LakeError> {
        let frames = std::mem::take(&mut self.frames);
        self.encoder.write(frames).map_err(|source| parquet(self.footer.first, source))
    }

    /// Ends the file.
    pub(super) fn finish(mut self) -> Result<Built, LakeError> {
        if self.frames.len() > 0 {
            self.write()?;
        }
        if !self.events().is_multiple_of(BLOCK) {
            self.footer.blocks.push(self.block.finalize_reset().into());
        }
        self.footer.tree_after.clone_from(&self.tree);
        let first = self.footer.first;
        let bytes = self.encoder.finish(self.footer.to_pairs()).map_err(|source| parquet(first, source))?;
        let name = FileName { first, last: self.footer.last, date: self.date };
        Ok(Built { name, bytes: Bytes::from(bytes), tree: self.tree })
    }
}

fn parquet(first: u64, source: parquet::errors::ParquetError) -> LakeError {
    LakeError::Parquet { file: format!("the file of {first} and on"), source }
}
