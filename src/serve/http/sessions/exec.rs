//! `POST /api/v1/sessions/{id}/exec`: in frames both ways, or as JSON.

use std::time::Duration;

use axum::body::{Body, BodyDataStream, Bytes};
use axum::extract::{ConnectInfo, Path, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use futures_util::StreamExt as _;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_stream::wrappers::ReceiverStream;

use super::answers::{media_type, problem, read, refused, traceparent};
use super::body::ExecBody;
use super::frames::{Frame, Frames, MEDIA_TYPE};
use super::plain;
use super::response::frame;
use super::routes::Store;
use crate::serve::http::connection::{ClientAddr, Patience};
use crate::serve::http::problem::Problem;
use crate::serve::sessions::{Attended, Input, StartCommand, begin};

/// How long a framed request may take to say what to start.
const FIRST_FRAME: Duration = Duration::from_secs(10);

/// Bytes of a plain request, its standard input included.
const LARGEST_BODY: usize = 16 << 20;

/// Runs a command in a session. The body is JSON, or frames of `application/vnd.agentsh.exec.v1` both ways.
#[utoipa::path(post, path = "/api/v1/sessions/{id}/exec", tag = "sessions", params(("id" = String, Path, description = "The session.")),
    request_body(content(
        (ExecBody = "application/json"),
        (String = "application/vnd.agentsh.exec.v1"),
    )),
    responses(
    (status = 200, description = "What the command said: one object, a line for each piece, or frames.", content(
        (Object = "application/json"),
        (String = "application/x-ndjson"),
        (String = "application/vnd.agentsh.exec.v1"),
    )),
    (status = 400, description = "Something in the body cannot be.", body = Problem, content_type = "application/problem+json"),
    (status = 404, description = "There is no such session.", body = Problem, content_type = "application/problem+json"),
    (status = 408, description = "The first frame did not come.", body = Problem, content_type = "application/problem+json"),
    (status = 409, description = "It has ended, or another recorder has it.", body = Problem, content_type = "application/problem+json"),
    (status = 413, description = "The body is too large.", body = Problem, content_type = "application/problem+json"),
    (status = 415, description = "The body is of another type.", body = Problem, content_type = "application/problem+json"),
    (status = 429, description = "There are too many commands.", body = Problem, content_type = "application/problem+json"),
    (status = 500, description = "It cannot be set up.", body = Problem, content_type = "application/problem+json"),
    (status = 503, description = "The server shuts down, or the journal cannot write.", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn exec(
    State(store): State<Store>,
    Path(id): Path<String>,
    ConnectInfo(client): ConnectInfo<ClientAddr>,
    request: Request,
) -> Response {
    let (parts, body) = request.into_parts();
    // A command may be silent, or its client not read, for as long as they like.
    let patience = Patience::of(&client);
    let answered = if media_type(&parts.headers) == MEDIA_TYPE {
        framed(store, id, &parts.headers, body, patience).await
    } else {
        whole(store, id, &parts.headers, body, patience).await
    };
    answered.unwrap_or_else(|refused| refused)
}

async fn framed(store: Store, id: String, headers: &HeaderMap, body: Body, patience: Patience) -> Result<Response, Response> {
    let mut body = body.into_data_stream();
    let mut frames = Frames::default();
    let bad = |reason: &str| problem(StatusCode::BAD_REQUEST, reason);
    let first = match timeout(FIRST_FRAME, next(&mut body, &mut frames)).await {
        Ok(Some(Ok(frame))) => frame,
        Ok(Some(Err(reason))) => return Err(bad(&reason)),
        Ok(None) => return Err(bad("the body is empty: the first frame must be control, with `start`")),
        Err(_) => return Err(problem(StatusCode::REQUEST_TIMEOUT, "the first frame did not come")),
    };
    let Frame::Control(object) = first else { return Err(bad("the first frame must be control, with `start`")) };
    let start: Value = serde_json::from_slice(&object).map_err(|error| bad(&format!("start: {error}")))?;
    let start: ExecBody = serde_json::from_value(start.get("start").cloned().unwrap_or_default())
        .map_err(|error| bad(&format!("start: {error}")))?;
    if start.stdin.is_some() {
        return Err(bad("start.stdin: standard input comes in frames of stream 0"));
    }
    let command = request(start, id, headers)?;
    let Attended { inputs, said, .. } = begin(store, command).await.map_err(|error| refused(&error))?;
    tokio::spawn(listen(body, frames, inputs));
    let answer = ReceiverStream::new(said).map(move |said| {
        let _until_the_end = &patience;
        Ok::<Bytes, std::convert::Infallible>(frame(said).encode())
    });
    let headers = [(header::CONTENT_TYPE, MEDIA_TYPE), (header::CACHE_CONTROL, "no-store")];
    Ok((headers, Body::from_stream(answer)).into_response())
}

async fn whole(store: Store, id: String, headers: &HeaderMap, body: Body, patience: Patience) -> Result<Response, Response> {
    let body = axum::body::to_bytes(body, LARGEST_BODY).await.map_err(|error| {
        problem(StatusCode::PAYLOAD_TOO_LARGE, &format!("the body, of at most {LARGEST_BODY} bytes: {error}"))
    })?;
    let mut start: ExecBody = read(headers, &body)?;
    drop(body);
    let stdin = start.stdin.take().map(super::body::Piece::bytes).transpose();
    let stdin = stdin.map_err(|error| problem(StatusCode::BAD_REQUEST, &format!("stdin: {error}")))?;
    let command = request(start, id, headers)?;
    let Attended { session, command, inputs, said } = begin(store, command).await.map_err(|error| refused(&error))?;
    tokio::spawn(async move {
        // Where it cannot be given, the command has ended.
        let _ended = inputs.send(Input::Stdin(stdin.unwrap_or_default().into())).await;
    });
    let lines = headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or_default();
    if lines.contains("application/x-ndjson") {
        Ok(plain::lines(said, patience))
    } else {
        Ok(plain::object(said, patience, json!({ "session_id": session, "command_id": command })))
    }
}

#[expect(clippy::result_large_err, reason = "the error is the answer")]
fn request(start: ExecBody, id: String, headers: &HeaderMap) -> Result<StartCommand, Response> {
    let made = start.into_request(id, traceparent(headers));
    made.map_err(|error| problem(StatusCode::BAD_REQUEST, &format!("base64: {error}")))
}

/// The next frame of the body; `None` at its end.
async fn next(body: &mut BodyDataStream, frames: &mut Frames) -> Option<Result<Frame, String>> {
    loop {
        match frames.next_frame() {
            Ok(Some(frame)) => return Some(Ok(frame)),
            Ok(None) => {}
            Err(error) => return Some(Err(error.to_string())),
        }
        match body.next().await {
            Some(Ok(bytes)) => frames.push(&bytes),
            Some(Err(error)) => return Some(Err(error.to_string())),
            None => return frames.finish().err().map(|error| Err(error.to_string())),
        }
    }
}

/// Passes on what the client says, until it has nothing more to say.
async fn listen(mut body: BodyDataStream, mut frames: Frames, give: mpsc::Sender<Input>) {
    while let Some(frame) = next(&mut body, &mut frames).await {
        let input = match frame {
            Ok(Frame::Stdin(bytes)) => Input::Stdin(bytes),
            Ok(Frame::Control(object)) => match control(&object) {
                Some(input) => input,
                None => continue,
            },
            Ok(Frame::Stdout(_) | Frame::Stderr(_)) | Err(_) => Input::Gone,
        };
        let gone = matches!(input, Input::Gone);
        if give.send(input).await.is_err() || gone {
            return;
        }
    }
}

/// What a control frame says; nothing is a sign of life.
fn control(object: &[u8]) -> Option<Input> {
    let Ok(object) = serde_json::from_slice::<Value>(object) else { return Some(Input::Gone) };
    if let Some(signal) = object.get("signal") {
        let number = signal.as_i64().and_then(|number| i32::try_from(number).ok());
        return Some(number.map_or(Input::Gone, Input::Signal));
    }
    object.get("stdin_closed").and_then(Value::as_bool).filter(|closed| *closed).map(|_| Input::StdinClosed)
}
