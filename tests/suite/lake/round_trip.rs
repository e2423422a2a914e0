//! Row to Parquet to row to frame to leaf, for every kind.

use agentsh::encode::arrow::StoredRows;
use agentsh::encode::stored;
use agentsh::event::{Event, Kind, Seq};

use super::rig::{assert_equal_to_journal, config, deliver_all, files, full_event, journal_of, open, place};
use crate::support::open_event;
use crate::vocabulary::samples::Schema;

fn every_kind() -> Vec<Event> {
    let schema = Schema::new();
    let full = Kind::ALL.iter().enumerate().map(|(place, kind)| full_event(&schema, place, *kind));
    // And one with as little as there can be.
    let bare = Event { session_id: None, actor: None, ..open_event(1) };
    full.chain([bare]).collect()
}

#[test]
fn every_kind_comes_back_from_parquet_byte_for_byte_and_gives_its_leaf() {
    for leaves in [false, true] {
        let place = place();
        journal_of(&place.root, every_kind());
        deliver_all(&place.root, agentsh::sink::parquet::ParquetConfig { leaves, ..config(&place.lake) });
        assert_equal_to_journal(&place.root, &place.lake);
        let mut kinds = Vec::new();
        for name in files(&place.lake) {
            for batch in open(&place.lake, &name).stored_batches().unwrap() {
                let batch = batch.unwrap();
                for row in StoredRows::of(&batch).unwrap().iter() {
                    let row = row.unwrap();
                    let event = row.columns().to_event().unwrap();
                    let mut frame = Vec::new();
                    stored::encode(&event, &mut frame);
                    let leaf = stored::leaf_hash(Seq::new(row.seq).unwrap(), &frame);
                    assert_eq!(row.leaf.is_some(), leaves);
                    assert!(row.leaf.is_none_or(|stored| stored == leaf), "{}", event.kind().as_str());
                    kinds.push(event.kind());
                }
            }
        }
        assert!(Kind::ALL.iter().all(|kind| kinds.contains(kind)));
    }
}
