//! What can be asked about, and what the server says of itself.

use agentsh::query::sql::QueryConfig;
use arrow_flight::sql::{
    CommandGetCrossReference, CommandGetDbSchemas, CommandGetExportedKeys, CommandGetImportedKeys, CommandGetPrimaryKeys,
    CommandGetTables, CommandGetXdbcTypeInfo, SqlInfo,
};
use arrow_flight::{IpcMessage, sql::client::FlightSqlServiceClient};
use datafusion::arrow::array::{AsArray as _, RecordBatch};
use datafusion::arrow::datatypes::{Int32Type, Schema, UInt32Type};
use serde_json::{Value, json};
use tonic::transport::Channel;

use super::rig::{ask, client, fetch, json as rows_of, served};
use crate::grpc::rig::runtime;

fn names(batch: &RecordBatch) -> Vec<&str> {
    batch.schema_ref().fields().iter().map(|field| field.name().as_str()).collect()
}

async fn tables(client: &mut FlightSqlServiceClient<Channel>, asked: CommandGetTables) -> Value {
    let info = client.get_tables(asked).await.unwrap();
    rows_of(&fetch(client, info).await)
}

#[test]
fn catalogs_schemas_and_tables_are_those_that_can_be_asked() {
    runtime().block_on(async {
        let rig = served(&QueryConfig::default()).await;
        let client = &mut client(rig.addr()).await;
        let info = client.get_catalogs().await.unwrap();
        assert_eq!(rows_of(&fetch(client, info).await), json!([["agentsh"]]));
        let all = || CommandGetDbSchemas { catalog: None, db_schema_filter_pattern: None };
        let info = client.get_db_schemas(all()).await.unwrap();
        assert_eq!(rows_of(&fetch(client, info).await), json!([["agentsh", "public"]]));
        let info = client.get_db_schemas(CommandGetDbSchemas { catalog: Some("other".to_owned()), ..all() }).await.unwrap();
        assert_eq!(rows_of(&fetch(client, info).await), json!([]));
        let info = client.get_table_types().await.unwrap();
        assert_eq!(rows_of(&fetch(client, info).await), json!([["TABLE"], ["VIEW"]]));

        let found = tables(client, CommandGetTables::default()).await;
        let found = found.as_array().unwrap();
        assert!(found.len() == 12 && found.contains(&json!(["agentsh", "public", "events", "TABLE"])), "{found:?}");
        for table in found {
            let [catalog, schema, name, kind] = [0, 1, 2, 3].map(|at| table[at].as_str().unwrap());
            assert!(kind == "VIEW" || name == "events", "{table}");
            let counted = ask(client, &format!(r#"SELECT count(*) FROM "{catalog}"."{schema}"."{name}""#)).await;
            assert_eq!(counted.num_rows(), 1, "{name}");
        }
        let narrowed: &[(CommandGetTables, &[&str])] = &[
            (CommandGetTables { table_name_filter_pattern: Some("file%".to_owned()), ..Default::default() }, &["file_events"]),
            (CommandGetTables { table_types: vec!["TABLE".to_owned()], ..Default::default() }, &["events"]),
            (CommandGetTables { catalog: Some(String::new()), ..Default::default() }, &[]),
            (CommandGetTables { db_schema_filter_pattern: Some("information%".to_owned()), ..Default::default() }, &[]),
        ];
        for (asked, expected) in narrowed {
            let found = tables(client, asked.clone()).await;
            let found: Vec<&str> = found.as_array().unwrap().iter().map(|row| row[2].as_str().unwrap()).collect();
            assert_eq!(&found, expected, "{asked:?}");
        }
    });
}

#[test]
fn a_table_is_listed_with_the_columns_that_it_has() {
    runtime().block_on(async {
        let rig = served(&QueryConfig::default()).await;
        let client = &mut client(rig.addr()).await;
        let info = client.get_tables(CommandGetTables { include_schema: true, ..Default::default() }).await.unwrap();
        let listed = fetch(client, info).await;
        assert_eq!(names(&listed), ["catalog_name", "db_schema_name", "table_name", "table_type", "table_schema"]);
        let (tables, schemas) = (listed.column(2).as_string::<i32>(), listed.column(4).as_binary::<i32>());
        for (name, schema) in tables.iter().zip(schemas.iter()) {
            let schema = Schema::try_from(IpcMessage(schema.unwrap().to_vec().into())).unwrap();
            let all = ask(client, &format!("SELECT * FROM {} LIMIT 0", name.unwrap())).await;
            let columns = |schema: &Schema| -> Vec<(String, String)> {
                schema.fields().iter().map(|field| (field.name().clone(), field.data_type().to_string())).collect()
            };
            assert_eq!(columns(&schema), columns(&all.schema()), "{name:?}");
        }
    });
}

#[test]
fn events_have_a_key_and_no_table_refers_to_another() {
    runtime().block_on(async {
        let rig = served(&QueryConfig::default()).await;
        let client = &mut client(rig.addr()).await;
        let of = |table: &str| CommandGetPrimaryKeys { catalog: None, db_schema: None, table: table.to_owned() };
        let info = client.get_primary_keys(of("events")).await.unwrap();
        let key = fetch(client, info).await;
        assert_eq!(names(&key), ["catalog_name", "db_schema_name", "table_name", "column_name", "key_sequence", "key_name"]);
        assert_eq!(rows_of(&key), json!([["agentsh", "public", "events", "seq", 1, null]]));
        for table in ["file_events", "nothing"] {
            let info = client.get_primary_keys(of(table)).await.unwrap();
            assert_eq!(rows_of(&fetch(client, info).await), json!([]), "{table}");
        }
        let exported =
            client.get_exported_keys(CommandGetExportedKeys { table: "events".to_owned(), ..Default::default() }).await;
        let imported =
            client.get_imported_keys(CommandGetImportedKeys { table: "events".to_owned(), ..Default::default() }).await;
        let cross =
            CommandGetCrossReference { pk_table: "events".to_owned(), fk_table: "operations".to_owned(), ..Default::default() };
        let cross = client.get_cross_reference(cross).await;
        for info in [exported, imported, cross] {
            let none = fetch(client, info.unwrap()).await;
            assert_eq!((none.num_rows(), none.num_columns()), (0, 13));
            assert_eq!((names(&none)[0], names(&none)[12]), ("pk_catalog_name", "delete_rule"));
        }
    });
}

#[test]
fn the_server_says_that_it_only_reads_and_has_no_transactions() {
    runtime().block_on(async {
        let rig = served(&QueryConfig::default()).await;
        let client = &mut client(rig.addr()).await;
        let info = client.get_sql_info(Vec::new()).await.unwrap();
        let all = fetch(client, info).await;
        assert!(all.num_rows() > 40, "{}", all.num_rows());
        let asked = [
            SqlInfo::FlightSqlServerName,
            SqlInfo::FlightSqlServerReadOnly,
            SqlInfo::FlightSqlServerTransaction,
            SqlInfo::SqlDdlTable,
        ];
        let info = client.get_sql_info(asked.to_vec()).await.unwrap();
        let some = fetch(client, info).await;
        assert_eq!(some.column(0).as_primitive::<UInt32Type>().values(), &[0, 3, 8, 502]);
        let values = some.column(1).as_union();
        let value = |row: usize| values.value(row);
        assert_eq!(value(0).as_string::<i32>().value(0), "agentsh");
        assert!(value(1).as_boolean().value(0));
        assert_eq!(value(2).as_primitive::<Int32Type>().value(0), 0);
        assert!(!value(3).as_boolean().value(0));
        let info = client.get_xdbc_type_info(CommandGetXdbcTypeInfo { data_type: None }).await.unwrap();
        let types = fetch(client, info).await;
        let known: Vec<_> = types.column(0).as_string::<i32>().iter().flatten().map(str::to_owned).collect();
        assert!(known.contains(&"VARCHAR".to_owned()) && known.contains(&"TIMESTAMP".to_owned()), "{known:?}");
        let info = client.get_xdbc_type_info(CommandGetXdbcTypeInfo { data_type: Some(-5) }).await.unwrap();
        assert_eq!(fetch(client, info).await.column(0).as_string::<i32>().value(0), "BIGINT");
    });
}
