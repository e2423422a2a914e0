//! Whatever is done to a journal with the stock `sqlite3` program, `verify` finds it and says where (G-4).

use std::path::{Path, PathBuf};

use agentsh::encode::stored;
use agentsh::event::{Decision, Seq};
use agentsh::journal::{DataDir, Frontier, Verification, verify};
use agentsh::policy::OnAuditFailure;

use super::rig::{copy, open_with, small, store, verified, whole};
use crate::support::{has_program, judgement, open_event, policy, sqlite3, try_sqlite3};

const MIGRATION: &str = include_str!("../../../migrations/0001_journal.sql");

/// A journal of 34 events with checkpoints at 11, 22 and 33; each is recorded by the event behind it.
struct Original {
    folder: tempfile::TempDir,
}

impl Original {
    fn new() -> Option<Self> {
        if !has_program("sqlite3", "evidence") {
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        let journal = open_with(&folder.path().join("data"), &small());
        for part in 0..3 {
            for number in 0..5 {
                let event = open_event(part * 5 + number);
                journal.channel().gate(&event, &judgement(Decision::Allow), &policy(OnAuditFailure::Deny)).unwrap();
            }
            if part < 2 {
                assert!(journal.checkpoint());
            }
        }
        // The last one comes with the close, and 10 events behind the one before.
        journal.close().unwrap();
        let sizes: Vec<_> = store(&folder.path().join("data")).checkpoints().unwrap().iter().map(|row| row.tree_size).collect();
        assert_eq!(sizes, [11, 22, 33]);
        Some(Self { folder })
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn copy(&self) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("data");
        copy(&self.path(), &path);
        (folder, path)
    }

    /// Verifies a copy after `sql`, which runs with the triggers dropped; they are there again afterwards.
    fn after(&self, sql: &str) -> Verification {
        let (_folder, path) = self.copy();
        tamper(&path, sql);
        verified(&path)
    }
}

fn trigger(name: &str) -> &'static str {
    let start = MIGRATION.find(&format!("CREATE TRIGGER {name} ")).unwrap();
    &MIGRATION[start..start + MIGRATION[start..].find("END;").unwrap() + 4]
}

fn tamper(root: &Path, sql: &str) {
    let (update, delete) = ("events_refuse_update", "events_refuse_delete");
    let script = format!("DROP TRIGGER {update}; DROP TRIGGER {delete}; {sql}; {} {}", trigger(update), trigger(delete));
    sqlite3(&DataDir::at(root).journal(), &script);
}

/// There is a finding about just these events.
fn finds(report: &Verification, what: &str, first: u64, last: u64) {
    assert!(
        report.findings.iter().any(|finding| finding.seqs == (first, last)),
        "{what}: nothing about {first} to {last} in {:#?}",
        report.findings
    );
    assert!(!report.is_whole() && report.finding_count >= report.findings.len() as u64);
}

#[test]
fn g4_an_untouched_journal_has_no_finding() {
    let Some(original) = Original::new() else { return };
    assert_eq!(whole(&original.path()), 34);
    let report = verified(&original.path());
    assert_eq!((report.checkpoints, report.signed_to), (3, 33));
    // Nor has one whose triggers were dropped and made again, or that was vacuumed, or whose projections were changed.
    let report = original.after("SELECT 1");
    assert!(report.is_whole(), "{:#?}", report.findings);
    let (_folder, path) = original.copy();
    sqlite3(&DataDir::at(&path).journal(), "VACUUM; DELETE FROM sessions; DELETE FROM cursors; CREATE INDEX mine ON events(pid)");
    whole(&path);
}

#[test]
fn g4_an_edit_of_any_column_is_found_at_its_seq() {
    let Some(original) = Original::new() else { return };
    let edits = [
        ("payload", "json_set(payload, '$.path', '/etc/passwd')"),
        ("payload", "payload || ' '"),
        ("subject", "'/etc/passwd'"),
        ("subject", "NULL"),
        ("time_us", "time_us + 1"),
        ("decision", "'deny'"),
        ("rule", "coalesce(rule, '') || 'x'"),
        ("session_id", "NULL"),
        ("command_id", "'c'"),
        ("cause", "x'00112233445566778899aabbccddeeff'"),
        ("kind", "'file_create'"),
        ("pid", "1"),
        ("severity", "6"),
        ("attack", "'[\"T1003\"]'"),
        ("id", "x'00112233445566778899aabbccddeeff'"),
        ("id", "x''"),
        ("leaf", "zeroblob(32)"),
        ("leaf", "x''"),
        ("payload", "CAST(x'7bff7d' AS TEXT)"),
        ("kind", "CAST(x'ff' AS TEXT)"),
    ];
    for seq in [2, 16, 33] {
        for (column, value) in edits {
            let report = original.after(&format!("UPDATE events SET {column} = {value} WHERE seq = {seq}"));
            finds(&report, &format!("{column} = {value}"), seq, seq);
        }
    }
    // Several edits at once are each named.
    let report = original.after("UPDATE events SET pid = 7 WHERE seq IN (3, 9, 30)");
    for seq in [3, 9, 30] {
        finds(&report, "three edits", seq, seq);
    }
}

