//! Decisions on the wire.

use crate::encode::proto::Decision;
use crate::event;

/// The decision as a message has it.
pub(super) const fn decision(decision: event::Decision) -> Decision {
    match decision {
        event::Decision::Allow => Decision::Allow,
        event::Decision::Audit => Decision::Audit,
        event::Decision::Redirect => Decision::Redirect,
        event::Decision::SoftDelete => Decision::SoftDelete,
        event::Decision::Approve => Decision::Approve,
        event::Decision::Deny => Decision::Deny,
    }
}
