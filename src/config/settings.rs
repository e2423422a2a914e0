//! `Config`: the sections of the file, each the `Config` of its stage.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::environment::Environment;
use super::error::{ConfigError, Problem};
use super::load::{Loaded, load};
use crate::app::telemetry::TelemetryConfig;
use crate::capture::exec::ExecConfig;
use crate::capture::fuse::{AuditConfig, FuseConfig};
use crate::capture::proxy::ProxyConfig;
use crate::capture::registry::RegistryConfig;
use crate::detect::DetectConfig;
use crate::journal::JournalConfig;
use crate::query::sql::QueryConfig;
use crate::serve::ServerConfig;
use crate::serve::auth::AuthConfig;
use crate::serve::grpc::ClientConfig;
use crate::serve::sessions::SessionsConfig;
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
    /// How the command line reaches a server.
    pub client: ClientConfig,
    /// Who may use the server.
    pub auth: AuthConfig,
    /// Sessions on the server.
    pub sessions: SessionsConfig,
    /// Which policy is in force.
    pub policies: PoliciesConfig,
    /// How events are kept.
    pub journal: JournalConfig,
    /// The layers of a session.
    pub sandbox: SandboxConfig,
    /// How much is on record.
    pub audit: AuditConfig,
    /// Which rules look at what is recorded.
    pub detect: DetectConfig,
    /// What questions in SQL may take.
    pub query: QueryConfig,
    /// Where events are delivered to.
    pub sinks: SinksConfig,
    /// Where the server's own traces go.
    pub telemetry: TelemetryConfig,
    /// The file that was read; absent when there was none.
    #[serde(skip)]
    pub file: Option<PathBuf>,
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
    /// The registry of Windows programs.
    pub registry: RegistryConfig,
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
        self.named(&self.default).unwrap_or(PolicyChoice::BuiltIn)
    }

    /// The policy of this name; `None` when there can be none: it is no name, or there is no folder.
    #[must_use]
    pub fn named(&self, name: &str) -> Option<PolicyChoice> {
        match &self.dir {
            _ if name == BUILT_IN => Some(PolicyChoice::BuiltIn),
            Some(dir) if is_policy_name(name) => Some(PolicyChoice::File(dir.join(format!("{name}.yaml")))),
            Some(_) | None => None,
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
        config.auth.keys_file = config.auth.keys_file.map(|file| absolute("auth.keys_file", &file)).transpose()?;
        let tls = &mut config.server.grpc.tls;
        for (key, file) in [
            ("server.grpc.tls.cert", &mut tls.cert),
            ("server.grpc.tls.key", &mut tls.key),
            ("server.grpc.tls.client_ca", &mut tls.client_ca),
        ] {
            *file = file.take().map(|file| absolute(key, &file)).transpose()?;
        }
        for (key, path) in config.client.tls.paths() {
            *path = absolute(key, path)?;
        }
        for path in &mut config.detect.rules {
            *path = absolute("detect.rules", path)?;
        }
        for (key, path) in config.sinks.paths() {
            *path = absolute(key, path)?;
        }
        let variable = |name: &str| environment.get(name).and_then(|value| value.to_str()).map(str::to_owned);
        config.sinks.parquet.s3 = config.sinks.parquet.s3.map(|s3| s3.or_environment(variable));
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
    fn ranges(&self) -> Vec<(&'static str, u64, u64, u64)> {
        let count = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
        let own = [
            ("journal.intake_bytes", self.journal.intake_bytes, 64 << 10, 1 << 30),
            ("journal.commit_events", self.journal.commit_events, 1, 1_000_000),
            ("sessions.max_sessions", u64::from(self.sessions.max_sessions), 1, 4_096),
            ("sessions.max_commands", u64::from(self.sessions.max_commands), 1, 65_536),
            ("detect.catch_up_ms", self.detect.catch_up_ms, 0, 600_000),
            ("sandbox.fuse.threads", count(self.sandbox.fuse.threads), 1, 256),
            ("sandbox.network.max_connections", count(self.sandbox.network.max_connections), 1, 65_536),
        ];
        own.into_iter().chain(self.query.ranges()).chain(self.server.grpc.ranges()).collect()
    }
}

/// A path from the root; `~/` stands for the user's home.
fn absolute(key: &'static str, path: &Path, environment: &Environment) -> Result<PathBuf, Problem> {
    if let Ok(inside) = path.strip_prefix("~") {
        return environment.home().map(|home| home.join(inside)).ok_or(Problem::NoHome { key });
    }
    if path.is_absolute() { Ok(path.to_owned()) } else { Err(Problem::RelativePath { path: path.to_owned() }) }
}

fn is_policy_name(name: &str) -> bool {
    let is_file_name = Path::new(name).extension().is_some_and(|end| end == "yaml");
    !(name.is_empty() || name.contains(['/', '\0']) || name.starts_with('.') || is_file_name)
}

fn check_policy(policies: &PoliciesConfig) -> Result<(), Problem> {
    let name = &policies.default;
    if !is_policy_name(name) {
        return Err(Problem::PolicyName { name: name.clone() });
    }
    if name != BUILT_IN && policies.dir.is_none() {
        return Err(Problem::PolicyWithoutDir { name: name.clone() });
    }
    Ok(())
}
