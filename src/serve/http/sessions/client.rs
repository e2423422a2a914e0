//! A client of the session routes, for the command line: HTTP/1.1 over one connection for each request, both directions at once where
//! a command runs.

use std::io::{self, BufRead as _, BufReader, Read, Write};
use std::net::{Shutdown, TcpStream, ToSocketAddrs as _};
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::body::{ExecBody, NewSessionBody, SignalBody};
use super::frames::{Frame, Frames, MEDIA_TYPE};
use crate::serve::sessions::{
    CHUNK, Client, ClientError, CommandEnd, ExecStreams, NewSession, Output, SessionInfo, SessionPage, StartCommand,
    WhichSessions, millis_of_timeout,
};

/// How long a connection may take.
const CONNECT: Duration = Duration::from_secs(10);
/// How long the server may be silent: it gives a sign of life four times as often.
const SILENCE: Duration = Duration::from_secs(60);
/// How long an answer may take that waits for a session's end.
const PATIENCE: Duration = Duration::from_secs(600);
/// Bytes of a chunk, at most: larger ones cannot be an answer of ours.
const LARGEST_CHUNK: usize = 64 << 20;
/// Bytes of a head, at most.
const LONGEST_HEAD: u64 = 64 * 1024;

/// The server over HTTP.
#[derive(Clone, Debug)]
pub struct HttpClient {
    server: String,
    key: Option<String>,
}

impl HttpClient {
    /// The server at `address` (`host:port`); `key` goes with every request.
    ///
    /// # Errors
    /// [`ClientError::Refused`] for a key that no header can carry.
    pub fn new(address: &str, key: Option<&str>) -> Result<Self, ClientError> {
        if key.is_some_and(|key| key.bytes().any(|byte| !(0x21..=0x7e).contains(&byte))) {
            return Err(ClientError::Refused { reason: "AGENTSH_API_KEY is no text that a header can carry".to_owned() });
        }
        Ok(Self { server: address.to_owned(), key: key.map(str::to_owned) })
    }

    fn connect(&self) -> Result<TcpStream, ClientError> {
        let unreachable = |source| ClientError::Unreachable { server: self.server.clone(), source };
        let mut last = io::Error::from(io::ErrorKind::AddrNotAvailable);
        for address in self.server.to_socket_addrs().map_err(unreachable)? {
            match TcpStream::connect_timeout(&address, CONNECT) {
                Ok(stream) => {
                    let _slower = stream.set_nodelay(true);
                    return Ok(stream);
                }
                Err(error) => last = error,
            }
        }
        Err(unreachable(last))
    }

    /// Sends a head; `rest` are its further lines.
    fn begin(&self, stream: &mut impl Write, line: &str, rest: &str) -> io::Result<()> {
        let key = self.key.as_ref().map(|key| format!("x-api-key: {key}\r\n")).unwrap_or_default();
        write!(stream, "{line} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n{key}{rest}\r\n", self.server)
    }

    fn strange(&self, what: &str) -> ClientError {
        ClientError::Protocol { server: self.server.clone(), what: what.to_owned() }
    }

    /// One request with a JSON answer.
    fn ask<T: DeserializeOwned>(&self, line: &str, body: Option<&Value>) -> Result<T, ClientError> {
        let broken = |source| ClientError::Broken { source };
        let mut stream = self.connect()?;
        stream.set_read_timeout(Some(PATIENCE)).map_err(broken)?;
        let body = body.map(Value::to_string);
        let rest = body.as_ref().map(|body| format!("Content-Type: application/json\r\nContent-Length: {}\r\n", body.len()));
        self.begin(&mut stream, line, &rest.unwrap_or_default()).map_err(broken)?;
        stream.write_all(body.unwrap_or_default().as_bytes()).map_err(broken)?;
        let answer = self.answer(stream)?;
        let text = answer.text()?;
        serde_json::from_slice(&text).map_err(|error| self.strange(&error.to_string()))
    }

