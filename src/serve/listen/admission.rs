//! `Admission`: what both services ask before they answer anybody.

use std::sync::Arc;

use super::guard::SessionGuard;
use crate::serve::auth::Keys;

/// Whom a service listens to. Cheap to clone.
#[derive(Clone)]
pub struct Admission {
    /// Who is let in.
    pub keys: Arc<Keys>,
    /// Keeps sessions out.
    pub guard: SessionGuard,
}

impl Admission {
    /// Everybody on this machine, where nobody records.
    #[must_use]
    pub fn local() -> Self {
        Self { keys: Arc::new(Keys::none()), guard: SessionGuard::off() }
    }
}
