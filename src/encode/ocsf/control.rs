//! The profile `security_control`: what was done about an operation.

use super::object::Object;
use crate::event::{ApprovalOutcome, ApprovalRequested, ApprovalResolved, Decision, Family, PolicyDecision};

/// `action_id` with its caption, `disposition_id` with its caption.
type Verdict = ((u8, &'static str), (u8, &'static str));

const fn of_decision(decision: Decision) -> Verdict {
    match decision {
        Decision::Allow => ((1, "Allowed"), (1, "Allowed")),
        Decision::Audit => ((1, "Allowed"), (17, "Logged")),
        Decision::Redirect => ((4, "Modified"), (99, "Redirected")),
        // The file is moved to the trash, from where it can be restored.
        Decision::SoftDelete => ((4, "Modified"), (3, "Quarantined")),
        Decision::Approve => HELD,
        Decision::Deny => ((2, "Denied"), (2, "Blocked")),
    }
}

/// The operation was over: nothing was allowed or refused.
const OBSERVED: Verdict = ((3, "Observed"), (17, "Logged"));

/// Neither allowed nor denied until a person says so.
const HELD: Verdict = ((99, "Held"), (14, "Delayed"));

const fn of_outcome(outcome: ApprovalOutcome) -> Verdict {
    match outcome {
        ApprovalOutcome::Allowed => ((1, "Allowed"), (8, "Approved")),
        ApprovalOutcome::Denied => ((2, "Denied"), (25, "Rejected")),
        ApprovalOutcome::TimedOut => ((2, "Denied"), (2, "Blocked")),
    }
}

fn verdict(((action_id, action), (disposition_id, disposition)): Verdict) -> Object {
    Object::new()
        .with("action_id", action_id)
        .with("action", action)
        .with("disposition_id", disposition_id)
        .with("disposition", disposition)
}

/// A rule of the network families is a firewall rule; others stand in the policy's `data`.
fn firewall_rule(family: Family, rule: Option<&str>, condition: Option<&str>) -> Option<Object> {
    let rule = rule.filter(|_| family == Family::Network)?;
    Some(Object::new().with("name", rule).with("type", "agentsh").maybe("desc", condition))
}

pub(super) fn decided(p: &PolicyDecision) -> Object {
    let data = Object::new()
        .maybe("rule", p.rule.as_deref())
        .with("reason", p.reason.as_str())
        .maybe("redirect_to", p.redirect_to.as_deref());
    let enforced = p.enforced != Some(false);
    let policy = Object::new()
        .with("uid", p.policy_digest.as_str())
        .with("type", "agentsh")
        .with("is_applied", enforced)
        .with("data", data);
    let authorization = Object::new().with("decision", p.decision.as_str()).with("policy", policy.clone());
    verdict(if enforced { of_decision(p.decision) } else { OBSERVED })
        .list("authorizations", [authorization])
        .with("policy", policy)
        .maybe("firewall_rule", firewall_rule(p.operation.family(), p.rule.as_deref(), Some(&p.reason)))
        .with("is_alert", matches!(p.decision, Decision::Audit | Decision::Deny))
}

pub(super) fn requested(p: &ApprovalRequested) -> Object {
    verdict(HELD)
        .list("authorizations", [Object::new().with("decision", "approval_requested")])
        .maybe("firewall_rule", firewall_rule(p.operation.family(), p.rule.as_deref(), None))
}

pub(super) fn resolved(p: &ApprovalResolved) -> Object {
    verdict(of_outcome(p.outcome)).list("authorizations", [Object::new().with("decision", p.outcome.as_str())])
}
