//! `agentsh tree`, `agentsh files` and `agentsh why`: what a session did, net of its steps.

mod files;
mod tree;
mod why;

use clap::Args;

pub use files::{FilesArgs, run as files};
pub use tree::{TreeArgs, run as tree};
pub use why::{WhyArgs, run as why};

use super::evidence::EvidenceArgs;
use crate::event::OsText;

/// The session that is asked about.
#[derive(Clone, Debug, Args)]
pub struct SessionName {
    /// Session: its name, the start of its name, or `last`.
    #[arg(value_name = "SESSION", default_value = "last")]
    pub session: String,
    /// Where it is read from.
    #[command(flatten)]
    pub evidence: EvidenceArgs,
}

/// Arguments as a shell would take them.
fn command_line(argv: &[OsText]) -> String {
    let quoted = |argument: &OsText| {
        let text = argument.as_text();
        let plain = |c: char| c.is_alphanumeric() || "_-./=:,@%+~^".contains(c);
        if !text.is_empty() && text.chars().all(plain) { text.into_owned() } else { format!("'{}'", text.replace('\'', r"'\''")) }
    };
    argv.iter().map(quoted).collect::<Vec<_>>().join(" ")
}

/// The last part of a path.
fn base_name(path: &OsText) -> String {
    let name = path.as_bytes().rsplit(|byte| matches!(byte, b'/' | b'\\')).next().unwrap_or_default();
    OsText::from_bytes(name).as_text().into_owned()
}
