//! Every stage's own Config, read and checked together.
//!
//! One YAML file, then the environment on top: `AGENTSH_SECTION__KEY` sets `section.key` (two underscores go one level down, names
//! in lower case; an empty variable counts as not set; a list is written with commas). The file is the first of `--config`,
//! `AGENTSH_CONFIG`, `/etc/agentsh/config.yaml` and `~/.config/agentsh/config.yaml`.
//!
//! Guarantee: a key that does nothing is refused, with the file, line and column or the variable that it stands in, and with the
//! nearest key that exists. This is the one place that reads the environment. Never: a stage's rule (each stage owns its `Config`),
//! or a default that differs from the stage's own.

mod document;
mod environment;
mod error;
mod load;
mod overlay;
mod reader;
mod settings;

pub use environment::Environment;
pub use error::{ConfigError, Origin, Place, Problem};
pub use load::{Loaded, load};
pub use settings::{Config, PoliciesConfig, PolicyChoice, SandboxConfig, TelemetryConfig, TelemetryOtlpConfig};
