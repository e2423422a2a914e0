//! `Views`: what the answers are made from, and how much is worked on at once.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use axum::http::header;
use axum::response::{IntoResponse as _, Response};
use serde::Serialize;
use tokio::sync::Semaphore;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::integrity::Integrity;
use super::{attack, integrity, report, session};
use crate::journal::DataDir;
use crate::query::Reader;
use crate::query::session::StoryError;
use crate::serve::http::Problem;

/// Answers that are worked on at once.
const AT_ONCE: usize = 4;

/// How many of the loaded rules name each technique: counted when it is first asked for.
struct Rules {
    count: Box<dyn Fn() -> BTreeMap<String, u64> + Send + Sync>,
    counted: OnceLock<BTreeMap<String, u64>>,
}

/// What the views are answered from. Cheap to clone.
#[derive(Clone)]
pub struct Views {
    pub(super) data_dir: Arc<DataDir>,
    rules: Arc<Rules>,
    pub(super) integrity: Integrity,
    turns: Arc<Semaphore>,
}

impl Views {
    /// Over the journal of a data directory; `rules` says how many of the rules name each technique. It is asked once, on a thread that
    /// may wait.
    #[must_use]
    pub fn new(data_dir: DataDir, rules: impl Fn() -> BTreeMap<String, u64> + Send + Sync + 'static) -> Self {
        Self {
            data_dir: Arc::new(data_dir),
            rules: Arc::new(Rules { count: Box::new(rules), counted: OnceLock::new() }),
            integrity: Integrity::default(),
            turns: Arc::new(Semaphore::new(AT_ONCE)),
        }
    }

    /// How many of the rules name each technique. May wait.
    pub(super) fn rules(&self) -> &BTreeMap<String, u64> {
        self.rules.counted.get_or_init(|| (self.rules.count)())
    }

    /// Works on an answer as [`Views::make`] does; it is JSON.
    pub(super) async fn ask<T: Serialize + Send + 'static>(
        &self,
        work: impl FnOnce(&Reader, &(dyn Fn() -> bool + Sync)) -> Result<T, Problem> + Send + 'static,
    ) -> Response {
        let made = self.make(move |reader, waits| serde_json::to_string(&work(reader, waits)?).map_err(Problem::fault));
        match made.await {
            Ok(text) => {
                let head = [(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, "no-store")];
                (head, format!("{text}\n")).into_response()
            }
            Err(problem) => problem.into_response(),
        }
    }

    /// Works on an answer on a thread that may wait, when it is its turn. `work` is told by its second argument whether anyone waits.
    pub(super) async fn make(
        &self,
        work: impl FnOnce(&Reader, &(dyn Fn() -> bool + Sync)) -> Result<String, Problem> + Send + 'static,
    ) -> Result<String, Problem> {
        let turn = Arc::clone(&self.turns).acquire_owned().await;
        let data_dir = Arc::clone(&self.data_dir);
        let waits = Waits(Arc::new(AtomicBool::new(true)));
        let flag = Arc::clone(&waits.0);
        let done = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            let reader = Reader::open(&data_dir)?;
            work(&reader, &|| flag.load(Ordering::Relaxed))
        })
        .await;
        drop(waits);
        done.unwrap_or_else(|_panic| Err(Problem::fault("the answer cannot be made")))
    }
}

/// Whether the client waits: until this is dropped, which a connection that ends does.
struct Waits(Arc<AtomicBool>);

impl Drop for Waits {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Relaxed);
    }
}

impl From<StoryError> for Problem {
    fn from(error: StoryError) -> Self {
        match error {
            StoryError::Store(error) => error.into(),
            error @ StoryError::Event { .. } => Self::fault(error),
        }
    }
}

/// The routes of the views.
pub fn view_routes(views: Views) -> OpenApiRouter {
    OpenApiRouter::default()
        .routes(routes!(session::timeline_of))
        .routes(routes!(session::index_of))
        .routes(routes!(session::tree_of))
        .routes(routes!(session::files_of))
        .routes(routes!(session::network_of))
        .routes(routes!(report::report_of))
        .routes(routes!(attack::matrix))
        .routes(routes!(integrity::integrity))
        .with_state(views)
}
