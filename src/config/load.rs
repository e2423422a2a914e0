//! Which file is read, and how file and environment become one typed value.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use miette::NamedSource;
use serde::de::DeserializeOwned;

use super::document::{self, Node};
use super::environment::Environment;
use super::error::{ConfigError, Origin, Problem};
use super::{overlay, reader};

/// The longest file that is read, in bytes.
const MAX_BYTES: u64 = 1 << 20;

/// A value that was read, with what is needed to say where each part of it stands.
#[derive(Debug)]
pub struct Loaded<T> {
    /// The value.
    pub value: T,
    /// The file that was read; absent when there was none.
    pub file: Option<PathBuf>,
    tree: Node,
    source: Option<Arc<NamedSource<Arc<str>>>>,
}

impl<T> Loaded<T> {
    /// An error about the value at `key` (`section.key`), with its place.
    #[must_use]
    pub fn fault(&self, key: &str, problem: Problem) -> ConfigError {
        let origin = self.tree.at(key).and_then(|node| node.origin.clone());
        ConfigError::new(problem, origin, self.source.clone())
    }
}

/// Reads the file (`explicit`, or else the first that the environment leads to) and the environment on top of it.
///
/// # Errors
/// [`ConfigError`]: the file cannot be read or is not YAML, or a key or a value is not what `T` takes.
pub fn load<T: DeserializeOwned>(explicit: Option<&Path>, environment: &Environment) -> Result<Loaded<T>, ConfigError> {
    let text = find(explicit, environment)?;
    let (file, source) = match text {
        Some((path, text)) => {
            let source = Arc::new(NamedSource::new(path.to_string_lossy(), Arc::<str>::from(text)).with_language("yaml"));
            (Some(path), Some(source))
        }
        None => (None, None),
    };
    let error = |problem, origin: Option<Origin>| ConfigError::new(problem, origin, source.clone());
    let mut tree = match &source {
        Some(source) => document::parse(source.inner()).map_err(|(problem, origin)| error(problem, origin))?,
        None => Node::empty(),
    };
    overlay::apply(&mut tree, environment).map_err(|(problem, origin)| error(problem, Some(origin)))?;
    let value = reader::read(tree.clone()).map_err(|(problem, origin)| error(problem, origin))?;
    Ok(Loaded { value, file, tree, source })
}

/// The file's path and text. A file that somebody named must be there; of the usual places the first that is there counts.
fn find(explicit: Option<&Path>, environment: &Environment) -> Result<Option<(PathBuf, String)>, ConfigError> {
    let named = explicit.or_else(|| environment.get("AGENTSH_CONFIG").map(Path::new));
    if let Some(path) = named {
        return read(path).map(|text| Some((path.to_owned(), text))).map_err(|problem| about(path, problem));
    }
    for path in environment.default_files() {
        match read(&path) {
            Ok(text) => return Ok(Some((path, text))),
            Err(Problem::Unreadable { source }) if is_absent(&source) => {}
            Err(problem) => return Err(about(&path, problem)),
        }
    }
    Ok(None)
}

fn is_absent(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

fn read(path: &Path) -> Result<String, Problem> {
    let mut text = String::new();
    let unreadable = |source| Problem::Unreadable { source };
    let file = File::open(path).map_err(unreadable)?;
    // A directory or a pipe is no configuration, and a pipe could keep us for ever.
    if !file.metadata().map_err(unreadable)?.is_file() {
        return Err(unreadable(io::Error::other("it is not a regular file")));
    }
    file.take(MAX_BYTES + 1).read_to_string(&mut text).map_err(unreadable)?;
    if u64::try_from(text.len()).unwrap_or(u64::MAX) > MAX_BYTES {
        return Err(Problem::TooLarge { limit: MAX_BYTES });
    }
    Ok(text)
}

fn about(path: &Path, problem: Problem) -> ConfigError {
    ConfigError::new(problem, None, Some(Arc::new(NamedSource::new(path.to_string_lossy(), Arc::from("")))))
}
