//! What goes wrong with a stream, as gRPC says it.

use tonic::metadata::MetadataValue;
use tonic::{Code, Status};

use crate::journal::StoreError;
use crate::serve::stream::StreamsError;

/// Metadata of an `OUT_OF_RANGE`: give it as `after_seq` to read on with the first event that is kept.
pub const READ_ON_AFTER: &str = "agentsh-read-on-after-seq";

/// Metadata of an `OUT_OF_RANGE`: the journal's last seq.
pub const JOURNAL_HEAD: &str = "agentsh-head-seq";

/// The status of an error.
pub(super) fn status(error: &StreamsError) -> Status {
    let code = match error {
        StreamsError::Journal(_) | StreamsError::Thread(_) => Code::Internal,
        StreamsError::Store(StoreError::Busy) | StreamsError::Ended => Code::Unavailable,
        StreamsError::Store(StoreError::Full) => Code::ResourceExhausted,
        StreamsError::Store(StoreError::Damaged(_)) => Code::DataLoss,
        StreamsError::Store(StoreError::Disk(_) | StoreError::Other(_)) => Code::Internal,
        StreamsError::NoStart | StreamsError::NoSession | StreamsError::BadName | StreamsError::TooLarge { .. } => {
            Code::InvalidArgument
        }
        StreamsError::Future { .. } | StreamsError::Expired { .. } => Code::OutOfRange,
        StreamsError::UnknownConsumer { .. } => Code::NotFound,
        StreamsError::NotYours { .. } => Code::PermissionDenied,
        StreamsError::NotDelivered { .. } => Code::FailedPrecondition,
        StreamsError::TooManyConsumers { .. } => Code::ResourceExhausted,
    };
    let mut status = Status::new(code, error.to_string());
    match error {
        StreamsError::Future { head, .. } => {
            status.metadata_mut().insert(JOURNAL_HEAD, MetadataValue::from(*head));
        }
        StreamsError::Expired { first, .. } => {
            status.metadata_mut().insert(READ_ON_AFTER, MetadataValue::from(first.saturating_sub(1)));
        }
        _ => {}
    }
    status
}
