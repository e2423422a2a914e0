//! The names of ATT&CK, for those who may not import the tables.

use crate::detect::attack::{attack, tactic_title};

/// The name of a technique; of a retired one, that of what took its place.
#[must_use]
pub fn technique_name(id: &str) -> Option<String> {
    attack().current(id).map(|technique| technique.name.to_owned())
}

/// How a tactic is called in MITRE's matrix.
#[must_use]
pub fn tactic_name(tactic: &str) -> Option<String> {
    tactic_title(tactic).map(str::to_owned)
}
