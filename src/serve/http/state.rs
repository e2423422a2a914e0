//! What the routes may see of the rest of the recorder: two questions that `app` answers.

use std::sync::Arc;

use serde::Serialize;
use utoipa_axum::router::OpenApiRouter;

use crate::runtime::metrics::metrics;
use crate::serve::auth::{Attempts, SignIns};
use crate::serve::listen::Admission;

/// One reason why the recorder cannot do its work now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct NotReady {
    /// The part that it is about, such as `journal`.
    pub part: String,
    /// Why, for a person.
    pub reason: String,
}

/// What the routes answer from. Cheap to clone.
#[derive(Clone)]
pub struct HttpState {
    readiness: Arc<dyn Fn() -> Vec<NotReady> + Send + Sync>,
    metrics: Arc<dyn Fn() -> String + Send + Sync>,
    pub(super) admission: Admission,
    pub(super) sign_ins: Arc<SignIns>,
    pub(super) attempts: Arc<Attempts>,
    pub(super) routes: OpenApiRouter,
}

impl HttpState {
    /// A state that asks `readiness` for the reasons against being ready; none means ready. It is asked on a thread that serves
    /// others too, so it answers at once from what is already known and does not wait for a disk.
    #[must_use]
    pub fn new(readiness: impl Fn() -> Vec<NotReady> + Send + Sync + 'static) -> Self {
        Self {
            readiness: Arc::new(readiness),
            metrics: Arc::new(|| metrics().text()),
            admission: Admission::local(),
            sign_ins: Arc::default(),
            attempts: Arc::default(),
            routes: OpenApiRouter::default(),
        }
    }

    /// The same, with another source of the text of `/metrics`, such as one that refreshes gauges first. It is asked on a thread of its own and
    /// may wait for a disk.
    #[must_use]
    pub fn with_metrics(self, text: impl Fn() -> String + Send + Sync + 'static) -> Self {
        Self { metrics: Arc::new(text), ..self }
    }

    /// The same, for those only whom `admission` lets in.
    #[must_use]
    pub fn admitting(self, admission: Admission) -> Self {
        Self { admission, ..self }
    }

    /// The same, with further routes. Each must stand in [`crate::serve::auth::ROUTES`]: what does not is never answered. They say of themselves what stands in the OpenAPI
    /// document. A handler
    /// finds who calls as an `Identity` in the request's extensions.
    #[must_use]
    pub fn with_routes(self, routes: OpenApiRouter) -> Self {
        Self { routes: self.routes.merge(routes), ..self }
    }

    pub(super) fn reasons_against(&self) -> Vec<NotReady> {
        (self.readiness)()
    }

    pub(super) fn metrics(&self) -> String {
        (self.metrics)()
    }
}
