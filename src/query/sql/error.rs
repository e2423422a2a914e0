//! Why a question has no answer, and what to do about it.

use std::time::Duration;

use datafusion::arrow::error::ArrowError;
use datafusion::common::{DataFusionError, SchemaError};

use crate::journal::{JournalError, StoreError};

/// Why a question has no answer. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum SqlError {
    /// The journal cannot be opened.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The journal cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The lake cannot be read.
    #[error("the lake's file {file} cannot be read: {what}")]
    Lake {
        /// The file.
        file: String,
        /// What is wrong with it.
        what: String,
    },
    /// The text is not SQL.
    #[error("this is not SQL{}: {what}", at(*.line, *.column))]
    Syntax {
        /// What was expected or found.
        what: String,
        /// Line of the text, from 1; 0 where it is not known.
        line: u64,
        /// Character of the line, from 1.
        column: u64,
    },
    /// It is SQL that does something, and does not ask.
    #[error("only questions are answered (SELECT, WITH, VALUES, EXPLAIN, SHOW, DESCRIBE), and this is {what}: nothing was done")]
    NotAQuestion {
        /// What it is.
        what: String,
    },
    /// It asks for what there is not.
    #[error("{what}{}{}", at(*.line, *.column), hint.as_ref().map(|hint| format!(": {hint}")).unwrap_or_default())]
    Unanswerable {
        /// What is wrong.
        what: String,
        /// What was probably meant.
        hint: Option<String>,
        /// Line of the text, from 1; 0 where it is not known.
        line: u64,
        /// Character of the line, from 1.
        column: u64,
    },
    /// A value cannot be computed from what was recorded.
    #[error("a value cannot be computed: {what}")]
    Value {
        /// Which, and why.
        what: String,
    },
    /// It needs more memory than it may take.
    #[error(
        "the question needs more than {limit} bytes of memory: ask for fewer rows or columns, or raise the limit (`--memory`; of a server `query.memory_bytes`)"
    )]
    Memory {
        /// Bytes that it may take.
        limit: usize,
    },
    /// It takes longer than it may.
    #[error(
        "the question takes longer than {limit:?}: narrow it by `time`, `seq` or `session_id`, or raise the limit (`--timeout`; of a server `query.timeout`)"
    )]
    Time {
        /// How long it may take.
        limit: Duration,
    },
    /// The engine failed.
    #[error("the question failed: {what}")]
    Failed {
        /// What the engine says.
        what: String,
    },
}

fn at(line: u64, column: u64) -> String {
    if line == 0 { String::new() } else { format!(" (line {line}, column {column})") }
}

impl SqlError {
    /// Where in the text, if that is known: line and character, from 1.
    #[must_use]
    pub const fn position(&self) -> Option<(u64, u64)> {
        match self {
            SqlError::Syntax { line, column, .. } | SqlError::Unanswerable { line, column, .. } if *line > 0 => {
                Some((*line, *column))
            }
            SqlError::Journal(_)
            | SqlError::Store(_)
            | SqlError::Lake { .. }
            | SqlError::Syntax { .. }
            | SqlError::NotAQuestion { .. }
            | SqlError::Unanswerable { .. }
            | SqlError::Value { .. }
            | SqlError::Memory { .. }
            | SqlError::Time { .. }
            | SqlError::Failed { .. } => None,
        }
    }

    /// Whether the one who asks can mend it by asking otherwise.
    #[must_use]
    pub const fn is_the_question(&self) -> bool {
        matches!(
            self,
            SqlError::Syntax { .. }
                | SqlError::NotAQuestion { .. }
                | SqlError::Unanswerable { .. }
                | SqlError::Value { .. }
                | SqlError::Memory { .. }
                | SqlError::Time { .. }
        )
    }

