//! A server with some events, and a client of Flight SQL.

use std::net::SocketAddr;

use agentsh::journal::JournalConfig;
use agentsh::query::sql::{AnswerWriter, Form, QueryConfig};
use agentsh::serve::auth::Keys;
use arrow_flight::sql::client::FlightSqlServiceClient;
use arrow_flight::{FlightInfo, Ticket};
use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::compute::concat_batches;
use datafusion::arrow::datatypes::SchemaRef;
use futures_util::TryStreamExt as _;
use serde_json::Value;
use tonic::transport::Channel;

use crate::api::rig::record;
use crate::grpc::rig::{InProcess, channel, soon};

pub type Client = FlightSqlServiceClient<Channel>;

pub async fn served(query: &QueryConfig) -> InProcess {
    served_with(Keys::none(), query).await
}

pub async fn served_with(keys: Keys, query: &QueryConfig) -> InProcess {
    let rig = InProcess::start_asking(keys, JournalConfig::default(), query, |_| {}).await;
    let journal = std::sync::Arc::clone(&rig.journal);
    tokio::task::spawn_blocking(move || record(&journal, 300)).await.unwrap();
    rig
}

pub async fn client(addr: SocketAddr) -> Client {
    FlightSqlServiceClient::new(channel(addr).await)
}

/// The one ticket of an answer.
pub fn ticket(info: &FlightInfo) -> Ticket {
    assert_eq!(info.endpoint.len(), 1);
    info.endpoint[0].ticket.clone().unwrap()
}

/// All rows behind a ticket, in one batch; they have the columns that were announced.
pub async fn fetch(client: &mut Client, info: FlightInfo) -> RecordBatch {
    let ticket = ticket(&info);
    let announced: SchemaRef = info.try_decode_schema().unwrap().into();
    let stream = soon("the rows", client.do_get(ticket)).await.unwrap();
    let batches: Vec<RecordBatch> = soon("all rows", stream.try_collect()).await.unwrap();
    for batch in &batches {
        assert_eq!(batch.schema(), announced);
    }
    concat_batches(&announced, &batches).unwrap()
}

/// The answer to a question.
pub async fn ask(client: &mut Client, sql: &str) -> RecordBatch {
    let info = soon("the columns", client.execute(sql.to_owned(), None)).await.unwrap();
    fetch(client, info).await
}

/// Rows as JSON, as every other form has them.
pub fn json(batch: &RecordBatch) -> Value {
    let mut written = Vec::new();
    let mut writer = AnswerWriter::start(Form::Json, &batch.schema(), &mut written).unwrap();
    writer.write(batch).unwrap();
    writer.finish(false).unwrap();
    serde_json::from_slice::<Value>(&written).unwrap()["rows"].take()
}
