//! What writes, what is no question, and what was made up is refused with a status that says why.

use agentsh::query::sql::QueryConfig;
use arrow_flight::sql::{
    Any, CommandPreparedStatementQuery, CommandStatementIngest, CommandStatementQuery, CommandStatementSubstraitPlan,
    CommandStatementUpdate, ProstMessageExt, TicketStatementQuery,
};
use arrow_flight::{Action, Criteria, FlightData, FlightDescriptor, Ticket};
use bytes::Bytes;
use prost::Message as _;
use tonic::{Code, Status};

use super::rig::{Client, ask, client, served};
use crate::grpc::rig::{runtime, soon};

fn packed(command: &impl ProstMessageExt) -> Bytes {
    command.as_any().encode_to_vec().into()
}

async fn asked(client: &mut Client, cmd: impl Into<Bytes>) -> Result<(), Status> {
    soon("an answer", client.inner_mut().get_flight_info(FlightDescriptor::new_cmd(cmd))).await.map(drop)
}

async fn fetched(client: &mut Client, ticket: impl Into<Bytes>) -> Result<(), Status> {
    let mut rows = soon("an answer", client.inner_mut().do_get(Ticket::new(ticket))).await?.into_inner();
    while soon("rows", rows.message()).await?.is_some() {}
    Ok(())
}

async fn put(client: &mut Client, cmd: impl Into<Bytes>) -> Result<(), Status> {
    let data = FlightData::new().with_descriptor(FlightDescriptor::new_cmd(cmd));
    soon("an answer", client.inner_mut().do_put(tokio_stream::once(data))).await.map(drop)
}

fn check(found: Result<(), Status>, code: Code, said: &str, what: &str) {
    let status = found.expect_err(what);
    assert_eq!(status.code(), code, "{what}: {status:?}");
    assert!(status.message().contains(said), "{what}: {status:?}");
}

#[test]
fn nothing_is_written_by_any_way() {
    runtime().block_on(async {
        let rig = served(&QueryConfig::default()).await;
        let client = &mut client(rig.addr()).await;
        let before = ask(client, "SELECT count(*), max(seq) FROM events").await;
        let insert = "INSERT INTO events VALUES (1)";
        let update = CommandStatementUpdate { query: insert.to_owned(), transaction_id: None };
        check(put(client, packed(&update)).await, Code::Unimplemented, "only questions are answered", "update");
        check(asked(client, packed(&update)).await, Code::Unimplemented, "only questions are answered", "update as a question");
        let ingest = CommandStatementIngest { table: "events".to_owned(), ..Default::default() };
        check(put(client, packed(&ingest)).await, Code::Unimplemented, "only questions are answered", "ingest");
        let values = CommandPreparedStatementQuery { prepared_statement_handle: Bytes::from_static(b"SELECT 1") };
        check(put(client, packed(&values)).await, Code::Unimplemented, "no values are taken", "values");
        let exchange = client.inner_mut().do_exchange(tokio_stream::once(FlightData::new())).await.map(drop);
        check(exchange, Code::Unimplemented, "only questions are answered", "exchange");
        for sql in [
            insert,
            "DROP TABLE events",
            "CREATE TABLE t AS SELECT 1",
            "COPY events TO '/tmp/x'",
            "SET x = 1",
            "SELECT 1; DROP TABLE events",
        ] {
            let query = CommandStatementQuery { query: sql.to_owned(), transaction_id: None };
            check(asked(client, packed(&query)).await, Code::InvalidArgument, "only questions are answered", sql);
            let ticket = TicketStatementQuery { statement_handle: Bytes::copy_from_slice(sql.as_bytes()) };
            check(fetched(client, packed(&ticket)).await, Code::InvalidArgument, "only questions are answered", sql);
            let prepared = CommandPreparedStatementQuery { prepared_statement_handle: Bytes::copy_from_slice(sql.as_bytes()) };
            check(fetched(client, packed(&prepared)).await, Code::InvalidArgument, "only questions are answered", sql);
            assert!(client.prepare(sql.to_owned(), None).await.is_err(), "{sql}");
        }
        assert_eq!(ask(client, "SELECT count(*), max(seq) FROM events").await, before);
    });
}

