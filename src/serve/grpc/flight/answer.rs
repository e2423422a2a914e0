//! Rows as a stream of Flight. Dropped, it ends the work.

use arrow_flight::FlightData;
use arrow_flight::encode::FlightDataEncoderBuilder;
use arrow_flight::error::FlightError;
use futures_util::{Stream, StreamExt as _, stream};
use tonic::Status;

use super::status::status;
use crate::query::sql::{Answer, Batch, Columns, plain, plain_columns};
use crate::serve::grpc::seam::BoxStream;
use crate::serve::questions::{QuestionError, Questions};

/// The rows of a question. Where there are more than may be given the stream ends with an error: nothing in it could say that it was cut.
pub(super) fn rows(answer: Answer, questions: Questions) -> BoxStream<FlightData> {
    let columns = plain_columns(answer.schema());
    let batches = stream::unfold(Some((answer, questions)), |asked| async move {
        let (mut answer, questions) = asked?;
        let next = tokio::select! {
            biased;
            () = questions.ended() => return Some((Err(status(&QuestionError::Ending).into()), None)),
            next = answer.next() => next,
        };
        match next {
            Ok(Some(batch)) => Some((plain(&batch).map_err(FlightError::from), Some((answer, questions)))),
            Ok(None) if answer.is_truncated() => {
                let rows = answer.rows();
                let what = format!("there are more than the {rows} rows that an answer may have (`query.rows`): ask for fewer");
                Some((Err(Status::resource_exhausted(what).into()), None))
            }
            Ok(None) => None,
            Err(error) => Some((Err(status(&QuestionError::from(error)).into()), None)),
        }
    });
    encoded(columns, batches)
}

/// The rows that a batch has.
pub(super) fn of_batch(batch: Batch) -> BoxStream<FlightData> {
    encoded(batch.schema(), stream::iter([Ok(batch)]))
}

fn encoded(columns: Columns, batches: impl Stream<Item = Result<Batch, FlightError>> + Send + 'static) -> BoxStream<FlightData> {
    let encoded = FlightDataEncoderBuilder::new().with_schema(columns).build(batches);
    Box::pin(encoded.map(|data| data.map_err(Status::from)))
}
