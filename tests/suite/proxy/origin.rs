//! Servers for the proxy to connect to.

use std::io::{BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use super::PATIENCE;
use super::client::{field, read_chunked, read_head};

/// A server that gives each connection to a function, on a thread of its own.
pub struct Origin {
    pub address: SocketAddr,
    pub connections: Arc<AtomicU64>,
}

impl Origin {
    pub fn serving(serve: impl Fn(TcpStream) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let connections = Arc::new(AtomicU64::new(0));
        let (count, serve) = (Arc::clone(&connections), Arc::new(serve));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (Ok(stream), serve) = (stream, Arc::clone(&serve)) else { return };
                count.fetch_add(1, Ordering::SeqCst);
                stream.set_read_timeout(Some(PATIENCE)).unwrap();
                std::thread::spawn(move || serve(stream));
            }
        });
        Self { address, connections }
    }

    /// A web server that answers each request by a function, and keeps what it was asked.
    pub fn answering(answer: impl Fn(&Asked) -> Vec<u8> + Send + Sync + 'static) -> (Self, Arc<Mutex<Vec<Asked>>>) {
        let log: Arc<Mutex<Vec<Asked>>> = Arc::default();
        let kept = Arc::clone(&log);
        let origin = Self::serving(move |stream| {
            let mut stream = Counting { stream, read: 0 };
            let mut read_before = 0;
            loop {
                // Unbuffered, so that what is read is what the request had.
                let mut reader = BufReader::with_capacity(1, &mut stream);
                let Some(head) = read_head(&mut reader) else { return };
                let mut body = Vec::new();
                if let Some(length) = field(&head, "content-length") {
                    body = vec![0; length.parse().unwrap()];
                    if reader.read_exact(&mut body).is_err() {
                        return;
                    }
                } else if field(&head, "transfer-encoding").is_some() {
                    let Some(chunks) = read_chunked(&mut reader) else { return };
                    body = chunks;
                }
                drop(reader);
                let mut asked = Asked { head, body, received: stream.read - read_before, sent: 0 };
                read_before = stream.read;
                let bytes = answer(&asked);
                asked.sent = bytes.len();
                kept.lock().unwrap().push(asked);
                if stream.stream.write_all(&bytes).is_err() {
                    return;
                }
            }
        });
        (origin, log)
    }

    /// A web server that says `hello` to everything.
    pub fn hello() -> (Self, Arc<Mutex<Vec<Asked>>>) {
        Self::answering(|_| ok("hello"))
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub fn connections(&self) -> u64 {
        self.connections.load(Ordering::SeqCst)
    }
}

/// What a web server was asked, and how many bytes that and its answer were on the wire.
#[derive(Clone, Debug)]
pub struct Asked {
    pub head: String,
    pub body: Vec<u8>,
    pub received: usize,
    pub sent: usize,
}

pub fn ok(body: &str) -> Vec<u8> {
    format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

struct Counting {
    stream: TcpStream,
    read: usize,
}

impl Read for Counting {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let read = self.stream.read(buffer)?;
        self.read += read;
        Ok(read)
    }
}

/// An address where nothing listens: the port was free a moment ago.
pub fn nobody() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}
