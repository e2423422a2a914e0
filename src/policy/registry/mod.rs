//! Registry rules, and the paths that nobody may write without a rule that says so.
//!
//! A key is brought into one form for all its spellings (`fold`), the patterns of rules once when the policy is compiled (`pattern`), the
//! key of an event once when it is judged. `rules` finds the rule; what no rule decides, the table of high-risk paths may (`table`, `risk`).
//!
//! Guarantee: two spellings of one key get one verdict. Never: a look at a registry; a rule is only compared with names.

pub(super) mod flaw;
mod fold;
mod operations;
mod pattern;
mod risk;
mod rules;
mod table;

pub use flaw::KeyFlaw;
pub use fold::fold;
pub(super) use operations::KeyOperations;
pub(super) use rules::RegistryRules;
pub use table::{HighRiskPath, high_risk_paths};
