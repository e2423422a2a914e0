//! Rules that are added to the data directory and removed from it.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::files::{RuleFilesError, added, find, is_hidden, is_rule_file, own_rules, sources_with, text_of};
use crate::detect::sigma::{Fault, Limits, Rules, SigmaEngine, Source};
use crate::detect::{DetectConfig, Engine as _};
use crate::journal::DataDir;

/// What was added.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Added {
    /// Where it is now.
    pub path: PathBuf,
    /// Files of rules.
    pub files: usize,
    /// Rules in them that can be used.
    pub rules: usize,
    /// Those of them that some event of ours reaches.
    pub reached: usize,
    /// What is wrong with the rules that were added, and with others because of them.
    pub faults: Vec<Fault>,
}

/// Copies a file or a folder of rules into the data directory, where every process that detects finds it. It is looked at first, among
/// all the rules that there are: what would not give a single rule that can be used is refused.
///
/// # Errors
/// [`RuleFilesError`]; nothing was added then.
pub fn add(path: &Path, config: &DetectConfig, data_dir: &DataDir) -> Result<Added, RuleFilesError> {
    let no_rules = || RuleFilesError::NoRules { path: path.to_owned() };
    let cannot = |what, path: &Path| {
        let path = path.to_owned();
        move |source| RuleFilesError::Io { what, path, source }
    };
    // `..` and `/` have no name of their own.
    let path =
        if path.file_name().is_some() { path.to_owned() } else { fs::canonicalize(path).map_err(cannot("cannot read", path))? };
    let files = find(&path)?;
    if files.is_empty() || !path.is_dir() && !is_rule_file(&path) {
        return Err(no_rules());
    }
    let name = path.file_name().map(PathBuf::from).ok_or_else(no_rules)?;
    if is_hidden(&name) {
        return Err(RuleFilesError::Hidden { path });
    }
    let to = own_rules(data_dir).join(&name);
    if to.symlink_metadata().is_ok() {
        return Err(RuleFilesError::Exists { name: name.display().to_string() });
    }
    let mut texts = Vec::with_capacity(files.len());
    for file in &files {
        let inside = file.strip_prefix(&path).unwrap_or(Path::new(""));
        let target = if inside.as_os_str().is_empty() { to.clone() } else { to.join(inside) };
        texts.push((target, text_of(file)?));
    }
    let copies: Vec<(&Path, &Path)> = files.iter().map(PathBuf::as_path).zip(texts.iter().map(|(to, _)| to.as_path())).collect();
    let mut looked = look(&texts, &to, config, data_dir)?;
    if looked.rules == 0 {
        return Err(RuleFilesError::Unusable { path, faults: looked.faults });
    }
    // It gets its name once it is whole: a process that loads rules meanwhile sees all of them or none.
    let unnamed = own_rules(data_dir).join(format!(".new-{}", std::process::id()));
    let written = copy(&copies, &to, &unnamed, data_dir).and_then(|()| fs::rename(&unnamed, &to));
    if let Err(source) = written {
        let _nothing_to_remove = remove_all(&unnamed);
        return Err(cannot("cannot copy to", &to)(source));
    }
    looked.path = to;
    Ok(looked)
}

/// What becomes of the texts among all the rules that there are, in the order in which they will be read.
fn look(texts: &[(PathBuf, String)], to: &Path, config: &DetectConfig, data_dir: &DataDir) -> Result<Added, RuleFilesError> {
    let mut all = added(data_dir)?;
    all.extend(texts.iter().map(|(file, text)| Source { file: file.display().to_string(), text: text.clone() }));
    all.sort_by(|one, other| Path::new(&one.file).cmp(Path::new(&other.file)));
    let engine = SigmaEngine::new(Rules::read(&sources_with(config, all)?, Limits::default()));
    let new = |file: &str| Path::new(file).starts_with(to);
    let name = to.display().to_string();
    let faults = engine.faults().iter().filter(|fault| new(&fault.file) || fault.reason.contains(&name));
    let faults: Vec<Fault> = faults.cloned().collect();
    let refused = |file: &str, title: &str| {
        faults.iter().any(|fault| fault.refused && fault.file == file && fault.rule.as_deref() == Some(title))
    };
    let rules = engine.rules().iter().filter(|rule| new(&rule.file) && (rule.fed || !refused(&rule.file, &rule.title)));
    let (rules, reached) = rules.fold((0, 0), |(rules, reached), rule| (rules + 1, reached + usize::from(rule.fed)));
    Ok(Added { path: to.to_owned(), files: texts.len(), rules, reached, faults })
}

fn copy(files: &[(&Path, &Path)], to: &Path, unnamed: &Path, data_dir: &DataDir) -> io::Result<()> {
    DataDir::create(data_dir.root()).map_err(io::Error::other)?;
    fs::create_dir_all(own_rules(data_dir))?;
    for (from, target) in files {
        let inside = target.strip_prefix(to).unwrap_or(Path::new(""));
        let target = if inside.as_os_str().is_empty() { unnamed.to_owned() } else { unnamed.join(inside) };
        if let Some(parent) = target.parent() {
            fs::create_dir_all(parent)?;
        }
        fs::copy(from, target)?;
    }
    Ok(())
}

/// Removes what was added: by the name of the file or folder, or a file by the id of a rule in it. Says what was removed.
///
/// # Errors
/// [`RuleFilesError`].
pub fn remove(name: &str, data_dir: &DataDir) -> Result<PathBuf, RuleFilesError> {
    let folder = own_rules(data_dir);
    let plain = !name.is_empty() && !name.starts_with('.') && !name.contains('/');
    let named = Some(folder.join(name)).filter(|path| plain && path.symlink_metadata().is_ok());
    let path = match named {
        Some(path) => path,
        None => {
            let rules = Rules::read(&added(data_dir)?, Limits::default());
            let rule = rules.infos().iter().find(|rule| rule.id == name);
            PathBuf::from(&rule.ok_or_else(|| RuleFilesError::Unknown { name: name.to_owned() })?.file)
        }
    };
    remove_all(&path).map_err(|source| RuleFilesError::Io { what: "cannot remove", path: path.clone(), source })?;
    // A folder in which nothing is left would keep its name taken.
    let mut above = path.parent();
    while let Some(empty) = above.filter(|above| *above != folder && above.starts_with(&folder)) {
        if fs::remove_dir(empty).is_err() {
            break;
        }
        above = empty.parent();
    }
    Ok(path)
}

fn remove_all(path: &Path) -> io::Result<()> {
    if path.symlink_metadata()?.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) }
}
