//! The policies that a server has: a folder of files, and the one that is part of the program. Nothing is recorded or changed.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::policy::{MAX_TEXT_BYTES, Policy, PolicyError, Variables};

/// The name of the policy that is part of the program.
const BUILT_IN: &str = "built-in";

/// Where policies are.
#[derive(Clone, Debug)]
pub struct PolicyFolder {
    /// The folder of `NAME.yaml` files, if there is one.
    pub dir: Option<PathBuf>,
    /// Name of the policy that sessions get unless they ask for another.
    pub default: String,
    /// What `${…}` stands for where a caller says nothing else.
    pub variables: Variables,
}

/// What can be said of a policy.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PolicyFacts {
    /// The name that a session asks for.
    pub name: String,
    /// SHA-256 of its text; empty where it does not compile.
    pub digest: String,
    /// The file, or `built-in`.
    pub source: String,
    /// How many rules it has; none where it does not compile.
    pub rules: u32,
    /// Whether sessions get it unless they ask for another.
    pub is_default: bool,
}

/// Why there is no policy.
#[derive(Debug, thiserror::Error)]
pub enum LookupError {
    /// A name that no file of the folder can have.
    #[error("`{0}` is no name of a policy: write the file's name without folder and without `.yaml`")]
    BadName(String),
    /// There is none.
    #[error("there is no policy `{0}`: the list of policies names those there are")]
    Missing(String),
    /// The folder cannot be read.
    #[error("policies.dir cannot be read: {0}")]
    Folder(io::Error),
    /// The file cannot be read.
    #[error("the policy `{name}` cannot be read: {source}")]
    Unreadable {
        /// Its name.
        name: String,
        /// What the system said.
        source: io::Error,
    },
    /// It does not compile.
    #[error(transparent)]
    Invalid(#[from] Box<PolicyError>),
}

impl PolicyFacts {
    /// Of one that compiles.
    #[must_use]
    pub fn of(policy: &Policy) -> Self {
        Self {
            name: policy.name().to_owned(),
            digest: policy.digest().to_owned(),
            source: policy.source().to_owned(),
            rules: u32::try_from(policy.rule_count()).unwrap_or(u32::MAX),
            is_default: false,
        }
    }
}

impl PolicyFolder {
    /// Names in the folder, in order.
    fn names(&self) -> io::Result<Vec<String>> {
        let Some(dir) = &self.dir else { return Ok(Vec::new()) };
        let mut names = Vec::new();
        for entry in fs::read_dir(dir)? {
            let path = entry?.path();
            let is_policy = path.extension().is_some_and(|end| end == "yaml");
            if let Some(name) = path.file_stem().and_then(|name| name.to_str()).filter(|name| is_policy && is_name(name)) {
                names.push(name.to_owned());
            }
        }
        names.sort();
        Ok(names)
    }

    /// The text of a policy and where it is.
    fn text(&self, name: &str) -> Result<(String, String), LookupError> {
        if name == BUILT_IN {
            return Ok((Policy::built_in_text().to_owned(), BUILT_IN.to_owned()));
        }
        if !is_name(name) {
            return Err(LookupError::BadName(name.to_owned()));
        }
        let path = self.dir.as_ref().map(|dir| dir.join(format!("{name}.yaml")));
        let Some(path) = path else { return Err(LookupError::Missing(name.to_owned())) };
        match read_bounded(&path) {
            Ok(text) => Ok((text, path.display().to_string())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Err(LookupError::Missing(name.to_owned())),
            Err(source) => Err(LookupError::Unreadable { name: name.to_owned(), source }),
        }
    }

    /// The policy of this name, compiled; the default one where it is empty.
    ///
    /// # Errors
    /// [`LookupError`].
    pub fn compiled(&self, name: &str, variables: &Variables) -> Result<Policy, LookupError> {
        let name = if name.is_empty() { &self.default } else { name };
        let (text, source) = self.text(name)?;
        Policy::parse_and_compile(&source, &text, variables).map_err(|error| LookupError::Invalid(Box::new(error)))
    }

    /// Every policy: the built-in one first, then by name.
    ///
    /// # Errors
    /// [`LookupError`] when the folder cannot be read.
    pub fn list(&self) -> Result<Vec<PolicyFacts>, LookupError> {
        let mut policies = vec![self.facts(BUILT_IN, Policy::built_in_text(), BUILT_IN)];
        for name in self.names().map_err(LookupError::Folder)? {
            // One that cannot be read is there all the same.
            let (text, source) = self.text(&name).unwrap_or_default();
            policies.push(self.facts(&name, &text, &source));
        }
        Ok(policies)
    }

    /// A policy and its text; the default one where the name is empty.
    ///
    /// # Errors
    /// [`LookupError`].
    pub fn policy(&self, name: &str) -> Result<(PolicyFacts, String), LookupError> {
        let name = if name.is_empty() { &self.default } else { name };
        let (text, source) = self.text(name)?;
        Ok((self.facts(name, &text, &source), text))
    }

    /// What can be said of a policy; one that does not compile has no rules.
    fn facts(&self, name: &str, text: &str, source: &str) -> PolicyFacts {
        let compiled = Policy::parse_and_compile(source, text, &self.variables).ok();
        let mut facts = compiled.as_ref().map_or_else(PolicyFacts::default, PolicyFacts::of);
        name.clone_into(&mut facts.name);
        source.clone_into(&mut facts.source);
        facts.is_default = name == self.default;
        facts
    }
}

/// Whether the name is that of a file in the folder and of nothing else.
fn is_name(name: &str) -> bool {
    !name.is_empty() && name.len() <= 255 && !name.starts_with('.') && !name.contains(['/', '\0']) && !name.ends_with(".yaml")
}

/// The text of a regular file, as long as a policy may be.
fn read_bounded(path: &Path) -> io::Result<String> {
    use std::io::Read as _;
    use std::os::unix::fs::OpenOptionsExt as _;
    // Opening a pipe would otherwise wait until somebody writes to it.
    let file = fs::OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK).open(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("it is not a regular file"));
    }
    let mut text = String::new();
    let limit = u64::try_from(MAX_TEXT_BYTES).unwrap_or(u64::MAX);
    // One byte more, so that a text that is too long is found to be so.
    file.take(limit.saturating_add(1)).read_to_string(&mut text)?;
    Ok(text)
}
