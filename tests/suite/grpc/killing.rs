//! A server process that is killed while a sensor sends: nothing that was acknowledged is lost, nothing is recorded twice.

use agentsh::serve::auth::{KeyFile, Role};

use super::ingest::Sensor;
use super::rig::{Process, make_key, open, runtime};
use crate::support::sqlite3;

#[test]
fn g2_g5_a_sensors_events_survive_ten_kills_of_the_server_each_once_and_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let data_dir = folder.path().join("data");
    let key = make_key(&KeyFile::at(data_dir.join("keys/api.json")), "edge-7", &[Role::Sensor], None);
    let runtime = runtime();
    let mut acknowledged = 0;
    for round in 0..10_u64 {
        let mut process = Process::start(&data_dir, &[], &[]);
        runtime.block_on(async {
            let (mut sensor, welcome) = Sensor::open(process.grpc(), &key).await.unwrap();
            assert!(
                welcome.acked_sequence >= acknowledged,
                "{} was acknowledged, {} is there",
                acknowledged,
                welcome.acked_sequence
            );
            let mut next = welcome.acked_sequence + 1;
            // Several batches in flight when it dies, at another place each round.
            for batch in 0..20_u64 {
                let events = (next..next + 25).map(|number| open(&format!("/data/{number}"))).collect();
                sensor.batch(next, events).await;
                next += 25;
                if batch == 5 + round {
                    process.child.kill().unwrap();
                }
                if batch < 3 {
                    acknowledged = sensor.acked(next - 1).await.unwrap().acked_sequence;
                }
            }
            // What still comes was sent before it died.
            while let Ok(ack) = sensor.acked(0).await {
                acknowledged = ack.acked_sequence;
            }
        });
        process.child.wait().unwrap();
    }
    let process = Process::start(&data_dir, &[], &[]);
    let there = runtime.block_on(async { Sensor::open(process.grpc(), &key).await.unwrap().1.acked_sequence });
    assert!(there >= acknowledged);
    let database = data_dir.join("journal.db");
    let sums = sqlite3(
        &database,
        "SELECT count(*), count(DISTINCT payload ->> '$.sensor.sequence'), max(payload ->> '$.sensor.sequence') FROM events WHERE kind = 'file_open'",
    );
    assert_eq!(sums, format!("{there}|{there}|{there}"));
    let order = sqlite3(
        &database,
        "SELECT count(*) FROM (SELECT payload ->> '$.sensor.sequence' AS n, lag(payload ->> '$.sensor.sequence') OVER (ORDER BY seq) AS before FROM events WHERE kind = 'file_open') WHERE n <> coalesce(before, 0) + 1",
    );
    assert_eq!(order, "0");
    assert_eq!(sqlite3(&database, "SELECT count(*) FROM events WHERE kind = 'events_lost'"), "0");
}
