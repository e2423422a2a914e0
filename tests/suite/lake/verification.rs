//! G-4 for a file alone: an edited value, a hole, a repeat are found, and where.

use std::sync::Arc;

use agentsh::encode::arrow::Column;
use agentsh::journal::{DataDir, Journal, JournalConfig, PublicKey};
use agentsh::sink::parquet::{FileReport, LakeVerifier, ParquetConfig, verify_file};
use arrow_array::{Array, ArrayRef, Int64Array, RecordBatch, StringArray};
use bytes::Bytes;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::file::properties::WriterProperties;

use super::rig::{Place, config, deliver_all, files, head, journal_with, place};
use crate::support::open_event;

fn lake(leaves: bool) -> (Place, String) {
    let place = place();
    journal_with(&place.root, 3_000);
    deliver_all(&place.root, ParquetConfig { leaves, row_group_rows: 100_000, ..config(&place.lake) });
    let name = files(&place.lake).remove(0);
    (place, name)
}

/// Writes a file again, its rows changed, its footer kept: what an intruder with pyarrow would do.
fn forge(bytes: Bytes, change: impl Fn(&RecordBatch) -> Vec<RecordBatch>) -> Bytes {
    let builder = ParquetRecordBatchReaderBuilder::try_new(bytes).unwrap().with_batch_size(1 << 20);
    let pairs = builder.metadata().file_metadata().key_value_metadata().cloned();
    let schema = builder.schema().clone();
    let properties = WriterProperties::builder().set_key_value_metadata(pairs).build();
    let mut writer = ArrowWriter::try_new(Vec::new(), schema, Some(properties)).unwrap();
    for batch in builder.build().unwrap() {
        for changed in change(&batch.unwrap()) {
            writer.write(&changed).unwrap();
        }
    }
    writer.into_inner().unwrap().into()
}

fn with_column(batch: &RecordBatch, column: Column, array: ArrayRef) -> RecordBatch {
    let mut columns = batch.columns().to_vec();
    let at = batch.schema().index_of(column.as_str()).unwrap();
    columns[at] = array;
    RecordBatch::try_new(batch.schema(), columns).unwrap()
}

fn edit_text(batch: &RecordBatch, column: Column, row: usize, value: &str) -> RecordBatch {
    let old = batch.column_by_name(column.as_str()).unwrap();
    let old = old.as_any().downcast_ref::<StringArray>().unwrap();
    let new: StringArray = old.iter().enumerate().map(|(at, text)| if at == row { Some(value) } else { text }).collect();
    with_column(batch, column, Arc::new(new))
}

fn check(bytes: &Bytes, name: &str) -> FileReport {
    LakeVerifier::default().file(name, bytes.clone()).unwrap()
}

fn found(report: &FileReport) -> Vec<String> {
    report.findings.iter().map(ToString::to_string).collect()
}

#[test]
fn g4_a_whole_file_is_whole_alone_and_its_checkpoints_agree_with_its_tree() {
    for leaves in [false, true] {
        let place = place();
        let settings = JournalConfig { checkpoint_events: 500, intake_bytes: 1 << 20, ..JournalConfig::default() };
        let journal = Journal::open(&place.root, &settings).unwrap();
        for number in 0..1_500 {
            journal.channel().publish(&open_event(number));
        }
        journal.close().unwrap();
        deliver_all(&place.root, ParquetConfig { leaves, seal_rows: 700, ..config(&place.lake) });
        let key = PublicKey::parse(&std::fs::read_to_string(DataDir::at(&place.root).public_key()).unwrap()).unwrap();
        let mut verifier = LakeVerifier::new(Some(key.clone()));
        let (mut events, mut checkpoints) = (0, 0);
        for name in files(&place.lake) {
            let report = verifier.file(&name, std::fs::read(place.lake.join(&name)).unwrap().into()).unwrap();
            assert_eq!(found(&report), Vec::<String>::new());
            let alone = verify_file(&place.lake.join(&name), Some(key.clone())).unwrap();
            assert_eq!(alone, report, "a file alone says the same");
            events += report.events;
            checkpoints += report.checkpoints;
        }
        assert_eq!(events, head(&place.root));
        assert!(checkpoints >= 1, "{checkpoints}");
    }
}

#[test]
fn g4_an_edited_value_is_found() {
    let (place, name) = lake(false);
    let whole = Bytes::from(std::fs::read(place.lake.join(&name)).unwrap());
    assert!(check(&forge(whole.clone(), |batch| vec![batch.clone()]), &name).is_whole(), "written anew, unchanged");

    let edited = forge(whole.clone(), |batch| vec![edit_text(batch, Column::Subject, 1_500, "/etc/shadow")]);
    let report = check(&edited, &name);
    assert!(
        found(&report)
            .contains(&"seq 1025 to 2048: at least one of these events is not the one that was written here".to_owned())
    );
    assert!(found(&report).iter().any(|what| what.contains("do not give the root that the footer has")), "{:?}", found(&report));

    // The frame does not hold it, the payload does.
    let edited = forge(whole, |batch| vec![edit_text(batch, Column::Exe, 1_500, "/bin/true")]);
    assert_eq!(found(&check(&edited, &name)), ["seq 1501: column `exe` does not say what the payload says"]);
}

