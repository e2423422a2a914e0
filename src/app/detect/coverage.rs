//! What the loaded rules cover of ATT&CK, and what of it the journal has seen.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use serde::Serialize;

use crate::detect::RuleInfo;
use crate::detect::attack::{LayerTechnique, attack, layer, tactic_title};
use crate::event::Kind;
use crate::journal::{Condition, DataDir, JournalError, JournalRow, ReaderStore, StoreError};

/// A technique that a rule names or a detection has named.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Covered {
    /// Its id.
    pub technique: String,
    /// Its name.
    pub name: String,
    /// Rules that name it and that some event of ours reaches.
    pub rules: u64,
    /// Detections in the journal that name it.
    pub seen: u64,
}

/// One tactic and its techniques; one that serves several tactics stands under each.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CoveredTactic {
    /// Short name.
    pub tactic: String,
    /// Name.
    pub title: String,
    /// Techniques of it in ATT&CK.
    pub techniques: u64,
    /// Those that a rule covers or a detection has named.
    pub covered: Vec<Covered>,
}

/// The whole matrix.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Coverage {
    /// Version of ATT&CK.
    pub attack_version: String,
    /// Rules that are loaded and reached.
    pub rules: u64,
    /// The tactics, in the order of MITRE's matrix.
    pub tactics: Vec<CoveredTactic>,
}

/// Counts rules and detections by technique. Where there is no journal yet, nothing was seen.
///
/// # Errors
/// What the journal says.
pub fn coverage(rules: &[RuleInfo], data_dir: &DataDir) -> Result<Coverage, JournalError> {
    let mut counts: BTreeMap<String, (u64, u64)> = BTreeMap::new();
    let reached = rules.iter().filter(|rule| rule.fed);
    for technique in reached.clone().flat_map(|rule| &rule.techniques) {
        counts.entry(technique.as_str().to_owned()).or_default().0 += 1;
    }
    match ReaderStore::open(&data_dir.journal()) {
        Ok(store) => {
            let detections = [Condition::Kinds(vec![Kind::Detection])];
            let read = store.rows::<StoreError>(0, &detections, None, |row: &JournalRow<'_>| {
                let named: Vec<String> =
                    row.columns.attack.and_then(|attack| serde_json::from_str(attack).ok()).unwrap_or_default();
                for id in named {
                    // Detections of an older version are shown under today's ids.
                    let id = attack().current(&id).map_or(id, |technique| technique.id.to_owned());
                    counts.entry(id).or_default().1 += 1;
                }
                Ok(ControlFlow::Continue(()))
            });
            read.map_err(|source| JournalError::Store { path: data_dir.journal(), source })?;
        }
        Err(JournalError::Missing { .. }) => {}
        Err(error) => return Err(error),
    }
    let tactics = attack().tactics().map(|tactic| {
        let of = || attack().techniques().filter(move |technique| technique.tactics.contains(&tactic));
        let covered = of().filter_map(|technique| {
            let (rules, seen) = *counts.get(technique.id)?;
            Some(Covered { technique: technique.id.to_owned(), name: technique.name.to_owned(), rules, seen })
        });
        CoveredTactic {
            tactic: tactic.to_owned(),
            title: tactic_title(tactic).unwrap_or(tactic).to_owned(),
            techniques: u64::try_from(of().count()).unwrap_or(u64::MAX),
            covered: covered.collect(),
        }
    });
    Ok(Coverage {
        attack_version: crate::detect::attack::VERSION.to_owned(),
        rules: u64::try_from(reached.count()).unwrap_or(u64::MAX),
        tactics: tactics.collect(),
    })
}

impl Coverage {
    /// The layer for MITRE's ATT&CK Navigator.
    #[must_use]
    pub fn layer(&self) -> serde_json::Value {
        let mut techniques: BTreeMap<&str, LayerTechnique> = BTreeMap::new();
        for covered in self.tactics.iter().flat_map(|tactic| &tactic.covered) {
            let of = LayerTechnique { id: covered.technique.clone(), rules: covered.rules, seen: covered.seen };
            techniques.insert(&covered.technique, of);
        }
        let techniques: Vec<LayerTechnique> = techniques.into_values().collect();
        layer("agentsh", "What the loaded rules cover, and what the journal has seen", &techniques)
    }
}