    /// Reads the head of an answer, and the whole of one that refuses.
    fn answer(&self, stream: TcpStream) -> Result<Answer, ClientError> {
        let mut reader = BufReader::with_capacity(2 * CHUNK, stream);
        let mut head = Vec::new();
        let mut limited = (&mut reader).take(LONGEST_HEAD);
        while !head.ends_with(b"\r\n\r\n") {
            match limited.read_until(b'\n', &mut head) {
                Ok(0) if head.is_empty() => return Err(ClientError::Broken { source: io::ErrorKind::UnexpectedEof.into() }),
                Ok(0) => return Err(self.strange("its answer has no head")),
                Ok(_) => {}
                Err(source) => return Err(ClientError::Broken { source }),
            }
        }
        let head = String::from_utf8_lossy(&head).into_owned();
        let status = head.split(' ').nth(1).and_then(|status| status.parse::<u16>().ok());
        let status =
            status.filter(|_| head.starts_with("HTTP/1.1 ")).ok_or_else(|| self.strange("it does not speak HTTP/1.1"))?;
        let field = |name: &str| {
            let fields = head.lines().filter_map(|line| line.split_once(':'));
            fields.filter(|(field, _)| field.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim().to_owned()).next()
        };
        let chunked = field("transfer-encoding").is_some_and(|coding| coding.eq_ignore_ascii_case("chunked"));
        let left =
            if chunked { Left::Chunks } else { Left::Bytes(field("content-length").and_then(|length| length.parse().ok())) };
        let answer = Answer { reader, left };
        if (200..300).contains(&status) {
            return Ok(answer);
        }
        let text = answer.text()?;
        let error = serde_json::from_slice::<Value>(&text).ok().and_then(|body| Some(body.get("detail")?.as_str()?.to_owned()));
        Err(match error {
            Some(reason) => ClientError::Refused { reason },
            None => self.strange(&format!("it answers with status {status}")),
        })
    }
}

/// What is left of an answer's body.
enum Left {
    /// So many bytes, or all until the connection ends.
    Bytes(Option<u64>),
    /// Chunks (RFC 9112 §7.1).
    Chunks,
}

struct Answer {
    reader: BufReader<TcpStream>,
    left: Left,
}

impl Answer {
    /// All of it.
    fn text(mut self) -> Result<Vec<u8>, ClientError> {
        let mut text = Vec::new();
        while let Some(piece) = self.piece()? {
            text.extend_from_slice(&piece);
        }
        Ok(text)
    }

    /// The next piece, at most so large as the server made it; `None` at the end.
    fn piece(&mut self) -> Result<Option<Vec<u8>>, ClientError> {
        self.read_piece().map_err(|source| ClientError::Broken { source })
    }

    fn read_piece(&mut self) -> io::Result<Option<Vec<u8>>> {
        match &mut self.left {
            Left::Bytes(Some(0)) => Ok(None),
            Left::Bytes(left) => {
                let mut piece = vec![0; CHUNK];
                let most = left.and_then(|left| usize::try_from(left).ok()).map_or(CHUNK, |left| left.min(CHUNK));
                let count = self.reader.read(piece.get_mut(..most).unwrap_or_default())?;
                piece.truncate(count);
                match left {
                    Some(_) if count == 0 => Err(io::ErrorKind::UnexpectedEof.into()),
                    Some(left) => {
                        *left -= u64::try_from(count).unwrap_or(0);
                        Ok(Some(piece))
                    }
                    None => Ok((count > 0).then_some(piece)),
                }
            }
            Left::Chunks => {
                let size = self.line()?;
                let size = size.split(';').next().unwrap_or_default().trim();
                let size = usize::from_str_radix(size, 16).ok().filter(|size| *size <= LARGEST_CHUNK);
                let size = size.ok_or_else(|| io::Error::from(io::ErrorKind::InvalidData))?;
                let mut piece = vec![0; size];
                self.reader.read_exact(&mut piece)?;
                // Behind the last chunk come trailers, of which there are none, and an empty line, as behind every chunk.
                self.line()?;
                Ok((size > 0).then_some(piece))
            }
        }
    }

    fn line(&mut self) -> io::Result<String> {
        let mut line = Vec::new();
        (&mut self.reader).take(LONGEST_HEAD).read_until(b'\n', &mut line)?;
        match line.strip_suffix(b"\r\n") {
            Some(line) => Ok(String::from_utf8_lossy(line).into_owned()),
            None => Err(io::ErrorKind::UnexpectedEof.into()),
        }
    }
}

/// Writes a frame as one chunk.
fn send(stream: &mut impl Write, frame: &Frame) -> io::Result<()> {
    let bytes = frame.encode();
    let mut chunk = format!("{:x}\r\n", bytes.len()).into_bytes();
    chunk.extend_from_slice(&bytes);
    chunk.extend_from_slice(b"\r\n");
    stream.write_all(&chunk)
}

