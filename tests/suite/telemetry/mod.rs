//! Tests: the recorder's own telemetry: what the server counts for the whole journal, and the dashboards over it.

pub mod dashboards;
pub mod load;
mod totals;
mod traces;