#[test]
fn what_is_no_question_says_where_and_why() {
    runtime().block_on(async {
        let rig = served(&QueryConfig::default()).await;
        let client = &mut client(rig.addr()).await;
        for (sql, said) in [
            ("SELECT kin FROM events", "did you mean `kind`"),
            ("SELECT , FROM events", "line 1, column 8"),
            ("SELECT * FROM '/etc/passwd'", "not found"),
            ("SELECT * FROM events WHERE seq = $1", "no values are taken"),
            ("", "nothing asked"),
        ] {
            let query = CommandStatementQuery { query: sql.to_owned(), transaction_id: None };
            check(asked(client, packed(&query)).await, Code::InvalidArgument, said, sql);
        }
        let late = CommandStatementQuery { query: "SELECT 1".to_owned(), transaction_id: Some(Bytes::from_static(b"x")) };
        check(asked(client, packed(&late)).await, Code::InvalidArgument, "no transactions", "a transaction");
        let plan = CommandStatementSubstraitPlan::default();
        check(asked(client, packed(&plan)).await, Code::Unimplemented, "SQL", "a plan");
        // What is computed of values fails where they are.
        let zero = TicketStatementQuery { statement_handle: Bytes::from_static(b"SELECT seq / 0 FROM events") };
        check(fetched(client, packed(&zero)).await, Code::InvalidArgument, "cannot be computed", "a division");
    });
}

#[test]
fn tickets_commands_and_actions_that_are_none_are_refused() {
    runtime().block_on(async {
        let rig = served(&QueryConfig::default()).await;
        let client = &mut client(rig.addr()).await;
        let foreign = Any { type_url: "type.googleapis.com/nothing".to_owned(), value: Bytes::new() }.encode_to_vec();
        let broken = Any {
            type_url: "type.googleapis.com/arrow.flight.protocol.sql.CommandGetTables".to_owned(),
            value: Bytes::from_static(&[0xff]),
        };
        for bytes in [Vec::new(), vec![0xff; 64], foreign, broken.encode_to_vec(), vec![0; 1_000_000]] {
            let shown = format!("{:?}", &bytes[..bytes.len().min(40)]);
            check(asked(client, bytes.clone()).await, Code::InvalidArgument, "no command of Flight SQL", &shown);
            check(fetched(client, bytes.clone()).await, Code::InvalidArgument, "no command of Flight SQL", &shown);
            assert!(put(client, bytes).await.is_err());
        }
        let odd = TicketStatementQuery { statement_handle: Bytes::from_static(&[0xc3, 0x28]) };
        check(fetched(client, packed(&odd)).await, Code::InvalidArgument, "no ticket", "no text");
        for (name, code) in [
            ("CreatePreparedStatement", Code::InvalidArgument),
            ("ClosePreparedStatement", Code::InvalidArgument),
            ("BeginTransaction", Code::Unimplemented),
            ("CancelQuery", Code::Unimplemented),
            ("CancelFlightInfo", Code::Unimplemented),
            ("SetSessionOptions", Code::Unimplemented),
        ] {
            let action = Action { r#type: name.to_owned(), body: Bytes::new() };
            let status = client.inner_mut().do_action(action).await.map(drop).unwrap_err();
            assert_eq!(status.code(), code, "{name}: {status:?}");
        }
        let flights = client.inner_mut().list_flights(Criteria::default()).await.map(drop).unwrap_err();
        assert_eq!(flights.code(), Code::Unimplemented);
        let mut listed = client.inner_mut().list_actions(arrow_flight::Empty {}).await.unwrap().into_inner();
        let mut names = Vec::new();
        while let Some(action) = listed.message().await.unwrap() {
            names.push(action.r#type);
        }
        assert_eq!(names, ["CreatePreparedStatement", "ClosePreparedStatement"], "only what there is");
    });
}
