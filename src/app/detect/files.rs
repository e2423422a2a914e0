//! The rule files: those of the program, of the configuration, and those that were added to the data directory.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use crate::detect::sigma::{Fault, Limits, Rules, SigmaEngine, Source};
use crate::detect::{BUILT_IN, DetectConfig};
use crate::journal::DataDir;

/// How deep folders of rules may be nested.
const DEPTH: usize = 16;

/// Why rule files cannot be read, added or removed.
#[derive(Debug, thiserror::Error)]
pub enum RuleFilesError {
    /// A file or folder refuses.
    #[error("{what} {}: {source}", path.display())]
    Io {
        /// What was tried.
        what: &'static str,
        /// Where.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// There is no rule in it.
    #[error("{}: there is no rule in it: files of Sigma rules end with .yml or .yaml", path.display())]
    NoRules {
        /// The file or folder.
        path: PathBuf,
    },
    /// Its name would keep it from being read.
    #[error("{}: what begins with a dot is passed over when rules are read: give it another name", path.display())]
    Hidden {
        /// The file or folder.
        path: PathBuf,
    },
    /// There are rules in it, and none can be used.
    #[error("{}: no rule in it can be used, and nothing was added: {}", path.display(), first(faults))]
    Unusable {
        /// The file or folder.
        path: PathBuf,
        /// What is wrong, in the order of the rules.
        faults: Vec<Fault>,
    },
    /// One with that name was added before.
    #[error("{name} was added already: remove it first (`agentsh detect rules remove {name}`)")]
    Exists {
        /// The name.
        name: String,
    },
    /// No rule has that id or title.
    #[error("no rule has the id or title `{name}`: `agentsh detect rules list` shows what there is")]
    NoSuchRule {
        /// The id or title as it was given.
        name: String,
    },
    /// Nothing that was added has that name or holds that rule.
    #[error(
        "nothing that was added is named {name} or holds a rule with that id: `agentsh detect rules list` shows what there is"
    )]
    Unknown {
        /// The name as it was given.
        name: String,
    },
}

/// The first fault, and how many there are behind it.
fn first(faults: &[Fault]) -> String {
    match faults {
        [] => "it holds no Sigma rule".to_owned(),
        [only] => only.to_string(),
        [first, others @ ..] => format!("{first} (and {} more: `agentsh detect rules check PATH`)", others.len()),
    }
}

/// Folder of the rules that were added.
#[must_use]
pub fn own_rules(data_dir: &DataDir) -> PathBuf {
    data_dir.root().join("rules")
}

/// Every text that the configuration wants read, in the order in which they count: the program's own first, then those that were
/// added, then those of `detect.rules`.
///
/// # Errors
/// [`RuleFilesError`] when a file or folder that is configured cannot be read.
pub fn sources(config: &DetectConfig, data_dir: &DataDir) -> Result<Vec<Source>, RuleFilesError> {
    sources_with(config, added(data_dir)?)
}

/// The same, with these in the place of what was added.
pub(super) fn sources_with(config: &DetectConfig, added: Vec<Source>) -> Result<Vec<Source>, RuleFilesError> {
    let mut sources = Vec::new();
    if config.built_in {
        let own = BUILT_IN.iter().map(|(name, text)| Source { file: format!("built-in/{name}"), text: (*text).to_owned() });
        sources.extend(own);
    }
    sources.extend(added);
    for path in &config.rules {
        read(path, &mut sources)?;
    }
    Ok(sources)
}

/// The texts that were added, by name.
pub(super) fn added(data_dir: &DataDir) -> Result<Vec<Source>, RuleFilesError> {
    let mut sources = Vec::new();
    let folder = own_rules(data_dir);
    if folder.is_dir() {
        read(&folder, &mut sources)?;
    }
    Ok(sources)
}

/// The engine with all of those rules.
///
/// # Errors
/// As [`sources`]; a rule that is wrong is a fault of the engine and no error.
pub fn engine(config: &DetectConfig, data_dir: &DataDir) -> Result<SigmaEngine, RuleFilesError> {
    Ok(SigmaEngine::new(Rules::read(&sources(config, data_dir)?, Limits::default())))
}

/// The engine with the rules of these files and folders and no other.
///
/// # Errors
/// [`RuleFilesError`] when one cannot be read or is a folder without rules.
pub fn engine_of(paths: &[PathBuf]) -> Result<SigmaEngine, RuleFilesError> {
    let mut sources = Vec::new();
    for path in paths {
        let before = sources.len();
        read(path, &mut sources)?;
        if sources.len() == before {
            return Err(RuleFilesError::NoRules { path: path.clone() });
        }
    }
    Ok(SigmaEngine::new(Rules::read(&sources, Limits::default())))
}

/// Appends the texts beneath a path, by name. What is not text counts as a file with a fault.
fn read(path: &Path, sources: &mut Vec<Source>) -> Result<(), RuleFilesError> {
    for file in find(path)? {
        sources.push(Source { file: file.display().to_string(), text: text_of(&file)? });
    }
    Ok(())
}

/// The text of a file. Of one that is too large to be read whole, as much as shows that.
pub(super) fn text_of(file: &Path) -> Result<String, RuleFilesError> {
    let most = u64::try_from(Limits::default().file_bytes).unwrap_or(u64::MAX).saturating_add(1);
    let mut bytes = Vec::new();
    let read = File::open(file).and_then(|open| open.take(most).read_to_end(&mut bytes));
    read.map_err(|source| RuleFilesError::Io { what: "cannot read", path: file.to_owned(), source })?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// The file, or the files of rules beneath a folder, by name. What begins with a dot is passed over (a clone has its `.git` and
/// `.github`), and a folder is gone into once, whatever leads to it.
pub(super) fn find(path: &Path) -> Result<Vec<PathBuf>, RuleFilesError> {
    let mut files = Vec::new();
    if path.is_dir() {
        find_in(path, DEPTH, &mut BTreeSet::new(), &mut files)?;
    } else {
        fs::metadata(path).map_err(|source| RuleFilesError::Io { what: "cannot read", path: path.to_owned(), source })?;
        files.push(path.to_owned());
    }
    Ok(files)
}

fn find_in(folder: &Path, depth: usize, seen: &mut BTreeSet<PathBuf>, files: &mut Vec<PathBuf>) -> Result<(), RuleFilesError> {
    let io = |source| RuleFilesError::Io { what: "cannot read", path: folder.to_owned(), source };
    if !seen.insert(fs::canonicalize(folder).map_err(io)?) {
        return Ok(());
    }
    let mut entries: Vec<PathBuf> =
        fs::read_dir(folder).and_then(|entries| entries.map(|entry| Ok(entry?.path())).collect()).map_err(io)?;
    entries.retain(|entry| !is_hidden(entry));
    entries.sort();
    for entry in entries {
        if entry.is_dir() {
            if depth > 0 {
                find_in(&entry, depth - 1, seen, files)?;
            }
        } else if is_rule_file(&entry) && entry.is_file() {
            files.push(entry);
        }
    }
    Ok(())
}

pub(super) fn is_hidden(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."))
}

pub(super) fn is_rule_file(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "yml" || extension == "yaml")
}
