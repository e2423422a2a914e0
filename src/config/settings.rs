//! `Config`: the sections of the file, each the `Config` of its stage.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::environment::Environment;
use super::error::{ConfigError, Problem};
use super::load::{Loaded, load};
use crate::capture::exec::ExecConfig;
use crate::capture::fuse::{AuditConfig, FuseConfig};
use crate::capture::proxy::ProxyConfig;
use crate::journal::JournalConfig;
use crate::serve::ServerConfig;
use crate::sink::SinksConfig;

/// The name of the policy that is part of the program.
pub(super) const BUILT_IN: &str = "built-in";

/// Everything that can be configured.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Where the journal, its key and its intakes are. Once loaded it is an absolute path; left out it is `/var/lib/agentsh` for
    /// root, and `$XDG_DATA_HOME/agentsh` or `~/.local/share/agentsh` for anyone else.
    pub data_dir: PathBuf,
    /// What the server answers, and where.
    pub server: ServerConfig,
    /// Which policy is in force.
    pub policies: PoliciesConfig,
    /// How events are kept.
    pub journal: JournalConfig,
    /// The layers of a session.
    pub sandbox: SandboxConfig,
    /// How much is on record.
    pub audit: AuditConfig,
    /// Where events are delivered to.
    pub sinks: SinksConfig,
    /// What the program says of itself.
    pub telemetry: TelemetryConfig,
    /// The file that was read; absent when there was none.
    #[serde(skip)]
    pub file: Option<PathBuf>,
}

/// Section `telemetry`: the server's own spans. What is recorded goes through `sinks.otlp`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TelemetryConfig {
    /// A collector.
    pub otlp: TelemetryOtlpConfig,
}

/// Section `telemetry.otlp`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TelemetryOtlpConfig {
    /// Where the server sends its own spans over OTLP/gRPC (`http://host:4317`). Left out: nowhere.
    pub endpoint: Option<String>,
}

/// Section `sandbox`: a section for each layer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SandboxConfig {
    /// The workspace's file system.
    pub fuse: FuseConfig,
    /// The session's proxy.
    pub network: ProxyConfig,
    /// The command and its process tree.
    pub exec: ExecConfig,
}

/// Section `policies`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PoliciesConfig {
    /// The folder that holds policies as `NAME.yaml`.
    pub dir: Option<PathBuf>,
    /// The policy that is in force where `--policy` names none: a name in `dir`, or `built-in`.
    pub default: String,
}

impl Default for PoliciesConfig {
    fn default() -> Self {
        Self { dir: None, default: BUILT_IN.to_owned() }
    }
}

/// A policy that the configuration chooses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PolicyChoice {
    /// The one that is part of the program.
    BuiltIn,
    /// The one in this file.
    File(PathBuf),
}

impl PoliciesConfig {
    /// The policy that is in force where `--policy` names none.
    #[must_use]
    pub fn choice(&self) -> PolicyChoice {
        match &self.dir {
            Some(dir) if self.default != BUILT_IN => PolicyChoice::File(dir.join(format!("{}.yaml", self.default))),
            _ => PolicyChoice::BuiltIn,
        }
    }
}

impl Config {
    /// Reads the configuration: see the module's head for which file, and how variables are named.
    ///
    /// # Errors
    /// [`ConfigError`] says what is wrong, where, and what to write instead.
    pub fn load(explicit: Option<&Path>, environment: &Environment) -> Result<Self, ConfigError> {
        let loaded: Loaded<Self> = load(explicit, environment)?;
        let mut config = loaded.value.clone();
        config.file.clone_from(&loaded.file);
        config.sandbox.fuse.file_io = config.audit.file_io;
        let absolute =
            |key: &'static str, path: &Path| absolute(key, path, environment).map_err(|problem| loaded.fault(key, problem));
        config.data_dir = if config.data_dir.as_os_str().is_empty() {
            environment.default_data_dir().ok_or_else(|| loaded.fault("data_dir", Problem::NoHome { key: "data_dir" }))?
        } else {
            absolute("data_dir", &config.data_dir)?
        };
        config.policies.dir = config.policies.dir.map(|dir| absolute("policies.dir", &dir)).transpose()?;
        for (key, path) in config.sinks.paths() {
            *path = absolute(key, path)?;
        }
        if let Some((key, what)) = config.sinks.fault() {
            return Err(loaded.fault(key, Problem::Invalid { key: key.to_owned(), what }));
        }
        for (key, value, least, most) in config.ranges().into_iter().chain(config.sinks.ranges()) {
            if !(least..=most).contains(&value) {
                return Err(loaded.fault(key, Problem::OutOfRange { key, value, least, most }));
            }
        }
        check_policy(&config.policies).map_err(|problem| loaded.fault("policies.default", problem))?;
        Ok(config)
    }
}

impl Config {
    /// Numbers that do harm outside of a range: key, value, least, most. An intake below 64 KiB is smaller than a session's first
    /// events; threads beyond a few are only memory.
    fn ranges(&self) -> [(&'static str, u64, u64, u64); 4] {
        let count = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
        [
            ("journal.intake_bytes", self.journal.intake_bytes, 64 << 10, 1 << 30),
            ("journal.commit_events", self.journal.commit_events, 1, 1_000_000),
            ("sandbox.fuse.threads", count(self.sandbox.fuse.threads), 1, 256),
            ("sandbox.network.max_connections", count(self.sandbox.network.max_connections), 1, 65_536),
        ]
    }
}

/// A path from the root; `~/` stands for the user's home.
fn absolute(key: &'static str, path: &Path, environment: &Environment) -> Result<PathBuf, Problem> {
    if let Ok(inside) = path.strip_prefix("~") {
        return environment.home().map(|home| home.join(inside)).ok_or(Problem::NoHome { key });
    }
    if path.is_absolute() { Ok(path.to_owned()) } else { Err(Problem::RelativePath { path: path.to_owned() }) }
}

fn check_policy(policies: &PoliciesConfig) -> Result<(), Problem> {
    let name = &policies.default;
    if name.is_empty()
        || name.contains('/')
        || name.starts_with('.')
        || Path::new(name).extension().is_some_and(|end| end == "yaml")
    {
        return Err(Problem::PolicyName { name: name.clone() });
    }
    if name != BUILT_IN && policies.dir.is_none() {
        return Err(Problem::PolicyWithoutDir { name: name.clone() });
    }
    Ok(())
}
