//! What the proxy asks of the session that it belongs to.

use crate::channel::{Gatekeeper, Refusal, RefusedBy, SessionChannel};
use crate::event::Decision;

/// The way into the channel, and what the policy says about a name alone. Every call but the last may block.
pub trait NetworkGatekeeper: Gatekeeper + 'static {
    /// The refusal, if a destination is refused whatever its address is: then its name is not even asked for.
    fn refused_by_name(&self, host: &str, port: u16) -> Option<Refusal>;
}

impl NetworkGatekeeper for SessionChannel {
    fn refused_by_name(&self, host: &str, port: u16) -> Option<Refusal> {
        let judgement = self.policy().decide_by_name(host, port)?;
        (judgement.decision == Decision::Deny).then_some(Refusal {
            by: RefusedBy::Policy,
            rule: judgement.rule,
            reason: judgement.reason,
        })
    }
}
