//! `Judgement`: what a policy says about one operation.

use std::sync::Arc;

use crate::event::Decision;

/// What a policy says about one operation. Its texts are shared with the policy, so that a copy costs no allocation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judgement {
    /// The verdict.
    pub decision: Decision,
    /// The rule that decided; absent when the family's default did.
    pub rule: Option<Arc<str>>,
    /// Why, for a person.
    pub reason: Arc<str>,
}

/// The stricter of two judgements on the parts of one operation; the first when both are equally strict.
///
/// `Decision` is declared from the most lenient to the strictest, and compares in that order.
pub(super) fn stricter<'p>(first: &'p Judgement, second: &'p Judgement) -> &'p Judgement {
    if second.decision > first.decision { second } else { first }
}
