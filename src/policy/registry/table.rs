//! The table of high-risk paths as it is written, in `schemas/registry/high_risk.tsv`.

/// One line of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HighRiskPath {
    /// The key or value; `*` is any one segment.
    pub path: &'static str,
    /// The ATT&CK technique that writing there is used for, by its id in version 19.
    pub technique: &'static str,
    /// What it is, in a few words.
    pub name: &'static str,
}

const TEXT: &str = include_str!("../../../schemas/registry/high_risk.tsv");

/// The table of high-risk paths, in the order of the file.
pub fn high_risk_paths() -> impl Iterator<Item = HighRiskPath> {
    TEXT.lines().filter(|line| !line.starts_with('#')).filter_map(|line| {
        let mut fields = line.split('\t');
        Some(HighRiskPath { path: fields.next()?, technique: fields.next()?, name: fields.next()? })
    })
}
