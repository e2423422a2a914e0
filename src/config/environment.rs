//! A snapshot of what the process was started with, so that a test can bring its own.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

/// The variables and the user that configuration depends on.
#[derive(Clone, Debug)]
pub struct Environment {
    variables: BTreeMap<OsString, OsString>,
    uid: u32,
    system_file: PathBuf,
}

impl Environment {
    /// What this process has.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this is the one place that reads the environment")]
    pub fn of_process() -> Self {
        Self::new(nix::unistd::geteuid().as_raw(), std::env::vars_os())
    }

    /// Variables and the effective user id, as given.
    #[must_use]
    pub fn new<K: Into<OsString>, V: Into<OsString>>(uid: u32, variables: impl IntoIterator<Item = (K, V)>) -> Self {
        let variables = variables.into_iter().map(|(name, value)| (name.into(), value.into()));
        Self { variables: variables.collect(), uid, system_file: PathBuf::from("/etc/agentsh/config.yaml") }
    }

    /// The same, with the configuration of the machine elsewhere than in `/etc/agentsh/config.yaml`.
    #[must_use]
    pub fn with_system_file(self, system_file: impl Into<PathBuf>) -> Self {
        Self { system_file: system_file.into(), ..self }
    }

    /// Every variable, by name.
    #[must_use]
    pub fn all(&self) -> Vec<(OsString, OsString)> {
        self.variables.iter().map(|(name, value)| (name.clone(), value.clone())).collect()
    }

    /// A variable that is set and not empty.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&OsStr> {
        self.variables.get(OsStr::new(name)).map(OsString::as_os_str).filter(|value| !value.is_empty())
    }

    /// Whether the process runs as root.
    #[must_use]
    pub const fn is_root(&self) -> bool {
        self.uid == 0
    }

    /// The user's home, if it is known.
    #[must_use]
    pub fn home(&self) -> Option<&Path> {
        self.get("HOME").map(Path::new).filter(|home| home.is_absolute())
    }

    /// Where journals are if nothing says otherwise: `/var/lib/agentsh` for root, the XDG data directory of anyone else.
    ///
    /// `None` when there is neither `XDG_DATA_HOME` nor `HOME`.
    #[must_use]
    pub fn default_data_dir(&self) -> Option<PathBuf> {
        if self.is_root() {
            return Some(PathBuf::from("/var/lib/agentsh"));
        }
        // The XDG Base Directory Specification tells to ignore a relative path.
        let xdg = self.get("XDG_DATA_HOME").map(Path::new).filter(|path| path.is_absolute());
        let data_home = xdg.map(Path::to_owned).or_else(|| self.home().map(|home| home.join(".local/share")));
        data_home.map(|data_home| data_home.join("agentsh"))
    }

    /// Where configuration is looked for if nobody names a file, in order.
    #[must_use]
    pub fn default_files(&self) -> Vec<PathBuf> {
        let own = self.home().map(|home| home.join(".config/agentsh/config.yaml"));
        std::iter::once(self.system_file.clone()).chain(own).collect()
    }

    /// Every variable whose name starts with `AGENTSH_` and that is not empty, in the order of their names.
    pub(super) fn own(&self) -> impl Iterator<Item = (&str, &OsStr)> {
        self.variables
            .iter()
            .filter(|(_, value)| !value.is_empty())
            .filter_map(|(name, value)| name.to_str().map(|name| (name, value.as_os_str())))
            .filter(|(name, _)| name.starts_with("AGENTSH_"))
    }
}
