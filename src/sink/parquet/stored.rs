//! The rows of a lake's files in their stored form, in order.

use std::path::{Path, PathBuf};

use bytes::Bytes;

use super::error::LakeError;
use super::reader::LakeFile;
use crate::encode::arrow::{StoredRow, StoredRows};
use crate::encode::lake::{FileName, Sealed, without_covered};

/// The files of a lake's folder, without those that others cover, or the one file that `path` is; in the order of their ranges.
///
/// # Errors
/// [`LakeError::Local`] when a folder cannot be read.
pub fn files_of(path: &Path) -> Result<Vec<PathBuf>, LakeError> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let mut named = Vec::new();
    let mut others = Vec::new();
    let cannot = |path: &Path| {
        let path = path.to_owned();
        move |source| LakeError::Local { what: "cannot read", path, source }
    };
    let mut folders = vec![path.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).map_err(cannot(&folder))? {
            let entry = entry.map_err(cannot(&folder))?;
            let found = entry.path();
            let is_partition = entry.file_name().to_str().is_some_and(|name| name.starts_with("date="));
            if is_partition && found.is_dir() {
                folders.push(found);
                continue;
            }
            if found.extension().is_none_or(|extension| extension != "parquet") {
                continue;
            }
            let within = found.strip_prefix(path).unwrap_or(&found);
            match within.to_str().and_then(FileName::parse) {
                Some(name) => named.push(name),
                None => others.push(found),
            }
        }
    }
    let sealed = named.iter().map(|name| Sealed { name: *name, bytes: 0 }).collect();
    let mut files: Vec<PathBuf> = without_covered(sealed).iter().map(|sealed| path.join(sealed.name.to_string())).collect();
    others.sort();
    files.extend(others);
    Ok(files)
}

/// Calls `each` for every row of one file.
///
/// # Errors
/// [`LakeError`] when it is no file of a lake, or what `each` says.
pub fn each_row<E: From<LakeError>>(path: &Path, mut each: impl FnMut(&StoredRow<'_>) -> Result<(), E>) -> Result<(), E> {
    let bytes = std::fs::read(path).map_err(|source| LakeError::Local { what: "cannot read", path: path.to_owned(), source })?;
    let name = path.display().to_string();
    let wrong = |source| LakeError::Row { file: name.clone(), source };
    for batch in LakeFile::stored_batches_of(name.clone(), Bytes::from(bytes))? {
        let batch = batch?;
        for row in StoredRows::of(&batch).map_err(wrong)?.iter() {
            each(&row.map_err(wrong)?)?;
        }
    }
    Ok(())
}
