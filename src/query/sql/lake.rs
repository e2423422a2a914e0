//! The sealed files of a lake in a folder: which there are, whose they are, and what they hold. Files never change, so that what was read of one
//! is kept as long as it is there.

use std::collections::{BTreeMap, HashMap};
use std::fs::{self, File};
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use datafusion::arrow::datatypes::SchemaRef;
use datafusion::common::Statistics;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::parquet::metadata::DFParquetMetadata;
use datafusion::parquet::file::metadata::{PageIndexPolicy, ParquetMetaData, ParquetMetaDataReader};

use super::error::SqlError;
use super::reader::{OpenFile, OpenFiles};
use crate::encode::lake::{FileName, Sealed, without_covered};
use crate::runtime::sync::{Mutex, lock};

/// Files that are held open at once. What more there are is read from the journal.
const MOST_FILES: usize = 512;

/// The key of the footer that says which journal a file is of.
const JOURNAL_ID: &str = "agentsh.journal_id";

/// A lake in a folder.
pub(super) struct LakeFiles {
    folder: PathBuf,
    known: Mutex<HashMap<FileName, Known>>,
}

#[derive(Clone)]
struct Known {
    open: OpenFile,
    bytes: u64,
    journal_id: String,
    statistics: Arc<Statistics>,
}

/// Files of one moment, which stay readable.
#[derive(Default)]
pub(super) struct Snapshot {
    files: Vec<(FileName, Known)>,
}

impl LakeFiles {
    pub(super) fn new(folder: PathBuf) -> Self {
        Self { folder, known: Mutex::new(HashMap::new()) }
    }

    /// The files with events up to `head` of this journal, opened. `schema` is that of the table.
    pub(super) fn snapshot(&self, journal_id: &str, head: u64, schema: &SchemaRef) -> Result<Snapshot, SqlError> {
        let mut listed = without_covered(self.list()?);
        // A file is whole before its name is; one that ends behind the head holds what was committed since.
        listed.retain(|file| file.name.last <= head);
        if listed.len() > MOST_FILES {
            listed.sort_by_key(|file| std::cmp::Reverse(file.name.events()));
            listed.truncate(MOST_FILES);
            listed.sort_by_key(|file| file.name);
        }
        let mut known = lock(&self.known);
        known.retain(|name, _| listed.iter().any(|file| file.name == *name));
        let mut files = Vec::with_capacity(listed.len());
        for sealed in listed {
            let found = match known.get(&sealed.name) {
                Some(found) => found.clone(),
                None => match self.open(sealed, schema)? {
                    Some(opened) => {
                        known.insert(sealed.name, opened.clone());
                        opened
                    }
                    // Put together with others since it was listed: the journal has its events.
                    None => continue,
                },
            };
            if found.journal_id != journal_id {
                let what = format!("it is of the journal {}, not of this one: name another lake", found.journal_id);
                return Err(SqlError::Lake { file: sealed.name.to_string(), what });
            }
            files.push((sealed.name, found));
        }
        files.sort_by_key(|(name, _)| name.first);
        Ok(Snapshot { files })
    }

    fn list(&self) -> Result<Vec<Sealed>, SqlError> {
        let failed =
            |path: PathBuf, error: io::Error| SqlError::Lake { file: path.display().to_string(), what: error.to_string() };
        let mut found = Vec::new();
        let dates = match fs::read_dir(&self.folder) {
            Ok(dates) => dates,
            // Nothing was sealed yet.
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(found),
            Err(error) => return Err(failed(self.folder.clone(), error)),
        };
        for date in dates {
            let date = date.map_err(|error| failed(self.folder.clone(), error))?;
            let name = date.file_name();
            let Some(name) = name.to_str().filter(|name| name.starts_with("date=")) else { continue };
            let files = match fs::read_dir(date.path()) {
                Ok(files) => files,
                // The folder went when its last file was put together with others.
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(failed(date.path(), error)),
            };
            for file in files.flatten() {
                let file_name = file.file_name();
                let parsed = file_name.to_str().and_then(|file| FileName::parse(&format!("{name}/{file}")));
                if let (Some(name), Ok(metadata)) = (parsed, file.metadata()) {
                    found.push(Sealed { name, bytes: metadata.len() });
                }
            }
        }
        Ok(found)
    }

    /// `None` when it is gone.
    fn open(&self, sealed: Sealed, schema: &SchemaRef) -> Result<Option<Known>, SqlError> {
        let failed = |what: String| SqlError::Lake { file: sealed.name.to_string(), what };
        let file = match File::open(self.folder.join(sealed.name.to_string())) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed(error.to_string())),
        };
        let metadata = ParquetMetaDataReader::new()
            .with_page_index_policy(PageIndexPolicy::Optional)
            .parse_and_finish(&file)
            .map_err(|error| failed(error.to_string()))?;
        let journal_id = journal_id(&metadata).ok_or_else(|| failed(format!("its footer has no `{JOURNAL_ID}`")))?;
        let statistics = DFParquetMetadata::statistics_from_parquet_metadata(&metadata, schema);
        let statistics = Arc::new(statistics.map_err(|error| failed(error.to_string()))?);
        let open = OpenFile { file: Arc::new(file), metadata: Arc::new(metadata) };
        Ok(Some(Known { open, bytes: sealed.bytes, journal_id, statistics }))
    }
}

fn journal_id(metadata: &ParquetMetaData) -> Option<String> {
    let pairs = metadata.file_metadata().key_value_metadata()?;
    pairs.iter().find(|pair| pair.key == JOURNAL_ID).and_then(|pair| pair.value.clone())
}

impl Snapshot {
    /// The ranges that are sealed: first and last.
    pub(super) fn ranges(&self) -> impl Iterator<Item = (u64, u64)> {
        self.files.iter().map(|(name, _)| (name.first, name.last))
    }

    /// Readers of the files.
    pub(super) fn readers(&self) -> OpenFiles {
        OpenFiles::new(self.files.iter().map(|(name, known)| (name.to_string(), known.open.clone())))
    }

    /// The files that may have events of a range, in order, in so many groups of about the same number of events.
    pub(super) fn groups(&self, range: (u64, u64), groups: usize) -> Vec<Vec<PartitionedFile>> {
        let wanted = || self.files.iter().filter(|(name, _)| name.first <= range.1 && name.last >= range.0);
        let events: u64 = wanted().map(|(name, _)| name.events()).sum();
        let share = events.div_ceil(u64::try_from(groups.max(1)).unwrap_or(1)).max(1);
        let mut shares: BTreeMap<u64, Vec<PartitionedFile>> = BTreeMap::new();
        let mut before = 0;
        for (name, known) in wanted() {
            let file = PartitionedFile::new(name.to_string(), known.bytes).with_statistics(Arc::clone(&known.statistics));
            shares.entry((before + name.events() / 2) / share).or_default().push(file);
            before += name.events();
        }
        shares.into_values().collect()
    }
}
