//! A network between two programs that can be slowed, stalled, cut and refused.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// What the network does with bytes and connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weather {
    Fine = 0,
    /// A few KiB a millisecond.
    Slow = 1,
    /// Connections stay, nothing moves.
    Stalled = 2,
    /// Connections are accepted and closed at once.
    Refusing = 3,
    /// A few bytes a millisecond.
    Trickling = 4,
    /// Something else answers in the far side's place, and what it says is garbage.
    Babbling = 5,
}

/// A proxy in front of an address that may change (a server that is started anew listens elsewhere).
pub struct Link {
    addr: SocketAddr,
    state: Arc<State>,
}

struct State {
    weather: AtomicU8,
    target: watch::Sender<Option<SocketAddr>>,
    /// Connections of an older generation are cut.
    generation: watch::Sender<u64>,
    carried: AtomicU64,
}

impl Link {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let state = Arc::new(State {
            weather: AtomicU8::new(0),
            target: watch::Sender::new(None),
            generation: watch::Sender::new(0),
            carried: AtomicU64::new(0),
        });
        let accepting = Arc::clone(&state);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                match accepting.weather() {
                    Weather::Refusing => {}
                    Weather::Babbling => drop(tokio::spawn(babble(client))),
                    _ => drop(tokio::spawn(carry(client, Arc::clone(&accepting)))),
                }
            }
        });
        Self { addr, state }
    }

    /// Where a client connects to.
    pub const fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Where new connections lead from now on.
    pub fn lead_to(&self, target: SocketAddr) {
        self.state.target.send_replace(Some(target));
    }

    pub fn set(&self, weather: Weather) {
        self.state.weather.store(weather as u8, Ordering::Relaxed);
    }

    /// Closes every connection, in the middle of whatever they carry.
    pub fn cut(&self) {
        self.state.generation.send_modify(|generation| *generation += 1);
    }

    /// Bytes that went either way.
    pub fn carried(&self) -> u64 {
        self.state.carried.load(Ordering::Relaxed)
    }
}

impl State {
    fn weather(&self) -> Weather {
        match self.weather.load(Ordering::Relaxed) {
            1 => Weather::Slow,
            2 => Weather::Stalled,
            3 => Weather::Refusing,
            4 => Weather::Trickling,
            5 => Weather::Babbling,
            _ => Weather::Fine,
        }
    }
}

async fn carry(client: TcpStream, state: Arc<State>) {
    let Some(target) = *state.target.borrow() else { return };
    let Ok(server) = TcpStream::connect(target).await else { return };
    let mut generation = state.generation.subscribe();
    let born = *generation.borrow();
    let (client_in, client_out) = client.into_split();
    let (server_in, server_out) = server.into_split();
    tokio::select! {
        () = pump(client_in, server_out, &state) => {}
        () = pump(server_in, client_out, &state) => {}
        _ = generation.wait_for(|now| *now != born) => {}
    }
}

/// Takes what comes for a moment and answers with bytes that are no protocol.
async fn babble(mut client: TcpStream) {
    let mut asked = [0; 1 << 10];
    let asked = tokio::time::timeout(Duration::from_millis(20), client.read(&mut asked)).await;
    let garbage: Vec<u8> = (0..512_u32).map(|number| (number.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    let _it_may_be_gone = client.write_all(&garbage).await;
    drop(asked);
}

async fn pump(mut from: tokio::net::tcp::OwnedReadHalf, mut to: tokio::net::tcp::OwnedWriteHalf, state: &State) {
    let mut buffer = vec![0; 64 << 10];
    loop {
        let most = match state.weather() {
            // What is connected already stays as it is.
            Weather::Fine | Weather::Refusing | Weather::Babbling => buffer.len(),
            Weather::Trickling => {
                tokio::time::sleep(Duration::from_millis(1)).await;
                16
            }
            Weather::Slow => {
                tokio::time::sleep(Duration::from_millis(1)).await;
                4 << 10
            }
            Weather::Stalled => {
                tokio::time::sleep(Duration::from_millis(5)).await;
                continue;
            }
        };
        let Ok(count) = from.read(&mut buffer[..most]).await else { return };
        state.carried.fetch_add(count as u64, Ordering::Relaxed);
        if count == 0 {
            let _the_other_side_may_be_gone = to.shutdown().await;
            // The other direction may still have something to say; it ends this connection.
            std::future::pending::<()>().await;
        }
        if to.write_all(&buffer[..count]).await.is_err() {
            return;
        }
    }
}
