//! Puts small neighbours together, so that a reader opens few files.
//!
//! The larger file is written first, under the name of the whole range, and is in its place for good before the first small one is
//! removed. A kill in between leaves small files that the larger one covers: the next start removes them. Readers that come in
//! between see both; they take the larger (docs/parquet.md).

use super::builder::FileBuilder;
use super::config::ParquetConfig;
use super::error::LakeError;
use super::reader::LakeFile;
use super::step::Steps;
use super::store::Store;
use super::verify::LakeVerifier;
use crate::encode::arrow::StoredRows;
use crate::encode::lake::Sealed;
use crate::encode::stored;
use crate::event::Seq;

/// The next small neighbours of one date that are worth it, oldest first.
pub(super) fn next_group(config: &ParquetConfig, sealed: &[Sealed]) -> Option<Vec<Sealed>> {
    let least = usize::try_from(config.compact_files.max(2)).ok()?;
    let mut group: Vec<Sealed> = Vec::new();
    for file in sealed {
        let small = file.bytes < config.compact_below;
        let events: u64 = group.iter().chain([file]).map(|file| file.name.events()).sum();
        let next = group.last().is_none_or(|last| {
            last.name.last + 1 == file.name.first && last.name.folder() == file.name.folder() && events <= config.seal_rows
        });
        if !(small && next) {
            if group.len() >= least {
                break;
            }
            group.clear();
        }
        if small {
            group.push(*file);
        }
    }
    (group.len() >= least).then_some(group)
}

/// Writes one file with the rows of all, then removes them. Each is verified first: what was changed is not carried over into a file
/// that says it is right.
pub(super) async fn merge(
    config: &ParquetConfig,
    store: &Store,
    group: &[Sealed],
    steps: &mut Steps,
) -> Result<Sealed, LakeError> {
    let mut merged: Option<FileBuilder> = None;
    let mut frame = Vec::new();
    for small in group {
        let name = small.name.to_string();
        let bytes = store.read(small.name).await?;
        let report = LakeVerifier::new(None).file(&name, bytes.clone())?;
        if let Some(finding) = report.findings.first() {
            return Err(LakeError::Changed { file: name, what: finding.to_string() });
        }
        let file = LakeFile::open(name.as_str(), bytes)?;
        let footer = file.footer().clone();
        for batch in file.stored_batches()? {
            let batch = batch?;
            let rows = StoredRows::of(&batch).map_err(|source| LakeError::Row { file: name.clone(), source })?;
            for row in rows.iter() {
                let row = row.map_err(|source| LakeError::Row { file: name.clone(), source })?;
                let Some(seq) = Seq::new(row.seq) else { continue };
                let columns = row.columns();
                frame.clear();
                columns.write(&mut frame);
                let leaf = stored::leaf_hash(seq, &frame);
                let builder = match &mut merged {
                    Some(builder) => builder,
                    None => merged.insert(FileBuilder::new(
                        config,
                        &footer.journal_id,
                        footer.first,
                        columns.time_us,
                        footer.tree_before.clone(),
                    )?),
                };
                builder.push(&frame, &leaf)?;
            }
        }
    }
    let Some(merged) = merged else {
        return Err(LakeError::Changed { file: "the files to put together".to_owned(), what: "they are empty".to_owned() });
    };
    let built = merged.finish()?;
    store.put(built.name, &built.bytes, steps).await?;
    for small in group {
        store.remove(small.name, steps).await?;
    }
    Ok(Sealed { name: built.name, bytes: u64::try_from(built.bytes.len()).unwrap_or(u64::MAX) })
}

/// Removes files that a larger one covers, which a kill left; the larger one must be whole.
pub(super) async fn remove_covered(store: &Store, sealed: &mut Vec<Sealed>, steps: &mut Steps) -> Result<(), LakeError> {
    let covering = |file: &Sealed| sealed.iter().find(|other| other.name.covers(&file.name)).copied();
    let covered: Vec<(Sealed, Sealed)> = sealed.iter().filter_map(|file| Some((*file, covering(file)?))).collect();
    for (small, large) in covered {
        let file = LakeFile::open(large.name.to_string(), store.read(large.name).await?)?;
        if file.rows() != large.name.events() {
            let what = format!("it has {} rows", file.rows());
            return Err(LakeError::Changed { file: large.name.to_string(), what });
        }
        store.remove(small.name, steps).await?;
        sealed.retain(|file| file.name != small.name);
    }
    Ok(())
}
