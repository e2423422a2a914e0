//! A key as the drivers send it: `x-api-key`, `Bearer`, and `Basic` that a handshake changes for a token.

use agentsh::query::sql::QueryConfig;
use agentsh::runtime::clock;
use agentsh::serve::auth::{KeyFile, Keys, Role};
use arrow_flight::sql::client::FlightSqlServiceClient;
use serde_json::json;

use super::rig::{Client, ask, client, json as rows_of, served, served_with};
use crate::grpc::rig::{make_key, runtime, soon};

async fn may(client: &mut Client) -> Result<(), String> {
    soon("an answer", client.execute("SELECT 1 AS one".to_owned(), None)).await.map(drop).map_err(|error| error.to_string())
}

fn refused(found: Result<(), String>, said: &str) {
    let error = found.unwrap_err();
    assert!(error.contains(said), "{error}");
}

#[test]
fn a_key_opens_however_a_driver_sends_it_and_only_to_those_who_may_read() {
    let folder = tempfile::tempdir().unwrap();
    let file = KeyFile::at(folder.path().join("keys.json"));
    let auditor = make_key(&file, "auditor", &[Role::Auditor], None);
    let sensor = make_key(&file, "sensor", &[Role::Sensor], None);
    runtime().block_on(async {
        let rig = served_with(Keys::open(file).unwrap(), &QueryConfig::default()).await;
        refused(may(&mut client(rig.addr()).await).await, "a key is needed");

        let mut by_key = client(rig.addr()).await;
        by_key.set_header("x-api-key", &auditor);
        assert_eq!(rows_of(&ask(&mut by_key, "SELECT 1 AS one").await), json!([[1]]));

        let mut by_bearer = client(rig.addr()).await;
        by_bearer.set_token(auditor.clone());
        assert_eq!(rows_of(&ask(&mut by_bearer, "SELECT 1 AS one").await), json!([[1]]));

        let mut by_handshake = client(rig.addr()).await;
        soon("the handshake", by_handshake.handshake("anybody", &auditor)).await.unwrap();
        let token = by_handshake.token().unwrap().clone();
        assert!(!token.contains("agentsh_") && !auditor.contains(&token), "an answer holds no key");
        assert_eq!(rows_of(&ask(&mut by_handshake, "SELECT 1 AS one").await), json!([[1]]));

        // Others, and what is none.
        let mut wrong = client(rig.addr()).await;
        wrong.set_header("x-api-key", &sensor);
        refused(may(&mut wrong).await, "this takes admin, auditor, operator");
        assert!(soon("the handshake", wrong.handshake("anybody", &sensor)).await.is_err());
        for token in ["", "0", &"0".repeat(64), "agentsh_00000000_00"] {
            let mut none = client(rig.addr()).await;
            none.set_token(token.to_owned());
            assert!(may(&mut none).await.is_err(), "{token:?}");
        }
        let mut none: Client = FlightSqlServiceClient::new_from_inner(client(rig.addr()).await.into_inner());
        assert!(soon("the handshake", none.handshake("anybody", "guess")).await.is_err());
        assert!(soon("the handshake", none.handshake("anybody", "")).await.is_err());
    });
}

#[test]
fn a_token_is_good_for_nothing_once_its_key_is_revoked() {
    let folder = tempfile::tempdir().unwrap();
    let file = KeyFile::at(folder.path().join("keys.json"));
    let key = make_key(&file, "analyst", &[Role::Auditor], None);
    runtime().block_on(async {
        let rig = served_with(Keys::open(file.clone()).unwrap(), &QueryConfig::default()).await;
        let mut client = client(rig.addr()).await;
        soon("the handshake", client.handshake("analyst", &key)).await.unwrap();
        may(&mut client).await.unwrap();
        file.revoke("analyst").unwrap();
        let begun = clock::instant();
        while may(&mut client).await.is_ok() {
            assert!(begun.elapsed() < crate::support::DEADLINE, "it is still good");
        }
    });
}

#[test]
fn without_keys_a_driver_needs_none() {
    runtime().block_on(async {
        let rig = served(&QueryConfig::default()).await;
        let mut client = client(rig.addr()).await;
        soon("the handshake", client.handshake("anybody", "")).await.unwrap();
        assert_eq!(client.token(), None);
        may(&mut client).await.unwrap();
    });
}
