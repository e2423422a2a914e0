//! What a sensor did without an answer, as a decision: from its cache, or by its fail mode.

use tonic::Status;

use crate::encode::proto::{self, AppliedBecause, AppliedVerdict};
use crate::event::{self, Event};
use crate::policy::{Judgement, Policy};
use crate::serve::grpc::decision::applied;

/// A decision that was applied, and the digest of the policy that it came from.
pub(super) struct Applied {
    pub(super) judgement: Judgement,
    pub(super) policy_digest: String,
}

/// Reads what the sensor says and puts it beside what policy says now. The decision is what was done; the reason says why, and what policy
/// would have done where that is something else.
pub(super) fn judgement(said: &AppliedVerdict, operation: &Event, policy: &Policy) -> Result<Applied, Status> {
    let decision = proto::Decision::try_from(said.decision).ok().and_then(applied);
    let decision = decision.ok_or_else(|| Status::invalid_argument("applied.decision: a sensor allows, audits or denies"))?;
    let now = policy.decide(operation);
    let same_policy = said.policy_digest == policy.digest();
    let judgement = match AppliedBecause::try_from(said.because) {
        Ok(AppliedBecause::Cache) if same_policy && now.decision == decision => {
            let reason = format!("{} (from the sensor's cache)", now.reason);
            Judgement { reason: reason.into(), ..now }
        }
        Ok(AppliedBecause::Cache) => {
            let reason = event::redact::text(&said.reason).into_owned();
            let reason = match same_policy {
                true => format!("from the sensor's cache: {reason}; policy says `{}`", now.decision.as_str()),
                false => format!("from the sensor's cache, under an earlier policy: {reason}"),
            };
            Judgement { attack: now.attack, ..Judgement::new(decision, said.rule.as_deref().map(Into::into), reason) }
        }
        Ok(AppliedBecause::FailOpen | AppliedBecause::FailClosed) => {
            let reason = format!("no answer came to the sensor in time; policy says `{}`: {}", now.decision.as_str(), now.reason);
            // What is let through against the policy is flagged.
            let decision = if decision < now.decision { decision.max(event::Decision::Audit) } else { decision };
            return Ok(Applied {
                judgement: Judgement { attack: now.attack, ..Judgement::new(decision, None, reason) },
                policy_digest: policy.digest().to_owned(),
            });
        }
        Ok(AppliedBecause::Unspecified) | Err(_) => return Err(Status::invalid_argument("applied.because: it is missing")),
    };
    let policy_digest = if same_policy { policy.digest().to_owned() } else { said.policy_digest.clone() };
    Ok(Applied { judgement, policy_digest })
}
