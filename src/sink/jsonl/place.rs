//! Names of files: the one that is appended to, and the full ones.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::config::Compression;

/// Digits of a `seq` in a name, so that names sort as the events do.
const DIGITS: usize = 12;

/// The folder and the names.
#[derive(Clone, Debug)]
pub(super) struct Place {
    active: PathBuf,
    /// The name before and after the `seq` of a full file.
    stem: String,
    end: String,
}

impl Place {
    pub(super) fn new(path: &Path, compression: Compression) -> Self {
        let mut name = path.file_name().map_or_else(|| "events.jsonl".to_owned(), |name| name.to_string_lossy().into_owned());
        if let Some(extension) = compression.extension()
            && path.extension().is_none_or(|own| own != extension)
        {
            name = format!("{name}.{extension}");
        }
        let (stem, end) = match name.split_once('.') {
            Some((stem, end)) if !stem.is_empty() => (stem.to_owned(), format!(".{end}")),
            _ => (name.clone(), String::new()),
        };
        Self { active: path.with_file_name(name), stem, end }
    }

    /// The file that is appended to.
    pub(super) fn active(&self) -> &Path {
        &self.active
    }

    pub(super) fn folder(&self) -> &Path {
        self.active.parent().unwrap_or(Path::new("/"))
    }

    /// The name of a full file whose last event is `seq`.
    pub(super) fn full(&self, seq: u64) -> PathBuf {
        self.active.with_file_name(format!("{}-{seq:0DIGITS$}{}", self.stem, self.end))
    }

    /// The full files by the `seq` of their last events, in order.
    pub(super) fn fulls(&self) -> io::Result<Vec<(u64, PathBuf)>> {
        let mut found = Vec::new();
        for entry in fs::read_dir(self.folder())? {
            let entry = entry?;
            let name = entry.file_name();
            let seq = name.to_str().and_then(|name| {
                let digits = name.strip_prefix(self.stem.as_str())?.strip_prefix('-')?.strip_suffix(self.end.as_str())?;
                let plain = digits.len() >= DIGITS && digits.bytes().all(|byte| byte.is_ascii_digit());
                if plain { digits.parse().ok() } else { None }
            });
            if let Some(seq) = seq {
                found.push((seq, entry.path()));
            }
        }
        found.sort_unstable();
        Ok(found)
    }
}
