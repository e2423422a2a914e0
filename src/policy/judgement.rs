//! `Judgement`: what a policy says about one operation.

use std::sync::Arc;

use crate::event::{Decision, TechniqueId};

/// What a policy says about one operation. Its texts are shared with the policy, so that a copy costs no allocation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judgement {
    /// The verdict.
    pub decision: Decision,
    /// The rule that decided; absent when the family's default did.
    pub rule: Option<Arc<str>>,
    /// Why, for a person.
    pub reason: Arc<str>,
    /// ATT&CK techniques that the operation is used for, whatever the verdict.
    pub attack: Arc<[TechniqueId]>,
    /// Whether the operation waited for it. Where it had happened already, the verdict is what would have been decided.
    pub enforced: bool,
}

impl Judgement {
    /// A verdict without techniques.
    #[must_use]
    pub fn new(decision: Decision, rule: Option<Arc<str>>, reason: impl Into<Arc<str>>) -> Self {
        Self { decision, rule, reason: reason.into(), attack: Arc::default(), enforced: true }
    }

    /// The same of an operation that has happened already, whoever told of it: Wine, a sensor that did not ask, an imported file.
    #[must_use]
    pub fn in_hindsight(self) -> Self {
        Self { enforced: false, ..self }
    }
}

/// The stricter of two judgements on the parts of one operation; the first when both are equally strict.
///
/// `Decision` is declared from the most lenient to the strictest, and compares in that order.
pub(super) fn stricter<'p>(first: &'p Judgement, second: &'p Judgement) -> &'p Judgement {
    if second.decision > first.decision { second } else { first }
}