    /// What the engine says, in our words. `memory` is what the question may take.
    pub(super) fn of(error: DataFusionError, memory: usize) -> Self {
        let position =
            error.diagnostic().and_then(|diagnostic| diagnostic.span).map_or((0, 0), |span| (span.start.line, span.start.column));
        match error {
            DataFusionError::ResourcesExhausted(_) => SqlError::Memory { limit: memory },
            DataFusionError::External(source) => match source.downcast::<SqlError>() {
                Ok(own) => *own,
                Err(other) => SqlError::Failed { what: other.to_string() },
            },
            DataFusionError::Context(_, inner) | DataFusionError::Diagnostic(_, inner) => {
                let mut found = Self::of(*inner, memory);
                if let SqlError::Unanswerable { line: line @ 0, column, .. } = &mut found {
                    (*line, *column) = position;
                }
                found
            }
            DataFusionError::Shared(inner) => match inner.find_root() {
                DataFusionError::ResourcesExhausted(_) => SqlError::Memory { limit: memory },
                DataFusionError::ArrowError(source, _) => computed(source),
                DataFusionError::Execution(what) => SqlError::Value { what: first_line(what) },
                other => SqlError::Failed { what: other.strip_backtrace() },
            },
            DataFusionError::Collection(errors) => match errors.into_iter().next() {
                Some(first) => Self::of(first, memory),
                None => SqlError::Failed { what: "the engine gives no reason".to_owned() },
            },
            DataFusionError::ArrowError(source, _) => match *source {
                ArrowError::ExternalError(source) => match source.downcast::<DataFusionError>() {
                    Ok(inner) => Self::of(*inner, memory),
                    Err(other) => SqlError::Failed { what: other.to_string() },
                },
                other => computed(&other),
            },
            DataFusionError::Execution(what) => SqlError::Value { what: first_line(&what) },
            DataFusionError::SQL(source, _) => syntax(&source.to_string()),
            DataFusionError::SchemaError(source, _) => unanswerable(&source, position),
            DataFusionError::Plan(what) | DataFusionError::NotImplemented(what) => {
                let (line, column) = position;
                SqlError::Unanswerable { what: first_line(&what), hint: None, line, column }
            }
            other => SqlError::Failed { what: first_line(&other.strip_backtrace()) },
        }
    }
}

/// What the kernels say of values is about the question; the rest is about files and the engine.
fn computed(error: &ArrowError) -> SqlError {
    let what = first_line(&error.to_string());
    match error {
        ArrowError::DivideByZero
        | ArrowError::ArithmeticOverflow(_)
        | ArrowError::CastError(_)
        | ArrowError::ComputeError(_)
        | ArrowError::InvalidArgumentError(_)
        | ArrowError::ParseError(_) => SqlError::Value { what },
        _ => SqlError::Failed { what },
    }
}

fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().replace("agentsh.public.", "").replace("Error during planning: ", "")
}

/// The parser says where in its text: `… at Line: 1, Column: 8`.
fn syntax(what: &str) -> SqlError {
    let what = what.strip_prefix("sql parser error: ").unwrap_or(what);
    let numbers = what.rsplit_once(" at Line: ").and_then(|(said, place)| {
        let (line, column) = place.split_once(", Column: ")?;
        Some((said.to_owned(), line.parse().ok()?, column.trim().parse().ok()?))
    });
    match numbers {
        Some((what, line, column)) => SqlError::Syntax { what, line, column },
        None => SqlError::Syntax { what: what.to_owned(), line: 0, column: 0 },
    }
}

fn unanswerable(error: &SchemaError, (line, column): (u64, u64)) -> SqlError {
    match error {
        SchemaError::FieldNotFound { field, valid_fields } => {
            let nearest = valid_fields
                .iter()
                .map(|valid| (strsim::jaro_winkler(&field.name, &valid.name), &valid.name))
                .max_by(|a, b| a.0.total_cmp(&b.0))
                .filter(|(likeness, _)| *likeness > 0.7);
            let hint = match nearest {
                Some((_, name)) => format!("did you mean `{name}`? `agentsh query --schema` lists the columns"),
                None => "`agentsh query --schema` lists the columns".to_owned(),
            };
            SqlError::Unanswerable { what: format!("there is no column `{}`", field.name), hint: Some(hint), line, column }
        }
        SchemaError::AmbiguousReference { .. }
        | SchemaError::DuplicateQualifiedField { .. }
        | SchemaError::DuplicateUnqualifiedField { .. } => {
            SqlError::Unanswerable { what: first_line(&error.to_string()), hint: None, line, column }
        }
    }
}
