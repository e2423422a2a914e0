//! What a request says, and what it may.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::query::sql::Limits;
use crate::serve::http::problem::Problem;

/// A question.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Query)]
pub(super) struct QueryBody {
    /// One statement that only reads. At most 256 KiB.
    #[schema(example = "SELECT kind, count(*) AS n FROM events GROUP BY kind ORDER BY n DESC")]
    pub(super) sql: String,
    /// Rows of the answer, not more than `query.rows` of the configuration, which it is where it is absent.
    #[schema(minimum = 1, example = 100)]
    limit: Option<u64>,
    /// How long it may take, not longer than `query.timeout` of the configuration, which it is where it is absent.
    #[schema(minimum = 1, example = 30_000)]
    timeout_ms: Option<u64>,
}

/// What a question may take.
#[derive(Clone, Copy)]
pub(super) struct Asked {
    pub(super) limits: Limits,
    /// Whether the caller said how many rows it wants.
    pub(super) is_limited: bool,
}

impl QueryBody {
    /// What the question may take, where it can be given `most`.
    pub(super) fn asked(&self, most: Limits) -> Result<Asked, Problem> {
        let rows = within("limit", self.limit, most.rows)?;
        let millis = within("timeout_ms", self.timeout_ms, u64::try_from(most.time.as_millis()).unwrap_or(u64::MAX))?;
        Ok(Asked { limits: Limits { rows, time: Duration::from_millis(millis), ..most }, is_limited: self.limit.is_some() })
    }
}

fn within(name: &str, asked: Option<u64>, most: u64) -> Result<u64, Problem> {
    match asked {
        None => Ok(most),
        Some(asked) if (1..=most).contains(&asked) => Ok(asked),
        Some(_) => Err(Problem::parameter(name, format_args!("it is from 1 to {most}"))),
    }
}

/// An answer as one object, as the document describes it; it is written as the rows come.
#[derive(Serialize, utoipa::ToSchema)]
pub(super) struct QueryAnswer {
    /// The columns, in order.
    columns: Vec<QueryColumn>,
    /// A list for each row, with a value for each column. Times are RFC 3339, ids are UUIDs, bytes are in hex.
    #[schema(value_type = Vec<Vec<Value>>)]
    rows: Vec<Vec<Value>>,
    /// Whether there are more rows than were asked for.
    truncated: bool,
    /// How long it took, in milliseconds.
    elapsed_ms: u64,
}

/// A column of an answer.
#[derive(Serialize, utoipa::ToSchema)]
pub(super) struct QueryColumn {
    /// Its name.
    name: String,
    /// Its type in words, such as `string`, `int64`, `timestamp` or `list of string`.
    #[serde(rename = "type")]
    data_type: String,
}
