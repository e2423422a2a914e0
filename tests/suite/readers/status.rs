//! `journal status`: the sums over the recorders' intakes, and what does not add up (G-2).

use agentsh::channel::OnOverload;
use agentsh::cli::journal::{JournalCommand, StatusArgs};
use agentsh::cli::output::Exit;
use agentsh::event::{FileAccess, FileOpen};
use agentsh::journal::{DataDir, Journal, JournalConfig};
use agentsh::query::{JournalStatus, status};

use super::recorded::{RECORDED, Scribe, record};
use super::verification::{copy, run_journal, sqlite};

fn open(path: &str) -> FileOpen {
    FileOpen { path: path.into(), access: FileAccess::Read, flags: 0, ..FileOpen::default() }
}

fn printed(data_dir: &DataDir) -> (Exit, String) {
    run_journal(data_dir, &JournalCommand::Status(StatusArgs::default())).unwrap()
}

fn states(found: &JournalStatus) -> Vec<&'static str> {
    found.intakes.iter().map(|intake| intake.state).collect()
}

#[test]
fn g2_everything_that_was_offered_is_journaled_lost_or_in_flight() {
    let folder = tempfile::tempdir().unwrap();
    let config = JournalConfig { intake_bytes: 64 << 10, on_overload: OnOverload::Shed, ..JournalConfig::default() };
    let first = Journal::open(folder.path(), &config).unwrap();
    let second = Journal::open(folder.path(), &config).unwrap();
    let (mut one, mut two) = (Scribe::new(&first), Scribe::new(&second));
    for _ in 0..7 {
        one.observe(open("/work/a"), None);
    }
    // Larger than the intake: it is counted out, and the journal says so.
    two.observe(open(&"x".repeat(100 << 10)), None);
    two.observe(open("/work/b"), None);
    assert!(first.flush() && second.flush());
    second.close().unwrap();
    let data_dir = first.data_dir();
    let found = status(data_dir).unwrap();
    assert_eq!(states(&found), ["live", "closed"]);
    let accounts = &found.accounts;
    assert_eq!((accounts.offered, accounts.journaled, accounts.lost, accounts.in_flight), (9, 8, 1, 0));
    // Two openings, a loss, a checkpoint.
    assert_eq!((found.head, accounts.own), (12, 4));
    assert_eq!(accounts.differences, Vec::<String>::new());
    let (exit, text) = printed(data_dir);
    assert_eq!(exit, Exit::Done);
    assert!(text.contains("accounts    offered 9 = journaled 8 + lost 1 + in the intakes 0\n"), "{text}");
    assert!(text.contains("events 12 = journaled 8 + the journal's own 4\n"), "{text}");
    assert!(text.contains("recorders   1 live, 1 closed\n"), "{text}");
    first.close().unwrap();
    assert_eq!(states(&status(&DataDir::at(folder.path())).unwrap()), ["closed", "closed"]);
}

#[test]
fn g2_a_sum_that_does_not_come_out_is_an_error() {
    let check = |sql: &str, words: &str| {
        let recorded = record(|scribe| {
            scribe.observe(open("/work/a"), None);
        });
        assert_eq!(printed(&recorded.data_dir).0, Exit::Done);
        sqlite(&recorded.data_dir, sql);
        let (exit, text) = printed(&recorded.data_dir);
        assert_eq!(exit, Exit::NotInOrder, "{sql}");
        assert!(text.contains("not everything is accounted for") && text.contains(words), "{sql}: {text}");
    };
    check("UPDATE intakes SET offered = offered + 1", "1 journaled and 0 lost are 1, of 2 offered");
    check("UPDATE intakes SET journaled = 0", "0 journaled and 0 lost are 0, of 1 offered");
    check(
        "UPDATE intakes SET lost = 1, offered = 2",
        "the intakes count 1 lost events, and the journal's `events_lost` declare 0",
    );
    check("DELETE FROM intakes", "the journal has 3 events, and 0 that came through intakes and 2 of its own are 2");
}

