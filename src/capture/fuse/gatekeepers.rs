//! Who gates an operation on a workspace that several commands share: it depends on the process that asks for it.

use std::sync::Arc;

use crate::channel::Gatekeeper;
use crate::event::Actor;

/// Finds the gatekeeper of the process behind an operation. Asked for every operation, so it answers from what it remembers.
pub trait Gatekeepers: Send + Sync {
    /// Who gates what `actor` does; also for an actor that nobody knows, or where the kernel named none.
    fn of(&self, actor: Option<&Actor>) -> Arc<dyn Gatekeeper>;
}

/// One gatekeeper for every process.
pub(super) struct OneForAll(pub(super) Arc<dyn Gatekeeper>);

impl Gatekeepers for OneForAll {
    fn of(&self, _actor: Option<&Actor>) -> Arc<dyn Gatekeeper> {
        Arc::clone(&self.0)
    }
}
