//! Why there is no answer, as a status of gRPC.

use arrow_flight::error::FlightError;
use datafusion::arrow::error::ArrowError;
use tonic::Status;

use crate::journal::StoreError;
use crate::query::sql::SqlError;
use crate::serve::questions::QuestionError;

pub(super) fn status(error: &QuestionError) -> Status {
    let text = error.to_string();
    let error = match error {
        QuestionError::Busy { .. } | QuestionError::Ending => return Status::unavailable(text),
        QuestionError::Sql(error) => error,
    };
    match error {
        SqlError::Syntax { .. } | SqlError::NotAQuestion { .. } | SqlError::Unanswerable { .. } | SqlError::Value { .. } => {
            Status::invalid_argument(text)
        }
        SqlError::Memory { .. } => Status::resource_exhausted(text),
        SqlError::Time { .. } => Status::deadline_exceeded(text),
        SqlError::Store(StoreError::Busy) => Status::unavailable(text),
        SqlError::Journal(_)
        | SqlError::Store(StoreError::Full | StoreError::Disk(_) | StoreError::Damaged(_) | StoreError::Other(_))
        | SqlError::Lake { .. }
        | SqlError::Failed { .. } => Status::internal(text),
    }
}

/// What is known, and cannot be written.
pub(super) fn unwritten(error: ArrowError) -> Status {
    FlightError::from(error).into()
}
