//! A client that speaks HTTP/1.1 byte by byte, so that a test can say exactly what it sends.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};

use super::PATIENCE;

pub struct Client {
    pub stream: BufReader<TcpStream>,
}

#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    pub head: String,
    pub body: Vec<u8>,
}

impl Reply {
    pub fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
    }
}

impl Client {
    pub fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Self { stream: BufReader::new(stream) }
    }

    pub fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.get_mut().write_all(bytes.as_ref()).unwrap();
    }

    /// Sends a request and reads the whole answer.
    pub fn ask(&mut self, request: impl AsRef<[u8]>) -> Reply {
        self.send(request);
        self.reply()
    }

    pub fn get(&mut self, url: &str) -> Reply {
        let host = url.strip_prefix("http://").unwrap().split('/').next().unwrap().to_owned();
        self.ask(format!("GET {url} HTTP/1.1\r\nHost: {host}\r\n\r\n"))
    }

    pub fn reply(&mut self) -> Reply {
        self.try_reply().expect("an answer")
    }

    /// `None` when the connection ends without a head, or in the body.
    pub fn try_reply(&mut self) -> Option<Reply> {
        let head = self.head()?;
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        let mut body = Vec::new();
        if let Some(length) = field(&head, "content-length") {
            body = vec![0; length.parse().unwrap()];
            self.stream.read_exact(&mut body).ok()?;
        } else if field(&head, "transfer-encoding").is_some() {
            body = read_chunked(&mut self.stream)?;
        } else if status != 204 && status != 304 {
            self.stream.read_to_end(&mut body).ok()?;
        }
        Some(Reply { status, head, body })
    }

    /// The head of an answer, with its last empty line.
    pub fn head(&mut self) -> Option<String> {
        read_head(&mut self.stream)
    }

    /// Whether the other side has closed.
    pub fn is_closed(&mut self) -> bool {
        matches!(self.stream.read(&mut [0]), Ok(0) | Err(_))
    }
}

pub fn read_head(stream: &mut impl BufRead) -> Option<String> {
    let mut head = Vec::new();
    loop {
        let before = head.len();
        if stream.read_until(b'\n', &mut head).ok()? == 0 {
            return None;
        }
        if &head[before..] == b"\r\n" {
            return Some(String::from_utf8_lossy(&head).into_owned());
        }
    }
}

pub fn read_chunked(stream: &mut impl BufRead) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).ok()?;
        let size = usize::from_str_radix(line.trim().split(';').next()?, 16).ok()?;
        let mut chunk = vec![0; size + 2];
        stream.read_exact(&mut chunk).ok()?;
        body.extend_from_slice(&chunk[..size]);
        if size == 0 {
            return Some(body);
        }
    }
}

pub fn field(head: &str, name: &str) -> Option<String> {
    head.lines().find_map(|line| {
        let (field, value) = line.split_once(':')?;
        field.eq_ignore_ascii_case(name).then(|| value.trim().to_owned())
    })
}
