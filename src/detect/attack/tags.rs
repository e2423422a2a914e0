//! What the tags of a rule (`attack.t1547.001`, `attack.persistence`) name, in today's ids.

use super::table::{Attack, attack, tactic_title};
use super::unknown::{UnknownTechnique, is_one_slip};
use crate::event::TechniqueId;

/// The tactic that v19 split into `stealth` and `defense-impairment`.
const SPLIT: &str = "defense-evasion";
const SPLIT_INTO: [&str; 2] = ["stealth", "defense-impairment"];

/// What a rule's tags name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tagged {
    /// Techniques, in the order of the tags, each once.
    pub techniques: Vec<TechniqueId>,
    /// Tactics by their short names, in the order of the matrix.
    pub tactics: Vec<String>,
    /// Tags that name nothing of ATT&CK.
    pub bad: Vec<BadTag>,
}

/// A tag that names a technique or a tactic which no version has.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadTag {
    /// No technique has that id.
    #[error("`{tag}`: {unknown}")]
    Technique {
        /// The tag.
        tag: String,
        /// The id in it, and what was probably meant.
        unknown: UnknownTechnique,
    },
    /// No tactic has that name.
    #[error("`{tag}` names no tactic of ATT&CK v19{}", meant(.near))]
    Tactic {
        /// The tag.
        tag: String,
        /// The tactic that was probably meant.
        near: Option<&'static str>,
    },
}

fn meant(near: &Option<&'static str>) -> String {
    near.map_or_else(String::new, |tactic| format!("; did you mean `attack.{tactic}`?"))
}

impl BadTag {
    /// The tag as it stands in the rule.
    #[must_use]
    pub fn tag(&self) -> &str {
        match self {
            BadTag::Technique { tag, .. } | BadTag::Tactic { tag, .. } => tag,
        }
    }
}

/// Reads a rule's tags; those of other namespaces (`cve.…`, `detection.…`) say nothing here.
#[must_use]
pub fn tagged(tags: &[String]) -> Tagged {
    let table = attack();
    let mut tagged = Tagged::default();
    let mut named: Vec<String> = Vec::new();
    let mut split = false;
    for tag in tags {
        let lower = tag.to_ascii_lowercase();
        let Some(name) = lower.strip_prefix("attack.") else { continue };
        if numbered(name, 't') {
            match table.current(name) {
                Some(technique) => push(&mut tagged.techniques, technique.id),
                None => {
                    let unknown = UnknownTechnique::of(&name.to_ascii_uppercase(), table);
                    tagged.bad.push(BadTag::Technique { tag: tag.clone(), unknown });
                }
            }
        } else if numbered(name, 's') || numbered(name, 'g') || numbered(name, 'c') || numbered(name, 'm') {
            // Software, groups, campaigns and mitigations are not in the table, and no detection names them.
        } else {
            let short = name.replace(['_', ' '], "-");
            if short == SPLIT {
                split = true;
            } else if tactic_title(&short).is_some() {
                named.push(short);
            } else {
                let near = table.tactics().find(|known| is_one_slip(known.as_bytes(), short.as_bytes()));
                tagged.bad.push(BadTag::Tactic { tag: tag.clone(), near });
            }
        }
    }
    tagged.tactics = tactics(table, &tagged.techniques, named, split);
    tagged
}

/// The tactics of the tags; where none is named, all that the techniques serve.
fn tactics(table: &Attack, techniques: &[TechniqueId], named: Vec<String>, split: bool) -> Vec<String> {
    let served: Vec<&str> =
        techniques.iter().filter_map(|id| table.technique(id.as_str())).flat_map(|t| t.tactics.iter().copied()).collect();
    let mut wanted = named;
    if split {
        let halves: Vec<&str> = SPLIT_INTO.into_iter().filter(|half| served.contains(half)).collect();
        // A rule whose techniques say nothing keeps the half that has most of what the whole had.
        wanted.extend(if halves.is_empty() { vec![SPLIT_INTO[0]] } else { halves }.into_iter().map(str::to_owned));
    }
    if wanted.is_empty() {
        wanted = served.into_iter().map(str::to_owned).collect();
    }
    table.tactics().filter(|tactic| wanted.iter().any(|name| name == tactic)).map(str::to_owned).collect()
}

fn push(techniques: &mut Vec<TechniqueId>, id: &'static str) {
    if !techniques.iter().any(|known| known.as_str() == id) {
        techniques.push(TechniqueId::new(id));
    }
}

/// `t1547.001`: a letter and a number.
fn numbered(name: &str, letter: char) -> bool {
    let Some(rest) = name.strip_prefix(letter) else { return false };
    rest.starts_with(|first: char| first.is_ascii_digit()) && rest.chars().all(|ch| ch.is_ascii_digit() || ch == '.')
}
