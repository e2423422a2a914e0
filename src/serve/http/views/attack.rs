//! The matrix of ATT&CK: what was detected of it, and what rules would.

use std::collections::BTreeMap;

use axum::extract::{RawQuery, State};
use axum::response::{IntoResponse as _, Response};
use serde::Serialize;

use super::state::Views;
use crate::detect::attack::{VERSION, attack, tactic_title};
use crate::query::session::technique_counts;
use crate::serve::http::Problem;
use crate::serve::http::parameters::Parameters;

/// The matrix.
#[derive(Serialize, utoipa::ToSchema)]
#[schema(as = AttackMatrix)]
struct Matrix {
    /// Version of ATT&CK.
    version: &'static str,
    /// In the order of MITRE's matrix.
    tactics: Vec<Tactic>,
}

/// One column.
#[derive(Serialize, utoipa::ToSchema)]
#[schema(as = AttackTactic)]
struct Tactic {
    /// Its short name, such as `credential-access`.
    id: &'static str,
    /// Its name.
    title: &'static str,
    /// In the order of their ids.
    techniques: Vec<Cell>,
}

/// One technique; one that serves several tactics stands under each.
#[derive(Serialize, utoipa::ToSchema)]
#[schema(as = AttackTechnique)]
struct Cell {
    /// Its id, such as `T1003.008`.
    id: &'static str,
    /// Its name.
    name: &'static str,
    /// Detections that name it.
    count: u64,
    /// Rules that name it.
    rules: u64,
}

/// ATT&CK's tactics and techniques, with how often each was detected and whether a rule would.
#[utoipa::path(get, path = "/api/v1/attack", tag = "views", params(
    ("session" = Option<String>, Query, description = "Of this session only, by its id or the start of it."),
), responses(
    (status = 200, description = "The matrix.", body = Matrix),
    (status = 400, description = "A parameter cannot be.", body = Problem, content_type = "application/problem+json"),
    (status = 404, description = "There is no such session.", body = Problem, content_type = "application/problem+json"),
    (status = 500, description = "The journal cannot be read.", body = Problem, content_type = "application/problem+json"),
    (status = 503, description = "The journal is busy.", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn matrix(State(views): State<Views>, RawQuery(query): RawQuery) -> Response {
    let session =
        match Parameters::read(query.as_deref(), &["session"]).and_then(|asked| Ok(asked.one("session")?.map(str::to_owned))) {
            Ok(session) => session,
            Err(problem) => return problem.into_response(),
        };
    let counted = views.clone();
    views
        .ask(move |reader, _| {
            let session = session.map(|name| reader.session(&name)).transpose()?;
            let mut counts: BTreeMap<String, u64> = BTreeMap::new();
            for (id, count) in technique_counts(reader, session.as_deref())? {
                // Detections of an older version are shown under today's ids.
                let id = attack().current(&id).map_or(id, |technique| technique.id.to_owned());
                *counts.entry(id).or_default() += count;
            }
            Ok(filled(&counts, counted.rules()))
        })
        .await
}

fn filled(counts: &BTreeMap<String, u64>, rules: &BTreeMap<String, u64>) -> Matrix {
    let of = |map: &BTreeMap<String, u64>, id: &str| map.get(id).copied().unwrap_or(0);
    let tactics = attack().tactics().map(|tactic| {
        let inside = attack().techniques().filter(|technique| technique.tactics.contains(&tactic));
        let techniques = inside.map(|technique| Cell {
            id: technique.id,
            name: technique.name,
            count: of(counts, technique.id),
            rules: of(rules, technique.id),
        });
        Tactic { id: tactic, title: tactic_title(tactic).unwrap_or(tactic), techniques: techniques.collect() }
    });
    Matrix { version: VERSION, tactics: tactics.collect() }
}
