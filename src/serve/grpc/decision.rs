//! Decisions on the wire.

use crate::encode::proto::Decision;
use crate::event;

/// What a sensor says that it did; `None` for what it cannot do by itself.
pub(super) const fn applied(decision: Decision) -> Option<event::Decision> {
    match decision {
        Decision::Allow => Some(event::Decision::Allow),
        Decision::Audit => Some(event::Decision::Audit),
        Decision::Deny => Some(event::Decision::Deny),
        Decision::Unspecified | Decision::Redirect | Decision::SoftDelete | Decision::Approve => None,
    }
}

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