/// Sends the standard input until it ends. The body goes on: its end would mean that this process is gone.
fn feed(mut stdin: Box<dyn Read + Send>, mut stream: TcpStream) -> io::Result<()> {
    let mut buffer = vec![0; CHUNK];
    loop {
        match stdin.read(&mut buffer) {
            Ok(0) => return send(&mut stream, &Frame::control(&json!({"stdin_closed": true}))),
            Ok(count) => {
                let bytes = bytes::Bytes::copy_from_slice(buffer.get(..count).unwrap_or_default());
                send(&mut stream, &Frame::Stdin(bytes))?;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            // What cannot be read has ended.
            Err(_) => return send(&mut stream, &Frame::control(&json!({"stdin_closed": true}))),
        }
    }
}

impl Client for HttpClient {
    fn create(&self, session: &NewSession) -> Result<SessionInfo, ClientError> {
        let body = NewSessionBody {
            workspace: session.workspace.display().to_string(),
            policy: session.policy.clone(),
            labels: session.labels.clone(),
            idle_timeout_ms: millis_of_timeout(session.idle_timeout),
            hard_timeout_ms: millis_of_timeout(session.hard_timeout),
            traceparent: session.traceparent.clone(),
        };
        self.ask("POST /api/v1/sessions", Some(&json!(body)))
    }

    fn list(&self, which: WhichSessions) -> Result<SessionPage, ClientError> {
        let state = if which.running { "&state=running" } else { "" };
        let before = which.before.map(|before| format!("&before={before}")).unwrap_or_default();
        self.ask(&format!("GET /api/v1/sessions?limit={}{state}{before}", which.most), None)
    }

    fn get(&self, id: &str) -> Result<SessionInfo, ClientError> {
        self.ask(&format!("GET /api/v1/sessions/{}", segment(id)?), None)
    }

    fn end(&self, id: &str, grace: Option<Duration>) -> Result<SessionInfo, ClientError> {
        let grace = grace.map(|grace| format!("?grace_ms={}", grace.as_millis())).unwrap_or_default();
        self.ask(&format!("DELETE /api/v1/sessions/{}{grace}", segment(id)?), None)
    }

    fn signal(&self, session: &str, command: Option<&str>, number: i32) -> Result<u32, ClientError> {
        let body = SignalBody { signal: number, command_id: command.map(str::to_owned) };
        let told: Value = self.ask(&format!("POST /api/v1/sessions/{}/signal", segment(session)?), Some(&json!(body)))?;
        let commands = told.get("commands").and_then(Value::as_u64).and_then(|count| u32::try_from(count).ok());
        commands.ok_or_else(|| self.strange("an answer without `commands`"))
    }

    fn exec(&self, command: &StartCommand, mut streams: ExecStreams<'_>) -> Result<CommandEnd, ClientError> {
        let broken = |source| ClientError::Broken { source };
        let body = ExecBody::of(command)
            .ok_or_else(|| ClientError::Refused { reason: "the name of a variable is no UTF-8".to_owned() })?;
        let mut stream = self.connect()?;
        stream.set_read_timeout(Some(SILENCE)).map_err(broken)?;
        let rest = format!("Content-Type: {MEDIA_TYPE}\r\nTransfer-Encoding: chunked\r\n");
        self.begin(&mut stream, &format!("POST /api/v1/sessions/{}/exec", segment(&command.session)?), &rest).map_err(broken)?;
        send(&mut stream, &Frame::control(&json!({ "start": body }))).map_err(broken)?;
        let writer = stream.try_clone().map_err(broken)?;
        let mut answer = self.answer(stream)?;
        let stdin = std::mem::replace(&mut streams.stdin, Box::new(io::empty()));
        // Ends with its input, with the connection, or with the process: nobody waits for it.
        let reading = std::thread::Builder::new().name("stdin".to_owned()).spawn(move || drop(feed(stdin, writer)));
        reading.map_err(broken)?;
        let ended = self.follow(&mut answer, &mut streams);
        // So that the thread, should it be writing, ends too.
        let _closed_already = answer.reader.get_ref().shutdown(Shutdown::Both);
        ended
    }
}

impl HttpClient {
    /// Passes on what the command says, up to its end.
    fn follow(&self, answer: &mut Answer, streams: &mut ExecStreams<'_>) -> Result<CommandEnd, ClientError> {
        let mut frames = Frames::default();
        while let Some(piece) = answer.piece()? {
            frames.push(&piece);
            while let Some(frame) = frames.next_frame().map_err(|error| self.strange(&error.to_string()))? {
                match frame {
                    Frame::Stdout(bytes) => streams.write(Output::Stdout, &bytes)?,
                    Frame::Stderr(bytes) => streams.write(Output::Stderr, &bytes)?,
                    Frame::Stdin(_) => return Err(self.strange("a frame of standard input")),
                    Frame::Control(object) => {
                        let object: Value = serde_json::from_slice(&object).map_err(|error| self.strange(&error.to_string()))?;
                        if let Some(end) = object.get("finished") {
                            return serde_json::from_value(end.clone()).map_err(|error| self.strange(&error.to_string()));
                        }
                        let id = |name| object.get("started").and_then(|started| started.get(name)).and_then(Value::as_str);
                        if let (Some(session), Some(command)) = (id("session_id"), id("command_id")) {
                            (streams.started)(session, command);
                        }
                    }
                }
            }
        }
        Err(ClientError::Broken { source: io::ErrorKind::UnexpectedEof.into() })
    }
}

/// An id as a segment of a path. Ids are letters and digits; what is none cannot be one.
fn segment(id: &str) -> Result<&str, ClientError> {
    if !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') {
        return Ok(id);
    }
    Err(ClientError::Refused { reason: format!("`{id}` is no session's id: `agentsh session list` names them") })
}
