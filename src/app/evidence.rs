//! Where the events of a session are read from: the journal, a bundle, or files of a lake.
//!
//! What is no journal is read into a database of its own for the time of the command, so that every reader reads it as it reads a journal.

mod bundles;
mod compare;
mod error;
mod lake;
mod place;

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

pub use bundles::{Imported, import_bundle};
pub use compare::{Compared, compare};
pub use error::EvidenceError;

use crate::journal::bundle::{MAGIC, looks_like};
pub use crate::journal::bundle::{Opened, Trust, export as export_bundle};
use crate::journal::{DataDir, PublicKey};
use crate::query::{Reader, SessionError};
use crate::runtime::temporary::TemporaryFolder;
pub use crate::sink::parquet::ParquetExport;
use place::make_place;

/// What Parquet files begin with.
const PARQUET: &[u8] = b"PAR1";

/// Which events are asked for.
#[derive(Clone, Debug, Default)]
pub struct Wanted<'w> {
    /// A bundle, a lake's folder, one of its files, or another data directory; the data directory itself where there is none.
    pub from: Option<&'w Path>,
    /// The public key that bundle and checkpoints are to be signed with.
    pub key: Option<&'w PublicKey>,
}

/// A session that can be read.
pub struct Evidence {
    data_dir: DataDir,
    session: Option<String>,
    /// Holds the data directory where it is a copy.
    copy: Option<TemporaryFolder>,
}

impl Evidence {
    /// Where its readers read.
    #[must_use]
    pub const fn data_dir(&self) -> &DataDir {
        &self.data_dir
    }

    /// Whether it was copied from a bundle or from files of a lake.
    #[must_use]
    pub const fn is_copy(&self) -> bool {
        self.copy.is_some()
    }

    /// Full name of the session that was asked for.
    #[must_use]
    pub fn session(&self) -> &str {
        self.session.as_deref().unwrap_or_default()
    }

    /// Finds the session that `name` stands for: its name, the start of its name, or `last`. Without `from` it is looked for in the journal, then
    /// among the bundles that were imported.
    ///
    /// # Errors
    /// [`EvidenceError`].
    pub fn of_session(wanted: &Wanted<'_>, own: &DataDir, name: &str) -> Result<Self, EvidenceError> {
        let Some(from) = wanted.from else {
            let in_journal = Reader::open(own).map_err(EvidenceError::from).and_then(|reader| Ok(reader.session(name)?));
            return match in_journal {
                Ok(session) => Ok(Self { data_dir: own.clone(), session: Some(session), copy: None }),
                Err(error) => match bundles::find(own, name)? {
                    Some(found) if error.may_be_elsewhere() => Self::of_bundle(&found.path, found.key.as_ref(), name),
                    _ => Err(error),
                },
            };
        };
        match kind_of(from)? {
            Source::DataDir => {
                let data_dir = DataDir::at(from);
                let session = Reader::open(&data_dir)?.session(name)?;
                Ok(Self { data_dir, session: Some(session), copy: None })
            }
            Source::Bundle => Self::of_bundle(from, wanted.key, name),
            Source::Lake => {
                let copy = make_place()?;
                let data_dir = lake::copy(from, lake::Sessions::Named(name), wanted.key, copy.path())?;
                Self::named(data_dir, name, copy)
            }
        }
    }

    /// All events of the source.
    ///
    /// # Errors
    /// [`EvidenceError`].
    pub fn whole(wanted: &Wanted<'_>, own: &DataDir) -> Result<Self, EvidenceError> {
        let Some(from) = wanted.from else { return Ok(Self { data_dir: own.clone(), session: None, copy: None }) };
        match kind_of(from)? {
            Source::DataDir => Ok(Self { data_dir: DataDir::at(from), session: None, copy: None }),
            Source::Bundle => {
                let copy = make_place()?;
                let data_dir = bundles::copy(from, wanted.key, copy.path())?.0;
                Ok(Self { data_dir, session: None, copy: Some(copy) })
            }
            Source::Lake => {
                let copy = make_place()?;
                let data_dir = lake::copy(from, lake::Sessions::All, wanted.key, copy.path())?;
                Ok(Self { data_dir, session: None, copy: Some(copy) })
            }
        }
    }

    fn of_bundle(path: &Path, key: Option<&PublicKey>, name: &str) -> Result<Self, EvidenceError> {
        let copy = make_place()?;
        let data_dir = bundles::copy(path, key, copy.path())?.0;
        Self::named(data_dir, name, copy)
    }

    fn named(data_dir: DataDir, name: &str, copy: TemporaryFolder) -> Result<Self, EvidenceError> {
        let session = Reader::open(&data_dir)?.session(name).map_err(|error| match error {
            // What helps with a journal does not help here.
            SessionError::NoneYet => SessionError::Unknown { name: name.to_owned() },
            other => other,
        })?;
        Ok(Self { data_dir, session: Some(session), copy: Some(copy) })
    }
}

enum Source {
    DataDir,
    Bundle,
    Lake,
}

fn kind_of(from: &Path) -> Result<Source, EvidenceError> {
    let cannot = |source| EvidenceError::Io { what: "cannot read", path: from.to_owned(), source };
    if std::fs::metadata(from).map_err(cannot)?.is_dir() {
        return Ok(if DataDir::at(from).journal().exists() { Source::DataDir } else { Source::Lake });
    }
    let mut start = Vec::new();
    let most = u64::try_from(MAGIC.len()).unwrap_or(u64::MAX);
    File::open(from).and_then(|file| file.take(most).read_to_end(&mut start)).map_err(cannot)?;
    if looks_like(&start) {
        Ok(Source::Bundle)
    } else if start.starts_with(PARQUET) {
        Ok(Source::Lake)
    } else {
        Err(EvidenceError::Unknown { path: PathBuf::from(from) })
    }
}
