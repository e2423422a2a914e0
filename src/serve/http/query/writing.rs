//! An answer on its way: written on the engine's threads as its rows come, taken by the client a piece at a time.

use std::io::{self, Write};
use std::sync::Arc;
use std::time::Instant;

use axum::body::Body;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use tokio::sync::mpsc;
use tokio::time::timeout_at;

use super::body::Asked;
use crate::query::sql::{Answer, AnswerWriter, Form};
use crate::runtime::clock;
use crate::runtime::sync::{Mutex, lock};
use crate::serve::http::connection::Patience;
use crate::serve::http::problem::Problem;
use crate::serve::questions::{QuestionError, Questions};

/// Bytes of a piece, about. What goes wrong before the first is full is answered as a problem.
const PIECE: usize = 64 << 10;

/// Pieces that wait for the client. When there are so many the work waits.
const WAITING: usize = 4;

/// How an answer is written.
pub(super) struct Written {
    pub(super) form: Form,
    pub(super) media: &'static str,
    pub(super) patience: Patience,
}

/// What the writing says.
enum Told {
    Piece(Bytes),
    End,
    Fault(Problem),
}

/// Asks, and answers as soon as there is a first piece. A fault later cuts the connection.
pub(super) async fn written(questions: &Questions, sql: &str, asked: Asked, how: Written) -> Result<Response, Problem> {
    let Written { form, media, patience } = how;
    let began = clock::instant();
    let answer = questions.ask(sql, asked.limits).await?;
    let (send, mut told) = mpsc::channel(WAITING);
    let (gone, ended) = (send.clone(), questions.clone());
    let writing = Writing { answer, form, asked, began, send };
    questions.spawn(async move {
        // The connection may be silent as long as the question may take, and no longer.
        let _until_the_end = patience;
        tokio::select! {
            () = gone.closed() => {}
            // Where there is no room, the end of the channel says it.
            () = ended.ended() => drop(gone.try_send(Told::Fault(QuestionError::Ending.into()))),
            () = writing.run() => {}
        }
    });
    let first = match told.recv().await {
        Some(Told::Piece(first)) => first,
        Some(Told::End) => return Ok(answered(media, Body::empty())),
        Some(Told::Fault(problem)) => return Err(problem),
        None => return Err(Problem::fault("the answer could not be written")),
    };
    let rest = stream::unfold(Some(told), |told| async move {
        let mut told = told?;
        match told.recv().await {
            Some(Told::Piece(piece)) => Some((Ok(piece), Some(told))),
            Some(Told::End) => None,
            Some(Told::Fault(problem)) => {
                tracing::warn!(reason = problem.detail(), "an answer was cut");
                Some((Err(io::Error::other(problem.detail().to_owned())), None))
            }
            None => Some((Err(io::Error::other("the writing ended in the middle")), None)),
        }
    });
    // Whoever compresses asks once more behind the end.
    Ok(answered(media, Body::from_stream(stream::iter([Ok(first)]).chain(rest).fuse())))
}

fn answered(media: &'static str, body: Body) -> Response {
    let media = if media == "text/csv" { "text/csv; charset=utf-8; header=present" } else { media };
    let head = [(header::CONTENT_TYPE, media), (header::CACHE_CONTROL, "no-store"), (header::VARY, "accept")];
    (head, body).into_response()
}

struct Writing {
    answer: Answer,
    form: Form,
    asked: Asked,
    began: Instant,
    send: mpsc::Sender<Told>,
}

impl Writing {
    async fn run(mut self) {
        let last = match self.write().await {
            Ok(()) => Told::End,
            Err(problem) => Told::Fault(problem),
        };
        // Nobody waits any more, or not in time.
        let _gone = self.tell(last).await;
    }

    async fn write(&mut self) -> Result<(), Problem> {
        let buffer = Buffer::default();
        let failed = |error: io::Error| Problem::fault(error);
        let mut writer = AnswerWriter::start(self.form, self.answer.schema(), buffer.clone()).map_err(failed)?;
        while let Some(batch) = self.answer.next().await.map_err(QuestionError::from)? {
            writer.write(&batch).map_err(failed)?;
            for piece in buffer.take(PIECE) {
                self.tell(Told::Piece(piece)).await?;
            }
        }
        let truncated = self.answer.is_truncated();
        if truncated && self.form != Form::Json && !self.asked.is_limited {
            let rows = self.answer.rows();
            let reason = format!("there are more than the {rows} rows that an answer may have: say `limit`, or ask for fewer");
            return Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, reason).about("limit"));
        }
        let elapsed = clock::instant().saturating_duration_since(self.began);
        writer.finish_timed(truncated, elapsed).map_err(failed)?;
        for piece in buffer.take(1) {
            self.tell(Told::Piece(piece)).await?;
        }
        Ok(())
    }

    /// Tells as soon as the client has taken enough, which it must until the question's time is over.
    async fn tell(&self, told: Told) -> Result<(), Problem> {
        let deadline = tokio::time::Instant::from_std(self.began) + self.asked.limits.time;
        let told = timeout_at(deadline, self.send.send(told)).await;
        told.ok()
            .and_then(Result::ok)
            .ok_or_else(|| Problem::fault("the answer was not read in the time that the question may take"))
    }
}

/// Bytes that were written and not yet sent.
#[derive(Clone, Default)]
struct Buffer(Arc<Mutex<Vec<u8>>>);

impl Buffer {
    /// What there is, in pieces, once it is so much.
    fn take(&self, least: usize) -> Vec<Bytes> {
        let mut bytes = lock(&self.0);
        if bytes.len() < least {
            return Vec::new();
        }
        let mut all = Bytes::from(std::mem::take(&mut *bytes));
        let mut pieces = Vec::with_capacity(all.len() / PIECE + 1);
        while all.len() > PIECE {
            pieces.push(all.split_to(PIECE));
        }
        pieces.push(all);
        pieces
    }
}

impl Write for Buffer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        lock(&self.0).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
