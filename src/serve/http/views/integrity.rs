//! Whether the journal is what was recorded: how it stands, and what was verified of it, when.

use std::sync::{Arc, Mutex};

use axum::extract::{RawQuery, State};
use axum::response::{IntoResponse as _, Response};
use serde::Serialize;

use super::state::Views;
use crate::journal::{DataDir, ReaderStore, verify};
use crate::query::status;
use crate::runtime::clock;
use crate::runtime::lock::lock;
use crate::serve::http::Problem;
use crate::serve::http::parameters::Parameters;

/// A verification is not begun again before so long has passed (µs) since the last one ended.
const REST: i64 = 60_000_000;

/// Findings that are told.
const TOLD: usize = 20;

/// What the last verification found.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
#[schema(as = IntegrityVerified)]
struct Verified {
    /// `whole`, `damaged` or `failed`.
    result: &'static str,
    /// Events that were read, which is up to which `seq`.
    events: u64,
    /// Root of the tree over them, in hex.
    root: String,
    /// Checkpoints whose signature and root are right.
    checkpoints: u64,
    /// `seq` up to which a signed checkpoint covers them.
    signed_to: u64,
    /// What is not in order; the first twenty.
    findings: Vec<String>,
    /// How much is not in order.
    finding_count: u64,
    /// When it ended, µs since 1970.
    time_us: i64,
    /// How long it took, µs.
    took_us: i64,
}

/// What is known of the journal's integrity. One verification runs at a time, on one thread.
#[derive(Clone, Default)]
pub(super) struct Integrity {
    known: Arc<Mutex<Known>>,
}

#[derive(Clone, Default)]
struct Known {
    running: Option<(u64, u64)>,
    last: Option<Verified>,
}

impl Integrity {
    /// What is known now. Where the last verification is not fresh, one begins on a thread of its own; it is not waited for.
    fn known(&self, data_dir: &Arc<DataDir>) -> Known {
        let mut known = lock(&self.known);
        let rested = known.last.as_ref().is_none_or(|last| clock::now().as_micros() - last.time_us >= REST);
        if known.running.is_none() && rested {
            known.running = Some((0, 0));
            let (own, data_dir) = (self.clone(), Arc::clone(data_dir));
            // Not one of the runtime's threads: a server that ends does not wait for it.
            let started = std::thread::Builder::new().name("verify".to_owned()).spawn(move || own.run(&data_dir));
            if started.is_err() {
                known.running = None;
            }
        }
        known.clone()
    }

    fn run(&self, data_dir: &DataDir) {
        let begun = clock::now().as_micros();
        let found = verify(data_dir, None, &[], |read, all| lock(&self.known).running = Some((read, all)));
        let time_us = clock::now().as_micros();
        let took_us = time_us - begun;
        let verified = match found {
            Ok(found) => Verified {
                result: if found.is_whole() { "whole" } else { "damaged" },
                events: found.events,
                root: hex(found.root),
                checkpoints: found.checkpoints,
                signed_to: found.signed_to,
                findings: found.findings.iter().take(TOLD).map(ToString::to_string).collect(),
                finding_count: found.finding_count,
                time_us,
                took_us,
            },
            Err(error) => Verified {
                result: "failed",
                events: 0,
                root: String::new(),
                checkpoints: 0,
                signed_to: 0,
                findings: vec![error.to_string()],
                finding_count: 1,
                time_us,
                took_us,
            },
        };
        let mut known = lock(&self.known);
        known.running = None;
        known.last = Some(verified);
    }
}

/// How the journal stands, and what was verified of it.
#[derive(Serialize, utoipa::ToSchema)]
#[schema(as = Integrity)]
struct Stand {
    /// `seq` of the last event.
    size: u64,
    /// The journal's own id.
    #[schema(required)]
    journal_id: Option<String>,
    /// The key that its checkpoints are signed with.
    #[schema(required)]
    public_key: Option<String>,
    /// The newest checkpoint.
    #[schema(required)]
    checkpoint: Option<Signed>,
    /// Events declared lost.
    lost: u64,
    /// Sums that do not come out, in words.
    differences: Vec<String>,
    /// The verification that runs.
    #[schema(required)]
    running: Option<Running>,
    /// The last one that ended since the server was started.
    #[schema(required)]
    last: Option<Verified>,
    /// The server's time, µs since 1970.
    now_us: i64,
}

/// The newest checkpoint.
#[derive(Serialize, utoipa::ToSchema)]
#[schema(as = IntegrityCheckpoint)]
struct Signed {
    /// Events that it covers.
    tree_size: u64,
    /// Root of the tree over them, in hex.
    root: String,
    /// When it was signed, µs since 1970.
    time_us: i64,
    /// Events behind it.
    unsigned: u64,
    /// The signed note.
    note: String,
}

/// A verification that runs.
#[derive(Serialize, utoipa::ToSchema)]
#[schema(as = IntegrityRunning)]
struct Running {
    /// Events that it has read.
    read: u64,
    /// Events that it reads.
    all: u64,
}

/// How the journal stands: its size, the newest signed checkpoint, losses, and up to where it was verified, with which result. Asking
/// begins a verification in the background where the last one ended more than a minute ago.
#[utoipa::path(get, path = "/api/v1/integrity", tag = "views", responses(
    (status = 200, description = "How it stands.", body = Stand),
    (status = 400, description = "There are no parameters.", body = Problem, content_type = "application/problem+json"),
    (status = 500, description = "The journal cannot be read.", body = Problem, content_type = "application/problem+json"),
    (status = 503, description = "The journal is busy.", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn integrity(State(views): State<Views>, RawQuery(query): RawQuery) -> Response {
    if let Err(problem) = Parameters::read(query.as_deref(), &[]) {
        return problem.into_response();
    }
    let data_dir = Arc::clone(&views.data_dir);
    let Known { running, last } = views.integrity.known(&data_dir);
    let stand = move || {
        let status = status(&data_dir)?;
        let newest = ReaderStore::open(&data_dir.journal())?.last_checkpoint()?;
        let checkpoint = newest.map(|newest| Signed {
            tree_size: newest.tree_size,
            root: hex(&newest.root),
            time_us: newest.time_us,
            unsigned: status.head.saturating_sub(newest.tree_size),
            note: newest.note,
        });
        Ok(Stand {
            size: status.head,
            journal_id: status.journal_id,
            public_key: status.public_key,
            checkpoint,
            lost: status.accounts.lost,
            differences: status.accounts.differences,
            running: running.map(|(read, all)| Running { read, all }),
            last,
            now_us: clock::now().as_micros(),
        })
    };
    views.ask(move |_, _| stand()).await
}

fn hex(bytes: impl AsRef<[u8]>) -> String {
    bytes.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}