/// The leaf of a row as it is now.
fn leaf(root: &Path, seq: u64) -> String {
    let mut hex = String::new();
    let rows = store(root).rows::<agentsh::journal::StoreError>(seq - 1, &[], Some(1), |row| {
        hex = hex_of(&stored::leaf_hash(Seq::new(row.seq).unwrap(), row.frame));
        Ok(std::ops::ControlFlow::Continue(()))
    });
    rows.unwrap();
    hex
}

fn hex_of(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Makes leaves, and where `tree` says so the stored tree, fit the rows: what a forger with a Merkle library does.
fn forge(root: &Path, seqs: &[u64], tree: bool) {
    for seq in seqs {
        tamper(root, &format!("UPDATE events SET leaf = x'{}' WHERE seq = {seq}", leaf(root, *seq)));
    }
    if tree {
        let mut frontier = Frontier::default();
        let rows = store(root).rows::<agentsh::journal::StoreError>(0, &[], None, |row| {
            frontier.push(stored::leaf_hash(Seq::new(row.seq).unwrap(), row.frame));
            Ok(std::ops::ControlFlow::Continue(()))
        });
        rows.unwrap();
        let sql = format!("UPDATE tree SET size = {}, frontier = x'{}'", frontier.size(), hex_of(&frontier.to_bytes()));
        sqlite3(&DataDir::at(root).journal(), &sql);
    }
}

#[test]
fn g4_an_edit_with_a_forged_leaf_and_tree_is_found_between_the_checkpoints_around_it() {
    let Some(original) = Original::new() else { return };
    for (seq, first, last) in [(2, 1, 11), (11, 1, 11), (12, 12, 22), (20, 12, 22), (33, 23, 33)] {
        for tree in [false, true] {
            let (_folder, path) = original.copy();
            tamper(&path, &format!("UPDATE events SET pid = 7 WHERE seq = {seq}"));
            forge(&path, &[seq], tree);
            let report = verified(&path);
            finds(&report, &format!("forged {seq}"), first, last);
            let alone = !tree || report.finding_count == 1;
            assert!(alone, "one change is one finding: {:#?}", report.findings);
        }
    }
}

const COLUMNS: &str =
    "id, time_us, session_id, command_id, cause, kind, pid, subject, decision, rule, severity, attack, payload, leaf";

#[test]
fn g4_an_insertion_is_found_wherever_it_is_made() {
    let Some(original) = Original::new() else { return };
    let insert = |seq: i64| format!("INSERT INTO events SELECT {seq}, {COLUMNS} FROM events WHERE seq = 2");
    finds(&original.after(&insert(35)), "at the end", 35, 35);
    finds(&original.after(&insert(40)), "behind a gap", 35, 39);
    for seq in [0, -5] {
        finds(&original.after(&insert(seq)), "before the first", 0, 0);
    }
    for tree in [false, true] {
        let (_folder, path) = original.copy();
        tamper(&path, &insert(35));
        forge(&path, &[35], tree);
        let report = verified(&path);
        if tree {
            // Nothing signed says that the journal ended before: this is what the next checkpoint is for.
            assert!(report.is_whole() && report.signed_to == 33, "{:#?}", report.findings);
        } else {
            finds(&report, "at the end, with its leaf", 35, 35);
        }
    }
    // In the middle, everything behind it moved by one.
    let moved =
        format!("UPDATE events SET seq = -(seq + 1) WHERE seq >= 16; UPDATE events SET seq = -seq WHERE seq < 0; {}", insert(16));
    let report = original.after(&moved);
    for seq in 16..=35 {
        finds(&report, "in the middle", seq, seq);
    }
    let (_folder, path) = original.copy();
    tamper(&path, &moved);
    forge(&path, &(16..=35).collect::<Vec<_>>(), true);
    finds(&verified(&path), "in the middle, all forged", 12, 22);
}

#[test]
fn g4_a_deletion_is_found_wherever_it_is_made() {
    let Some(original) = Original::new() else { return };
    for (what, condition, first, last) in [
        ("first", "seq = 1", 1, 1),
        ("middle", "seq = 16", 16, 16),
        ("several", "seq BETWEEN 5 AND 9", 5, 9),
        ("a checkpoint's event", "seq = 23", 23, 23),
        ("last", "seq = 34", 34, 34),
        ("tail", "seq > 20", 21, 34),
        ("all", "1", 1, 34),
    ] {
        finds(&original.after(&format!("DELETE FROM events WHERE {condition}")), what, first, last);
    }
    // Closed up, so that no gap shows.
    let closed_up = "DELETE FROM events WHERE seq = 16; UPDATE events SET seq = -(seq - 1) WHERE seq > 16; \
                     UPDATE events SET seq = -seq WHERE seq < 0";
    let report = original.after(closed_up);
    for seq in 16..=33 {
        finds(&report, "closed up", seq, seq);
    }
    let (_folder, path) = original.copy();
    tamper(&path, closed_up);
    forge(&path, &(16..=33).collect::<Vec<_>>(), true);
    finds(&verified(&path), "closed up, all forged", 12, 22);
}

#[test]
fn g4_swapped_rows_are_both_found() {
    let Some(original) = Original::new() else { return };
    let swap = "UPDATE events SET seq = -14 WHERE seq = 14; UPDATE events SET seq = 14 WHERE seq = 18; \
                UPDATE events SET seq = 18 WHERE seq = -14";
    let report = original.after(swap);
    finds(&report, "swapped", 14, 14);
    finds(&report, "swapped", 18, 18);
    let (_folder, path) = original.copy();
    tamper(&path, swap);
    forge(&path, &[14, 18], true);
    finds(&verified(&path), "swapped and forged", 12, 22);
}

#[test]
fn g4_a_truncation_is_found_with_all_that_stands_beside_the_events() {
    let Some(original) = Original::new() else { return };
    for keep in [33, 31, 22, 15, 1] {
        let events = format!("DELETE FROM events WHERE seq > {keep}");
        let checkpoints = format!("DELETE FROM checkpoints WHERE tree_size > {keep}");
        let (_folder, path) = original.copy();
        tamper(&path, &events);
        finds(&verified(&path), "events", keep + 1, 34);
        forge(&path, &[], true);
        // Now the tree agrees, and the checkpoints are what is left.
        finds(&verified(&path), "events and tree", keep + 1, if keep == 33 { 34 } else { 33 });
        sqlite3(&DataDir::at(&path).journal(), &checkpoints);
        let report = verified(&path);
        if keep < 33 {
            // And now the witness file.
            finds(&report, "events, tree and checkpoints", keep + 1, 33);
        } else {
            finds(&report, "the last checkpoint's own event", 34, 34);
        }
    }
}

#[test]
fn g4_a_missing_or_changed_trigger_is_found() {
    let Some(original) = Original::new() else { return };
    let changed = "CREATE TRIGGER events_refuse_update BEFORE UPDATE ON events WHEN 0 \
                   BEGIN SELECT RAISE(ABORT, 'events are append-only'); END;";
    for sql in [
        "DROP TRIGGER events_refuse_update".to_owned(),
        "DROP TRIGGER events_refuse_delete".to_owned(),
        format!("DROP TRIGGER events_refuse_update; {changed}"),
    ] {
        let (_folder, path) = original.copy();
        sqlite3(&DataDir::at(&path).journal(), &sql);
        finds(&verified(&path), &sql, 0, 0);
    }
}

#[test]
fn g4_changes_of_checkpoints_are_found() {
    let Some(original) = Original::new() else { return };
    for (sql, first, last) in [
        // The event that records it is where it is missed.
        ("DELETE FROM checkpoints WHERE tree_size = 11", 12, 12),
        ("DELETE FROM checkpoints WHERE tree_size = 33", 34, 34),
        ("UPDATE checkpoints SET root = zeroblob(32) WHERE tree_size = 22", 22, 22),
        (
            "UPDATE checkpoints SET note = replace(note, char(10) || '22' || char(10), char(10) || '21' || char(10)) WHERE tree_size = 22",
            22,
            22,
        ),
        ("UPDATE checkpoints SET note = 'x' WHERE tree_size = 22", 22, 22),
        ("UPDATE checkpoints SET tree_size = 21 WHERE tree_size = 22", 21, 21),
        ("UPDATE checkpoints SET tree_size = 50 WHERE tree_size = 33", 50, 50),
        ("INSERT INTO checkpoints SELECT 15, root, time_us, note FROM checkpoints WHERE tree_size = 11", 15, 15),
        ("UPDATE tree SET frontier = (SELECT zeroblob(length(frontier)) FROM tree)", 34, 34),
        ("UPDATE tree SET frontier = x'00'", 1, 34),
        ("DELETE FROM tree", 1, 34),
        ("UPDATE tree SET size = 35, frontier = zeroblob(96)", 35, 35),
    ] {
        finds(&original.after(sql), sql, first, last);
    }
}

#[test]
fn g4_changes_of_the_witness_file_and_the_key_are_found() {
    let Some(original) = Original::new() else { return };
    let change = |change: &dyn Fn(&DataDir)| {
        let (_folder, path) = original.copy();
        change(&DataDir::at(&path));
        verified(&path)
    };
    let edited = change(&|data| {
        let note = std::fs::read_to_string(data.latest_checkpoint()).unwrap();
        std::fs::write(data.latest_checkpoint(), note.replace("\n33\n", "\n32\n")).unwrap();
    });
    finds(&edited, "edited", 0, 0);
    finds(&change(&|data| std::fs::write(data.latest_checkpoint(), "").unwrap()), "emptied", 0, 0);
    // Without a witness there is nothing to compare with: the rest stands.
    let removed = change(&|data| std::fs::remove_file(data.latest_checkpoint()).unwrap());
    assert!(removed.is_whole());

    // Another journal's key in its place: every checkpoint is disowned.
    let other = tempfile::tempdir().unwrap();
    let stranger = open_with(other.path(), &small());
    let key = stranger.public_key().clone();
    let exchanged = change(&|data| std::fs::write(data.public_key(), format!("{}\n", key.to_text())).unwrap());
    for size in [11, 22, 33] {
        finds(&exchanged, "another key", size, size);
    }
    // A checkpoint of that journal, given as one of this one, is refused too.
    stranger.channel().publish(&open_event(1));
    assert!(stranger.checkpoint());
    let note = std::fs::read_to_string(stranger.data_dir().latest_checkpoint()).unwrap();
    stranger.close().unwrap();
    let report = verify(&DataDir::at(original.path()), None, &[note], |_, _| {}).unwrap();
    finds(&report, "a stranger's checkpoint", 0, 0);
}

#[test]
fn g4_a_checkpoint_that_was_kept_elsewhere_finds_a_journal_that_was_rolled_back_as_a_whole() {
    let Some(original) = Original::new() else { return };
    let (_folder, path) = original.copy();
    let journal = open_with(&path, &small());
    journal.channel().publish(&open_event(1));
    journal.close().unwrap();
    let kept = std::fs::read_to_string(DataDir::at(&path).latest_checkpoint()).unwrap();
    whole(&path);
    // The copy that was made before: whole in itself, witness and all.
    let (_folder, rolled_back) = original.copy();
    whole(&rolled_back);
    let report = verify(&DataDir::at(&rolled_back), None, std::slice::from_ref(&kept), |_, _| {}).unwrap();
    finds(&report, "rolled back", 35, 36);
    assert!(verify(&DataDir::at(&path), None, &[kept], |_, _| {}).unwrap().is_whole());
}

#[test]
fn g4_a_rolled_back_database_keeps_its_witness_against_it() {
    let Some(original) = Original::new() else { return };
    let (_folder, path) = original.copy();
    let journal = open_with(&path, &small());
    journal.channel().publish(&open_event(1));
    journal.close().unwrap();
    std::fs::copy(original.path().join("journal.db"), path.join("journal.db")).unwrap();
    finds(&verified(&path), "rolled back", 35, 36);
    // Recording goes on, but the evidence is not overwritten.
    let witness = std::fs::read_to_string(DataDir::at(&path).latest_checkpoint()).unwrap();
    let journal = open_with(&path, &small());
    for number in 0..10 {
        journal.channel().publish(&open_event(number));
    }
    journal.close().unwrap();
    assert_eq!(std::fs::read_to_string(DataDir::at(&path).latest_checkpoint()).unwrap(), witness);
    assert!(!verified(&path).is_whole());
}

#[test]
fn g4_a_change_under_a_live_recorder_is_found_too() {
    let Some(original) = Original::new() else { return };
    let (_folder, path) = original.copy();
    let journal = open_with(&path, &small());
    journal.channel().publish(&open_event(1));
    assert!(journal.flush());
    tamper(&path, "UPDATE events SET pid = 7 WHERE seq = 12");
    journal.channel().publish(&open_event(2));
    assert!(journal.flush());
    finds(&verified(&path), "live", 12, 12);
    journal.close().unwrap();
    finds(&verified(&path), "closed", 12, 12);
}

#[test]
fn events_refuse_updates_and_deletions() {
    let Some(original) = Original::new() else { return };
    let (_folder, path) = original.copy();
    for sql in [
        "UPDATE events SET pid = 1 WHERE seq = 3",
        "DELETE FROM events WHERE seq = 3",
        "DELETE FROM events",
        "UPDATE events SET seq = 99 WHERE seq = 34",
    ] {
        let (_, error) = try_sqlite3(&DataDir::at(&path).journal(), sql);
        assert!(error.contains("events are append-only"), "{sql}: {error}");
    }
    whole(&path);
}