#[test]
fn g4_with_leaves_an_edited_row_is_named() {
    let (place, name) = lake(true);
    let whole = Bytes::from(std::fs::read(place.lake.join(&name)).unwrap());
    let edited = forge(whole, |batch| vec![edit_text(batch, Column::Subject, 1_500, "/etc/shadow")]);
    let report = check(&edited, &name);
    assert_eq!(found(&report)[0], "seq 1501: the event is not the one that was written here: it does not give its leaf");
}

#[test]
fn g4_a_hole_a_repeat_an_exchange_and_a_missing_end_are_found() {
    let (place, name) = lake(false);
    let whole = Bytes::from(std::fs::read(place.lake.join(&name)).unwrap());
    let rows = usize::try_from(head(&place.root)).unwrap();
    let cut = |from: usize, to: usize, again: usize| {
        let forged = forge(whole.clone(), |batch| vec![batch.slice(0, from), batch.slice(to, rows - to - again)]);
        found(&check(&forged, &name))
    };
    assert_eq!(cut(99, 101, 0), ["seq 100 to 101: the events are missing"]);
    assert_eq!(cut(100, 100, 1), [format!("seq {rows}: the events are missing at the end")]);
    assert_eq!(cut(100, 99, 0), ["seq 100: the event stands here again, or not in its place"]);
    let exchanged = forge(whole.clone(), |batch| {
        vec![batch.slice(0, 10), batch.slice(11, 1), batch.slice(10, 1), batch.slice(12, rows - 12)]
    });
    assert_eq!(
        found(&check(&exchanged, &name)),
        ["seq 11: the event is missing", "seq 11: the event stands here again, or not in its place"]
    );
    // Numbered anew, the rows give other leaves.
    let renumbered = forge(whole, |batch| {
        let batch = batch.slice(0, rows);
        let kept = RecordBatch::try_new(batch.schema(), batch.columns().to_vec()).unwrap();
        let seqs: Int64Array = (1..=i64::try_from(rows).unwrap())
            .map(|seq| {
                if seq == 50 {
                    51
                } else if seq == 51 {
                    50
                } else {
                    seq
                }
            })
            .collect();
        vec![with_column(&kept, Column::Seq, Arc::new(seqs))]
    });
    assert!(!check(&renumbered, &name).is_whole());
}

#[test]
fn g4_files_that_do_not_follow_each_other_are_found() {
    let place = place();
    journal_with(&place.root, 40);
    deliver_all(&place.root, ParquetConfig { seal_rows: 10, ..config(&place.lake) });
    let names = files(&place.lake);
    let read = |name: &str| Bytes::from(std::fs::read(place.lake.join(name)).unwrap());
    let mut verifier = LakeVerifier::default();
    assert!(verifier.file(&names[0], read(&names[0])).unwrap().is_whole());
    let report = verifier.file(&names[2], read(&names[2])).unwrap();
    assert_eq!(found(&report), ["seq 11 to 21: the file before ends at 10, this one begins at 21"]);
    // A file under another's name.
    let report = verify_file(&place.lake.join(&names[3]), None).unwrap();
    assert!(report.is_whole());
    let report = LakeVerifier::default().file(&names[1], read(&names[0])).unwrap();
    assert_eq!(found(&report), ["seq 1 to 10: the file is named 11 to 20"]);
}

#[test]
fn g4_a_footer_that_was_made_to_fit_is_found_by_the_next_checkpoint() {
    let place = place();
    let settings = JournalConfig { checkpoint_events: 100, intake_bytes: 1 << 20, ..JournalConfig::default() };
    let journal = Journal::open(&place.root, &settings).unwrap();
    for number in 0..300 {
        journal.channel().publish(&open_event(number));
    }
    journal.close().unwrap();
    // The intruder edits the journal, leaf and row, with triggers dropped, and has the lake written from that.
    let database = rusqlite::Connection::open(DataDir::at(&place.root).journal()).unwrap();
    database.execute_batch("DROP TRIGGER events_refuse_update; UPDATE events SET subject = '/dev/null' WHERE seq = 20;").unwrap();
    let mut frame = Vec::new();
    let rows = super::rig::journaled_unchecked(&place.root);
    frame.extend_from_slice(&rows[19].1);
    let leaf = agentsh::encode::stored::leaf_hash(agentsh::event::Seq::new(20).unwrap(), &frame);
    database.execute("UPDATE events SET leaf = ?1 WHERE seq = 20", [leaf.as_slice()]).unwrap();
    drop(database);
    deliver_all(&place.root, config(&place.lake));
    let key = PublicKey::parse(&std::fs::read_to_string(DataDir::at(&place.root).public_key()).unwrap()).unwrap();
    let path = place.lake.join(&files(&place.lake)[0]);
    assert!(verify_file(&path, None).unwrap().is_whole(), "the file agrees with itself");
    let report = verify_file(&path, Some(key)).unwrap();
    assert!(
        found(&report).iter().any(|what| what.contains("the tree does not have the root that the checkpoint")),
        "{:?}",
        found(&report)
    );
}
