//! How questions end that would not by themselves: at a bound, and when the stream is dropped.

use agentsh::query::sql::QueryConfig;
use agentsh::runtime::units::Millis;
use arrow_flight::sql::client::FlightSqlServiceClient;
use arrow_flight::sql::{ProstMessageExt as _, TicketStatementQuery};
use arrow_flight::{FlightData, Ticket};
use prost::Message as _;
use tonic::{Code, Status, Streaming};

use super::rig::{Client, client, served};
use crate::grpc::rig::{channel, runtime, soon};
use crate::support::DEADLINE;

const ENDLESS: &str = "WITH RECURSIVE n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n";

/// Rows for a long time, and from the beginning.
const POURING: &str = "SELECT a.payload, b.payload, a.subject FROM events a, events b";

async fn fetch(client: &mut Client, sql: &str) -> Result<Streaming<FlightData>, Status> {
    let ticket = TicketStatementQuery { statement_handle: sql.as_bytes().to_vec().into() };
    let ticket = Ticket::new(ticket.as_any().encode_to_vec());
    soon("an answer", client.inner_mut().do_get(ticket)).await.map(tonic::Response::into_inner)
}

async fn read_all(client: &mut Client, sql: &str) -> Result<usize, Status> {
    let mut rows = fetch(client, sql).await?;
    let mut messages = 0;
    while soon("a message", rows.message()).await?.is_some() {
        messages += 1;
    }
    Ok(messages)
}

/// How a question ends that is asked of a server.
pub async fn ask(addr: std::net::SocketAddr, sql: &str) -> Code {
    let ended = read_all(&mut client(addr).await, sql).await;
    ended.map_or_else(|status| status.code(), |_| Code::Ok)
}

/// Waits until the one turn is free, which it is when nothing works on a question any more.
async fn until_free(client: &mut Client) {
    let begun = std::time::Instant::now();
    loop {
        match read_all(client, "SELECT 1").await {
            Ok(_) => return,
            Err(status) => assert_eq!(status.code(), Code::Unavailable, "{status:?}"),
        }
        assert!(begun.elapsed() < DEADLINE, "the question is still worked on");
    }
}

#[test]
fn a_stream_that_is_dropped_ends_its_question_and_meanwhile_others_are_refused() {
    runtime().block_on(async {
        let one = QueryConfig { concurrent: 1, timeout: Millis::new(86_400_000), ..QueryConfig::default() };
        let rig = served(&one).await;
        let mut other = client(rig.addr()).await;
        let mut own = client(rig.addr()).await;
        for _way in 0..2 {
            let stream = fetch(&mut own, ENDLESS).await.unwrap();
            let busy = read_all(&mut other, "SELECT 1").await.unwrap_err();
            assert!(busy.code() == Code::Unavailable && busy.message().contains("query.concurrent"), "{busy:?}");
            drop(stream);
            until_free(&mut other).await;
        }
        // The connection goes, and nobody says a word.
        let mut gone: Client = FlightSqlServiceClient::new(channel(rig.addr()).await);
        let stream = fetch(&mut gone, ENDLESS).await.unwrap();
        assert!(read_all(&mut other, "SELECT 1").await.is_err());
        drop((stream, gone));
        until_free(&mut other).await;
    });
}

#[test]
fn a_question_ends_at_its_bounds_and_never_in_silence() {
    runtime().block_on(async {
        let quick = QueryConfig { timeout: Millis::new(300), ..QueryConfig::default() };
        let rig = served(&quick).await;
        let late = read_all(&mut client(rig.addr()).await, ENDLESS).await.unwrap_err();
        assert!(late.code() == Code::DeadlineExceeded && late.message().contains("query.timeout"), "{late:?}");
        let bounds = QueryConfig { rows: 1_000, memory_bytes: 1 << 20, ..QueryConfig::default() };
        let rig = served(&bounds).await;
        let mut client = client(rig.addr()).await;
        let large = read_all(&mut client, "SELECT a.payload, b.payload FROM events a, events b ORDER BY 1, 2").await.unwrap_err();
        assert!(large.code() == Code::ResourceExhausted && large.message().contains("query.memory_bytes"), "{large:?}");
        let many =
            read_all(&mut client, "SELECT seq FROM events UNION ALL SELECT a.seq FROM events a, events b").await.unwrap_err();
        assert!(many.code() == Code::ResourceExhausted && many.message().contains("1000 rows"), "{many:?}");
        assert!(read_all(&mut client, "SELECT a.seq FROM events a, events b LIMIT 1000").await.is_ok());
    });
}

#[test]
fn a_client_that_does_not_read_has_its_turn_no_longer_than_a_question_may_take() {
    runtime().block_on(async {
        let one = QueryConfig { concurrent: 1, timeout: Millis::new(5_000), ..QueryConfig::default() };
        let rig = served(&one).await;
        let (mut own, mut other) = (client(rig.addr()).await, client(rig.addr()).await);
        let mut stream = fetch(&mut own, POURING).await.unwrap();
        soon("the columns", stream.message()).await.unwrap().unwrap();
        until_free(&mut other).await;
        // What it reads now ends with the reason.
        let status = loop {
            match soon("a message", stream.message()).await {
                Ok(Some(_)) => {}
                Ok(None) => panic!("a part looks like the whole"),
                Err(status) => break status,
            }
        };
        assert!(matches!(status.code(), Code::DeadlineExceeded | Code::Internal), "{status:?}");
    });
}
