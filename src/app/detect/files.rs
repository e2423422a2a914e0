//! The rule files: those of the program, of the configuration, and those that were added to the data directory.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::detect::sigma::{Limits, Rules, SigmaEngine, Source};
use crate::detect::{BUILT_IN, DetectConfig, Engine as _, RuleInfo};
use crate::journal::DataDir;

/// How deep folders of rules may be nested: a link that leads back ends here.
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
    /// One with that name was added before.
    #[error("{name} was added already: remove it first (`agentsh detect rules remove {name}`)")]
    Exists {
        /// The name.
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

/// What was added.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Added {
    /// Where it is now.
    pub path: PathBuf,
    /// Files of rules.
    pub files: usize,
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
    let mut sources = Vec::new();
    if config.built_in {
        let own = BUILT_IN.iter().map(|(name, text)| Source { file: format!("built-in/{name}"), text: (*text).to_owned() });
        sources.extend(own);
    }
    let added = own_rules(data_dir);
    if added.is_dir() {
        read(&added, &mut sources)?;
    }
    for path in &config.rules {
        read(path, &mut sources)?;
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

/// Appends the texts beneath a path, by name. What is not text counts as a file with a fault.
pub(super) fn read(path: &Path, sources: &mut Vec<Source>) -> Result<(), RuleFilesError> {
    let mut files = Vec::new();
    find(path, DEPTH, &mut files)?;
    for file in files {
        let bytes = fs::read(&file).map_err(|source| RuleFilesError::Io { what: "cannot read", path: file.clone(), source })?;
        sources.push(Source { file: file.display().to_string(), text: String::from_utf8_lossy(&bytes).into_owned() });
    }
    Ok(())
}

fn find(path: &Path, depth: usize, files: &mut Vec<PathBuf>) -> Result<(), RuleFilesError> {
    let io = |source| RuleFilesError::Io { what: "cannot read", path: path.to_owned(), source };
    if !path.is_dir() {
        fs::metadata(path).map_err(io)?;
        files.push(path.to_owned());
        return Ok(());
    }
    let mut entries: Vec<PathBuf> =
        fs::read_dir(path).and_then(|entries| entries.map(|entry| Ok(entry?.path())).collect()).map_err(io)?;
    entries.sort();
    for entry in entries {
        if entry.is_dir() {
            if depth > 0 {
                find(&entry, depth - 1, files)?;
            }
        } else if is_rule_file(&entry) {
            files.push(entry);
        }
    }
    Ok(())
}

fn is_rule_file(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "yml" || extension == "yaml")
}

/// Copies a file or a folder of rules into the data directory, where every process that detects finds it.
///
/// # Errors
/// [`RuleFilesError`]; nothing was added then.
pub fn add(path: &Path, data_dir: &DataDir) -> Result<Added, RuleFilesError> {
    let mut files = Vec::new();
    find(path, DEPTH, &mut files)?;
    let name = path.file_name().map(PathBuf::from).filter(|_| !files.is_empty());
    let name = name.ok_or_else(|| RuleFilesError::NoRules { path: path.to_owned() })?;
    let to = own_rules(data_dir).join(&name);
    if to.exists() {
        return Err(RuleFilesError::Exists { name: name.display().to_string() });
    }
    // It gets its name once it is whole: a process that loads rules meanwhile sees all of them or none.
    let unnamed = own_rules(data_dir).join(format!(".new-{}", std::process::id()));
    let copied = copy(path, &files, &unnamed).and_then(|()| fs::rename(&unnamed, &to));
    if let Err(source) = copied {
        let _nothing_to_remove = remove_all(&unnamed);
        return Err(RuleFilesError::Io { what: "cannot copy to", path: to, source });
    }
    Ok(Added { path: to, files: files.len() })
}

fn copy(path: &Path, files: &[PathBuf], to: &Path) -> io::Result<()> {
    if let Some(parent) = to.parent() {
        fs::create_dir_all(parent)?;
    }
    if !path.is_dir() {
        return fs::copy(path, to).map(|_bytes| ());
    }
    fs::create_dir(to)?;
    for file in files {
        let inside = file.strip_prefix(path).map_err(io::Error::other)?;
        let target = to.join(inside);
        if let Some(parent) = target.parent() {
            fs::create_dir_all(parent)?;
        }
        fs::copy(file, target)?;
    }
    Ok(())
}

/// Removes what was added: by the name of the file or folder, or a file by the id of a rule in it. Says what was removed.
///
/// # Errors
/// [`RuleFilesError`].
pub fn remove(name: &str, data_dir: &DataDir) -> Result<PathBuf, RuleFilesError> {
    let folder = own_rules(data_dir);
    let unknown = || RuleFilesError::Unknown { name: name.to_owned() };
    let plain = !name.is_empty() && !name.starts_with('.') && !name.contains('/');
    let named = Some(folder.join(name)).filter(|path| plain && path.exists());
    let path = match named {
        Some(path) => path,
        None => {
            let config = DetectConfig { built_in: false, ..DetectConfig::default() };
            let engine = engine(&config, data_dir)?;
            let rule: Option<&RuleInfo> = engine.rules().iter().find(|rule| rule.id == name);
            PathBuf::from(&rule.ok_or_else(unknown)?.file)
        }
    };
    remove_all(&path).map_err(|source| RuleFilesError::Io { what: "cannot remove", path: path.clone(), source })?;
    Ok(path)
}

fn remove_all(path: &Path) -> io::Result<()> {
    if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) }
}
