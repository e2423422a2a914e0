//! Answers have the rows of the engine: asked at once, prepared, and announced by their columns alone.

use agentsh::journal::DataDir;
use agentsh::query::sql::{QueryConfig, questions};
use arrow_flight::FlightDescriptor;
use arrow_flight::sql::{CommandStatementQuery, ProstMessageExt as _};
use datafusion::arrow::datatypes::{DataType, Schema};
use prost::Message as _;
use serde_json::json;

use super::rig::{ask, client, fetch, json, served};
use crate::grpc::rig::runtime;
use crate::sql::rig::{engine, rows};

#[test]
fn every_ready_question_has_the_rows_of_the_engine() {
    runtime().block_on(async {
        let rig = served(&QueryConfig::default()).await;
        let data = rig.data_dir();
        let texts: Vec<String> = questions().iter().map(|question| question.sql(|_| None)).collect();
        let asked = texts.clone();
        let engine = move || {
            let engine = engine(&DataDir::at(&data), None);
            asked.iter().map(|sql| rows(&engine, sql)).collect::<Vec<_>>()
        };
        let expected = tokio::task::spawn_blocking(engine).await.unwrap();
        assert_eq!(expected.len(), 20);
        let mut client = client(rig.addr()).await;
        for ((question, sql), expected) in questions().iter().zip(texts).zip(expected) {
            assert_eq!(json(&ask(&mut client, &sql).await), expected, "{}", question.name);
        }
    });
}

#[test]
fn a_prepared_statement_has_the_same_columns_and_rows_as_often_as_it_is_asked() {
    runtime().block_on(async {
        let rig = served(&QueryConfig::default()).await;
        let mut client = client(rig.addr()).await;
        let sql = "SELECT seq, time, subject, attack, id FROM events WHERE seq < 40 ORDER BY seq";
        let expected = ask(&mut client, sql).await;
        let mut prepared = client.prepare(sql.to_owned(), None).await.unwrap();
        assert_eq!(prepared.dataset_schema().unwrap(), expected.schema().as_ref());
        assert_eq!(prepared.parameter_schema().unwrap(), &Schema::empty());
        for _again in 0..2 {
            let info = prepared.execute().await.unwrap();
            assert_eq!(fetch(&mut client, info).await, expected);
        }
        prepared.close().await.unwrap();
    });
}

#[test]
fn texts_have_a_type_that_every_driver_knows_and_columns_are_told_without_asking() {
    runtime().block_on(async {
        let rig = served(&QueryConfig::default()).await;
        let mut client = client(rig.addr()).await;
        let sql = "SELECT seq, subject, argv, lower(kind) AS word FROM events";
        let command = CommandStatementQuery { query: sql.to_owned(), transaction_id: None };
        let descriptor = FlightDescriptor::new_cmd(command.as_any().encode_to_vec());
        let told = client.inner_mut().get_schema(descriptor.clone()).await.unwrap().into_inner();
        let schema = Schema::try_from(&told).unwrap();
        let types: Vec<String> = schema.fields().iter().map(|field| field.data_type().to_string()).collect();
        assert!(types.iter().all(|name| !name.contains("View")), "{types:?}");
        assert_eq!(schema.field(1).data_type(), &DataType::Utf8);
        let polled = client.inner_mut().poll_flight_info(descriptor).await.unwrap().into_inner();
        assert!(polled.flight_descriptor.is_none(), "there is nothing to wait for");
        assert_eq!(polled.info.unwrap().try_decode_schema().unwrap(), schema);
        assert_eq!(ask(&mut client, sql).await.schema().as_ref(), &schema);
        // No rows are an answer, too.
        let none = ask(&mut client, "SELECT seq, subject FROM events WHERE seq < 0").await;
        assert_eq!((none.num_rows(), json(&none)), (0, json!([])));
    });
}
