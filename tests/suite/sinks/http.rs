//! An HTTP peer that answers as it is told, well or badly.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use nix::sys::socket::{setsockopt, sockopt};

/// One request.
#[derive(Clone, Debug)]
pub struct Request {
    pub head: String,
    pub body: Vec<u8>,
}

impl Request {
    /// The value of a header; empty when it is not there.
    pub fn header(&self, name: &str) -> &str {
        let lines = self.head.lines().skip(1).filter_map(|line| line.split_once(": "));
        lines.filter(|(own, _)| own.eq_ignore_ascii_case(name)).map(|(_, value)| value).next().unwrap_or_default()
    }

    /// Position and id of each event in the body.
    pub fn events(&self) -> Vec<(u64, String)> {
        let mut text = String::new();
        if self.header("content-encoding") == "gzip" {
            flate2::read::GzDecoder::new(self.body.as_slice()).read_to_string(&mut text).unwrap();
        } else {
            text = String::from_utf8(self.body.clone()).unwrap();
        }
        let values: Vec<serde_json::Value> = if self.header("content-type") == "application/json" {
            serde_json::from_str(&text).unwrap()
        } else {
            text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
        };
        values.iter().map(|value| (value["seq"].as_u64().unwrap(), value["id"].as_str().unwrap().to_owned())).collect()
    }
}

/// What a peer does with a request.
pub enum Reply {
    /// Bytes, and the connection stays.
    Say(String),
    /// Bytes, and the connection is cut.
    Break(String),
    /// The connection is reset.
    Reset,
    /// Nothing, ever.
    Stall,
}

impl Reply {
    pub fn status(status: u16) -> Self {
        Self::with(status, "", "")
    }

    pub fn with(status: u16, headers: &str, body: &str) -> Self {
        let length = body.len();
        Self::Say(format!("HTTP/1.1 {status} Word\r\nContent-Length: {length}\r\n{headers}\r\n{body}"))
    }
}

#[derive(Default)]
struct State {
    requests: Vec<(Request, bool)>,
    stalled: Vec<TcpStream>,
}

pub struct Peer {
    port: u16,
    state: Arc<Mutex<State>>,
}

impl Peer {
    pub fn start(answer: impl FnMut(&Request) -> Reply + Send + 'static) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let state = Arc::<Mutex<State>>::default();
        let (answer, shared) = (Arc::new(Mutex::new(answer)), Arc::clone(&state));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (answer, state) = (Arc::clone(&answer), Arc::clone(&shared));
                std::thread::spawn(move || serve(stream.unwrap(), &answer, &state));
            }
        });
        Self { port, state }
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}/hook?token=not-for-logs", self.port)
    }

    /// Every request that came in whole.
    pub fn requests(&self) -> Vec<Request> {
        self.state.lock().unwrap().requests.iter().map(|(request, _)| request.clone()).collect()
    }

    /// Events of the requests that were answered with 2xx.
    pub fn events(&self) -> Vec<(u64, String)> {
        let state = self.state.lock().unwrap();
        state.requests.iter().filter(|(_, taken)| *taken).flat_map(|(request, _)| request.events()).collect()
    }
}

pub fn read(reader: &mut impl BufRead) -> Option<Request> {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head).ok()? == 0 {
            return None;
        }
    }
    let mut request = Request { head, body: Vec::new() };
    let length: usize = request.header("content-length").parse().ok()?;
    request.body = vec![0; length];
    reader.read_exact(&mut request.body).ok()?;
    Some(request)
}

fn serve<A: FnMut(&Request) -> Reply>(stream: TcpStream, answer: &Mutex<A>, state: &Mutex<State>) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut stream = stream;
    while let Some(request) = read(&mut reader) {
        let reply = answer.lock().unwrap()(&request);
        let taken = matches!(&reply, Reply::Say(text) if text.starts_with("HTTP/1.1 2"));
        state.lock().unwrap().requests.push((request, taken));
        match reply {
            Reply::Say(text) => {
                if stream.write_all(text.as_bytes()).is_err() {
                    return;
                }
            }
            Reply::Break(text) => {
                let _the_client_may_be_gone = stream.write_all(text.as_bytes()).and_then(|()| stream.shutdown(Shutdown::Both));
                return;
            }
            Reply::Reset => {
                let linger = libc::linger { l_onoff: 1, l_linger: 0 };
                setsockopt(&stream, sockopt::Linger, &linger).unwrap();
                drop(reader);
                return;
            }
            Reply::Stall => {
                state.lock().unwrap().stalled.push(stream);
                return;
            }
        }
    }
}
