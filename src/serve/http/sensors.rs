//! `GET /api/v1/sensors`: how far the events of each sensor are in the journal.

use axum::extract::{RawQuery, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use serde::Serialize;
use serde_json::json;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::parameters::Parameters;
use super::problem::Problem;
use super::routes::answer;
use crate::query::{DataDir, Reader};

/// One sensor.
#[derive(Serialize, utoipa::ToSchema)]
struct Sensor {
    /// Its name: that of its key.
    name: String,
    /// Its last number that is in the journal.
    sequence: u64,
    /// `seq` of that event.
    seq: u64,
    /// When that event was seen.
    time_us: i64,
    /// Its events in the journal.
    events: u64,
}

/// All sensors.
#[derive(Serialize, utoipa::ToSchema)]
struct Sensors {
    /// By name.
    sensors: Vec<Sensor>,
}

/// The route, answered from the journal in a data directory.
pub fn sensor_routes(data_dir: DataDir) -> OpenApiRouter {
    OpenApiRouter::default().routes(routes!(list)).with_state(data_dir)
}

/// The sensors whose events are in the journal.
#[utoipa::path(get, path = "/api/v1/sensors", tag = "sensors", responses(
    (status = 200, description = "All of them, by name.", body = Sensors),
    (status = 400, description = "The route takes no parameters.", body = Problem, content_type = "application/problem+json"),
    (status = 500, description = "The journal cannot be read.", body = Problem, content_type = "application/problem+json"),
    (status = 503, description = "The journal is busy.", body = Problem, content_type = "application/problem+json"),
))]
async fn list(State(data_dir): State<DataDir>, RawQuery(query): RawQuery) -> Result<Response, Problem> {
    Parameters::read(query.as_deref(), &[])?;
    let read = move || Ok::<_, Problem>(Reader::open(&data_dir)?.sensors()?);
    let rows = tokio::task::spawn_blocking(read).await.map_err(|_panic| Problem::fault("the journal could not be read"))??;
    let sensors = rows.into_iter().map(|row| Sensor {
        name: row.name,
        sequence: row.sequence,
        seq: row.seq,
        time_us: row.time_us,
        events: row.events,
    });
    Ok(answer(StatusCode::OK, &json!(Sensors { sensors: sensors.collect() })).into_response())
}
