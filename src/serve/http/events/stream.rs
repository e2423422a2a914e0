//! All events that match, as JSON lines or as Arrow's stream. The reading waits for the client: a few pieces are under way and no more.

use std::io::{self, Write};
use std::ops::ControlFlow;

use axum::body::Body;
use axum::http::header;
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use tokio::sync::{mpsc, oneshot};
use tokio_stream::wrappers::ReceiverStream;

use super::reading::{Asked, Events, Reading};
use crate::encode::{arrow, json};
use crate::query::JournalRow;
use crate::query::sql::{AnswerWriter, Form};
use crate::serve::http::problem::Problem;

/// Bytes of a piece, about.
const PIECE: usize = 64 << 10;

/// Pieces that wait for the client. When there are so many the reading waits.
const WAITING: usize = 4;

/// Rows of a batch of Arrow's.
const BATCH: usize = 4096;

/// The form of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum StreamForm {
    /// A line of JSON for each event.
    Lines,
    /// Arrow's IPC stream, with the columns of the lake.
    Arrow,
}

/// Appends an event as `agentsh events --format jsonl` prints it.
pub(super) fn put_line(row: &JournalRow<'_>, out: &mut Vec<u8>) -> Result<(), Problem> {
    let event = row.to_event().map_err(|error| {
        let seq = row.seq;
        Problem::fault(format_args!("the event at seq {seq} cannot be read ({error}); `after={seq}` passes over it"))
    })?;
    json::put(&event, out).map_err(Problem::fault)
}

/// The stream that is asked for. What is wrong with the request is said before it begins; a fault later cuts the connection, so that nobody
/// takes a part for the whole.
pub(super) async fn stream(events: &Events, asked: Asked, form: StreamForm) -> Result<Response, Problem> {
    if asked.parameters.one("cursor")?.is_some() {
        return Err(Problem::parameter("cursor", "it goes with pages: give a stream `after`"));
    }
    let turn = events.turn().await?;
    let data_dir = events.data_dir();
    let (send, pieces) = mpsc::channel::<io::Result<Bytes>>(WAITING);
    let (opened, opens) = oneshot::channel();
    tokio::task::spawn_blocking(move || {
        let _turn = turn;
        let reading = match Reading::open(&data_dir, asked) {
            Ok(reading) => reading,
            Err(problem) => {
                // Who asked may be gone.
                let _gone = opened.send(Err(problem));
                return;
            }
        };
        if opened.send(Ok(())).is_err() {
            return;
        }
        let written = match form {
            StreamForm::Lines => lines(reading, Pieces::new(send.clone())),
            StreamForm::Arrow => batches(reading, Pieces::new(send.clone())),
        };
        if let Err(error) = written
            && error.kind() != io::ErrorKind::BrokenPipe
        {
            tracing::warn!(%error, "a stream of events was cut");
            let _gone = send.blocking_send(Err(error));
        }
    });
    opens.await.map_err(|_panic| Problem::fault("the journal could not be read"))??;
    let media = match form {
        StreamForm::Lines => "application/x-ndjson",
        StreamForm::Arrow => "application/vnd.apache.arrow.stream",
    };
    let head = [(header::CONTENT_TYPE, media), (header::CACHE_CONTROL, "no-store"), (header::VARY, "accept")];
    Ok((head, Body::from_stream(ReceiverStream::new(pieces))).into_response())
}

fn lines(mut reading: Reading, mut out: Pieces) -> io::Result<()> {
    let (mut line, mut left) = (Vec::new(), reading.asked.limit.unwrap_or(u64::MAX));
    let gone = out.send.clone();
    let mut fault = Ok(());
    let read = reading.rows(
        || gone.is_closed(),
        |row| {
            line.clear();
            put_line(row, &mut line)?;
            line.push(b'\n');
            fault = out.write_all(&line);
            left -= 1;
            Ok(if fault.is_err() || left == 0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
        },
    );
    fault?;
    read.map_err(|problem| io::Error::other(problem.detail().to_owned()))?;
    out.flush()
}

fn batches(mut reading: Reading, out: Pieces) -> io::Result<()> {
    let (mut rows, mut count, mut left) = (arrow::Rows::new(true), 0, reading.asked.limit.unwrap_or(u64::MAX));
    let gone = out.send.clone();
    let mut writer = AnswerWriter::start(Form::Arrow, &arrow::schema(), out)?;
    let mut fault = Ok(());
    let mut write = |rows: &mut arrow::Rows| -> io::Result<()> { writer.write(&rows.finish().map_err(io::Error::other)?) };
    let read = reading.rows(
        || gone.is_closed(),
        |row| {
            rows.push(row.seq, &row.columns, row.leaf);
            (count, left) = (count + 1, left - 1);
            if count == BATCH {
                count = 0;
                fault = write(&mut rows);
            }
            Ok(if fault.is_err() || left == 0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
        },
    );
    fault?;
    read.map_err(|problem| io::Error::other(problem.detail().to_owned()))?;
    if count > 0 {
        write(&mut rows)?;
    }
    writer.finish(false)
}

/// Writes into the body of an answer, a piece at a time.
struct Pieces {
    send: mpsc::Sender<io::Result<Bytes>>,
    piece: Vec<u8>,
}

impl Pieces {
    fn new(send: mpsc::Sender<io::Result<Bytes>>) -> Self {
        Self { send, piece: Vec::with_capacity(PIECE) }
    }
}

impl Write for Pieces {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.piece.extend_from_slice(bytes);
        if self.piece.len() >= PIECE {
            self.flush()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.piece.is_empty() {
            return Ok(());
        }
        let piece = std::mem::replace(&mut self.piece, Vec::with_capacity(PIECE));
        self.send.blocking_send(Ok(piece.into())).map_err(|_gone| io::ErrorKind::BrokenPipe.into())
    }
}

impl Drop for Pieces {
    fn drop(&mut self) {
        // The end of what a writer that finished has written.
        let _gone = self.flush();
    }
}
