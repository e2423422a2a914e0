//! What SQL is answered from: the journal, its lake and the tables of ATT&CK, put together.

use std::path::Path;
use std::sync::Arc;

use crate::config::Config;
use crate::detect::attack::attack;
use crate::journal::DataDir;
use crate::query::sql::{Engine, Lake, SqlError, Techniques};

/// The tables of ATT&CK as SQL asks them.
struct Attack;

impl Techniques for Attack {
    fn name(&self, id: &str) -> Option<String> {
        attack().current(id).map(|technique| technique.name.to_owned())
    }

    fn tactics(&self, id: &str) -> Vec<String> {
        attack()
            .current(id)
            .map(|technique| technique.tactics.iter().map(|tactic| (*tactic).to_owned()).collect())
            .unwrap_or_default()
    }

    fn meant(&self, id: &str) -> Result<Vec<String>, String> {
        attack().asked(id).map_err(|error| error.to_string())
    }
}

/// An engine over the journal of the configuration, and over a lake in a folder: this one, or else that of the configuration.
///
/// # Errors
/// [`SqlError`].
pub fn engine(config: &Config, data_dir: &DataDir, lake: Option<&Path>) -> Result<Engine, SqlError> {
    let parquet = &config.sinks.parquet;
    let lake = match lake {
        Some(folder) => Lake::Folder(folder.to_owned()),
        None if parquet.s3.is_some() => Lake::None,
        None => Lake::Folder(parquet.path.clone().unwrap_or_else(|| data_dir.lake())),
    };
    Engine::open(data_dir, lake, Arc::new(Attack))
}