#[test]
fn an_intake_whose_recorder_died_is_told_apart_from_a_living_one_and_from_a_missing_one() {
    let folder = tempfile::tempdir().unwrap();
    let journal = Journal::open(folder.path(), &JournalConfig::default()).unwrap();
    Scribe::new(&journal).observe(open("/work/a"), None);
    assert!(journal.flush());
    assert_eq!(states(&status(journal.data_dir()).unwrap()), ["live"]);
    // A copy of the files is what a recorder leaves that was killed: nobody holds the lock.
    let left = tempfile::tempdir().unwrap();
    copy(folder.path(), left.path());
    journal.close().unwrap();
    let left = DataDir::at(left.path());
    let found = status(&left).unwrap();
    assert_eq!(states(&found), ["dead"]);
    assert_eq!(found.accounts.differences, Vec::<String>::new());

    for intake in std::fs::read_dir(left.intakes()).unwrap() {
        std::fs::remove_file(intake.unwrap().path()).unwrap();
    }
    let found = status(&left).unwrap();
    assert_eq!(states(&found), ["missing"]);
    assert!(found.accounts.differences[0].contains("its file is gone although it was not drained"));
}

#[test]
fn status_as_json_says_the_same() {
    let (exit, text) = run_journal(&RECORDED.data_dir, &JournalCommand::Status(StatusArgs { json: true })).unwrap();
    assert_eq!(exit, Exit::Done);
    let object: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(object["head"], 41);
    assert_eq!(object["last_checkpoint"]["tree_size"], 40);
    assert_eq!(object["last_checkpoint"]["unsigned"], 1);
    assert_eq!(object["sessions"], serde_json::json!({"total": 2, "open": 1}));
    assert_eq!(object["accounts"]["offered"], 39);
    assert_eq!(object["intakes"][0]["state"], "closed");
    assert!(object["bytes"].as_u64().unwrap() > 10_000);
}

#[test]
fn the_key_and_the_checkpoint_are_printed_alone() {
    let recorded = record(|scribe| {
        scribe.observe(open("/work/a"), None);
    });
    let (_, key) = run_journal(&recorded.data_dir, &JournalCommand::Key).unwrap();
    let key = agentsh::query::PublicKey::parse(&key).unwrap();
    let (_, first) = run_journal(&recorded.data_dir, &JournalCommand::Checkpoint).unwrap();
    let (_, second) = run_journal(&recorded.data_dir, &JournalCommand::Checkpoint).unwrap();
    let (first, second) = (key.verify(&first).unwrap(), key.verify(&second).unwrap());
    assert!(first.tree_size < second.tree_size);
    assert_eq!(second.tree_size + 1, status(&recorded.data_dir).unwrap().head);
}

#[test]
fn a_journal_that_contradicts_its_witness_gives_no_new_checkpoint() {
    let recorded = record(|scribe| {
        scribe.observe(open("/work/a"), None);
    });
    sqlite(&recorded.data_dir, "DELETE FROM checkpoints");
    let error = run_journal(&recorded.data_dir, &JournalCommand::Checkpoint).unwrap_err().to_string();
    assert!(error.contains("run `agentsh verify`"), "{error}");
}

#[test]
fn rebuild_gives_the_sessions_back() {
    let recorded = record(|scribe| {
        scribe.session(Some("s0one"));
        scribe.observe(open("/work/a"), None);
    });
    sqlite(&recorded.data_dir, "DELETE FROM sessions");
    assert_eq!(status(&recorded.data_dir).unwrap().sessions.total, 0);
    let (exit, text) = run_journal(&recorded.data_dir, &JournalCommand::Rebuild).unwrap();
    assert_eq!((exit, text.as_str()), (Exit::Done, "1 session recomputed\n"));
    assert_eq!(status(&recorded.data_dir).unwrap().sessions.total, 1);
}

#[test]
fn no_subcommand_makes_a_journal_where_there_is_none() {
    let folder = tempfile::tempdir().unwrap();
    let data_dir = DataDir::at(folder.path());
    for command in
        [JournalCommand::Status(StatusArgs::default()), JournalCommand::Rebuild, JournalCommand::Checkpoint, JournalCommand::Key]
    {
        let error = run_journal(&data_dir, &command).unwrap_err().to_string();
        assert!(error.starts_with("there is no journal in "), "{command:?}: {error}");
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}
