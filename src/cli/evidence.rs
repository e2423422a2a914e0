//! `--from` and `--key`: where a session is read from instead of the data directory.

use std::path::PathBuf;

use clap::Args;

use super::verify::read_key;
use crate::app::evidence::{Evidence, Wanted};
use crate::query::{DataDir, PublicKey};

/// Where the events are read from.
#[derive(Clone, Debug, Default, Args)]
pub struct EvidenceArgs {
    /// Read from here instead of the data directory: a bundle (`agentsh export bundle`), a lake's folder or one of its Parquet files, or another
    /// data directory.
    #[arg(long, value_name = "PATH")]
    pub from: Option<PathBuf>,
    /// With --from: the public key, or a file that holds it (`agentsh journal key > FILE`), that a bundle or a checkpoint must be signed with.
    #[arg(long, value_name = "KEY|FILE", requires = "from")]
    pub key: Option<String>,
}

impl EvidenceArgs {
    fn with<T>(&self, use_it: impl FnOnce(&Wanted<'_>) -> anyhow::Result<T>) -> anyhow::Result<T> {
        let key: Option<PublicKey> = self.key.as_deref().map(read_key).transpose()?;
        use_it(&Wanted { from: self.from.as_deref(), key: key.as_ref() })
    }

    /// The session that `name` stands for.
    ///
    /// # Errors
    /// When there is none, or what is named cannot be read or is not accepted.
    pub fn session(&self, data_dir: &DataDir, name: &str) -> anyhow::Result<Evidence> {
        self.with(|wanted| Ok(Evidence::of_session(wanted, data_dir, name)?))
    }

    /// All events.
    ///
    /// # Errors
    /// When what is named cannot be read or is not accepted.
    pub fn whole(&self, data_dir: &DataDir) -> anyhow::Result<Evidence> {
        self.with(|wanted| Ok(Evidence::whole(wanted, data_dir)?))
    }
}
