//! The tables, read once: what a technique is called and belongs to, and what became of an id that was retired.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use super::unknown::UnknownTechnique;

/// The version of ATT&CK that every id of ours is of.
pub const VERSION: &str = "19";

const TECHNIQUES: &str = include_str!("../../../schemas/attack/enterprise-v19.tsv");
const CROSSWALK: &str = include_str!("../../../schemas/attack/crosswalk-v18-to-v19.tsv");

/// The tactics in the order of MITRE's matrix, by the short names that tags use.
const TACTICS: [(&str, &str); 15] = [
    ("reconnaissance", "Reconnaissance"),
    ("resource-development", "Resource Development"),
    ("initial-access", "Initial Access"),
    ("execution", "Execution"),
    ("persistence", "Persistence"),
    ("privilege-escalation", "Privilege Escalation"),
    ("stealth", "Stealth"),
    ("defense-impairment", "Defense Impairment"),
    ("credential-access", "Credential Access"),
    ("discovery", "Discovery"),
    ("lateral-movement", "Lateral Movement"),
    ("collection", "Collection"),
    ("command-and-control", "Command and Control"),
    ("exfiltration", "Exfiltration"),
    ("impact", "Impact"),
];

/// A technique or a sub-technique.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Technique {
    /// Its id, such as `T1547.001`.
    pub id: &'static str,
    /// Its name; a sub-technique's begins with that of its technique.
    pub name: &'static str,
    /// The tactics that it serves, by their short names, in the order of the table.
    pub tactics: Vec<&'static str>,
    /// The platforms that it is seen on.
    pub platforms: Vec<&'static str>,
}

/// ATT&CK as one version of it says.
#[derive(Debug)]
pub struct Attack {
    techniques: BTreeMap<&'static str, Technique>,
    retired: BTreeMap<&'static str, &'static str>,
}

/// The tables of this version.
#[must_use]
pub fn attack() -> &'static Attack {
    static ATTACK: LazyLock<Attack> = LazyLock::new(|| Attack::read(TECHNIQUES, CROSSWALK));
    &ATTACK
}

/// How a tactic is called in MITRE's matrix.
#[must_use]
pub fn tactic_title(tactic: &str) -> Option<&'static str> {
    TACTICS.iter().find(|(short, _)| *short == tactic).map(|(_, title)| *title)
}

impl Attack {
    fn read(techniques: &'static str, crosswalk: &'static str) -> Self {
        let list = |text: &'static str| text.split(',').filter(|word| !word.is_empty()).collect::<Vec<_>>();
        let techniques = techniques.lines().skip(1).filter_map(|line| {
            let mut columns = line.split('\t');
            let (id, name) = (columns.next()?, columns.next()?);
            let technique = Technique { id, name, tactics: list(columns.next()?), platforms: list(columns.next()?) };
            Some((id, technique))
        });
        let retired = crosswalk.lines().skip(1).filter_map(|line| line.split_once('\t'));
        Self { techniques: techniques.collect(), retired: retired.collect() }
    }

    /// The technique of that id; one that v19 retired has none.
    #[must_use]
    pub fn technique(&self, id: &str) -> Option<&Technique> {
        self.techniques.get(id)
    }

    /// The technique that an id stands for today: its own, or the one that took its place. `None` when no version has it.
    #[must_use]
    pub fn current(&self, id: &str) -> Option<&Technique> {
        let id = id.to_ascii_uppercase();
        self.technique(self.retired.get(id.as_str()).copied().unwrap_or(&id))
    }

    /// The ids that a question about `id` is about today: itself, or what took its place. A technique that was retired with its
    /// sub-techniques stands for what took the place of each of them.
    ///
    /// # Errors
    /// [`UnknownTechnique`] when no version has the id.
    pub fn asked(&self, id: &str) -> Result<Vec<String>, UnknownTechnique> {
        let id = id.trim().to_ascii_uppercase();
        let beneath = format!("{id}.");
        let mut ids: Vec<String> = self.technique(&id).map(|technique| technique.id.to_owned()).into_iter().collect();
        // `T1070` goes on, but its `T1070.001` is elsewhere: whoever asks for the whole means that too.
        for (_, new) in self.retired.iter().filter(|(old, _)| **old == id || old.starts_with(&beneath)) {
            let covered = ids.iter().any(|known| known == new || new.starts_with(&format!("{known}.")));
            if !covered {
                ids.push((*new).to_owned());
            }
        }
        if ids.is_empty() { Err(UnknownTechnique::of(&id, self)) } else { Ok(ids) }
    }

    /// Every id, today's and those that were retired.
    pub(super) fn ids(&self) -> impl Iterator<Item = &'static str> {
        self.techniques.keys().chain(self.retired.keys()).copied()
    }

    /// Every technique, by id.
    pub fn techniques(&self) -> impl Iterator<Item = &Technique> {
        self.techniques.values()
    }

    /// The tactics' short names, in the order of the matrix.
    pub fn tactics(&self) -> impl Iterator<Item = &'static str> {
        TACTICS.iter().map(|(short, _)| *short)
    }
}
