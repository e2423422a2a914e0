//! `verify`: exit codes and words, for journals that are whole and for journals that were changed with stock `sqlite3`.

use std::path::Path;
use std::process::Command;

use agentsh::cli::journal::{self as journal_command, JournalCommand};
use agentsh::cli::output::{Exit, Output};
use agentsh::cli::verify::{self, VerifyArgs};
use agentsh::event::{FileAccess, FileOpen};
use agentsh::journal::{DataDir, JournalConfig};

use super::recorded::{RECORDED, Recorded, record};

pub fn sqlite(data_dir: &DataDir, sql: &str) {
    let output = Command::new("sqlite3").arg(data_dir.journal()).arg(sql).output().unwrap();
    assert!(output.status.success(), "{sql}: {}", String::from_utf8_lossy(&output.stderr));
}

pub fn copy(from: &Path, to: &Path) {
    assert!(Command::new("cp").arg("-a").arg(from.join(".")).arg(to).status().unwrap().success());
}

fn recorded(events: u64) -> Recorded {
    record(|scribe| {
        for number in 0..events {
            scribe.observe(
                FileOpen { path: format!("/work/{number}").into(), access: FileAccess::Read, flags: 0, ..FileOpen::default() },
                None,
            );
        }
    })
}

fn verify_with(data_dir: &DataDir, args: &VerifyArgs) -> (anyhow::Result<Exit>, String) {
    let (mut out, mut notes) = (Vec::new(), Vec::new());
    let exit = verify::run(args, data_dir, &mut Output::new(&mut out, &mut notes));
    assert_eq!(notes, b"");
    (exit, String::from_utf8(out).unwrap())
}

pub fn run_journal(data_dir: &DataDir, command: &JournalCommand) -> anyhow::Result<(Exit, String)> {
    let (mut out, mut notes) = (Vec::new(), Vec::new());
    let config = JournalConfig::default();
    let exit = journal_command::run(command, data_dir, &config, &mut Output::new(&mut out, &mut notes))?;
    Ok((exit, String::from_utf8(out).unwrap()))
}

#[test]
fn a_whole_journal_is_called_whole() {
    let (exit, printed) = verify_with(&RECORDED.data_dir, &VerifyArgs::default());
    assert_eq!(exit.unwrap(), Exit::Done);
    let lines: Vec<&str> = printed.lines().collect();
    assert_eq!(lines[1], "events       41");
    assert_eq!(lines[3], "signed up to 40: all but the event that records this");
    assert_eq!(lines[4], "checkpoints  1 agree");
    assert_eq!(lines[6], "whole: every event is the one that was written");
    let (exit, printed) = verify_with(&RECORDED.data_dir, &VerifyArgs { json: true, ..VerifyArgs::default() });
    assert_eq!(exit.unwrap(), Exit::Done);
    let object: serde_json::Value = serde_json::from_str(&printed).unwrap();
    assert_eq!(object["whole"], true);
    assert_eq!(object["events"], 41);
    assert_eq!(object["signed_to"], 40);
    assert_eq!(object["findings"], serde_json::json!([]));
}

#[test]
fn g4_an_edit_and_a_deletion_are_named_by_their_positions() {
    let recorded = recorded(30);
    let data_dir = &recorded.data_dir;
    sqlite(
        data_dir,
        "DROP TRIGGER events_refuse_update; DROP TRIGGER events_refuse_delete;
         UPDATE events SET subject = '/work/other' WHERE seq = 17; DELETE FROM events WHERE seq BETWEEN 20 AND 22;",
    );
    let (exit, printed) = verify_with(data_dir, &VerifyArgs::default());
    assert_eq!(exit.unwrap(), Exit::NotInOrder);
    assert!(printed.contains("\nnot whole: "), "{printed}");
    assert!(printed.contains("\n  seq 17: the event is not the one that was written here"), "{printed}");
    assert!(printed.contains("\n  seq 20 to 22: the events are missing"), "{printed}");
    assert!(printed.contains("\n  the trigger events_refuse_delete is missing"), "{printed}");
    assert!(!printed.contains("seq 0"), "{printed}");
    let (exit, printed) = verify_with(data_dir, &VerifyArgs { json: true, ..VerifyArgs::default() });
    assert_eq!(exit.unwrap(), Exit::NotInOrder);
    let object: serde_json::Value = serde_json::from_str(&printed).unwrap();
    assert_eq!(object["whole"], false);
    let findings = object["findings"].as_array().unwrap();
    assert!(findings.iter().any(|finding| finding["first_seq"] == 17 && finding["last_seq"] == 17), "{printed}");
    assert!(findings.iter().any(|finding| finding["first_seq"].is_null()), "{printed}");
    assert_eq!(object["finding_count"].as_u64().unwrap(), u64::try_from(findings.len()).unwrap());
}

#[test]
fn g4_a_journal_that_was_rolled_back_whole_is_found_by_a_checkpoint_that_was_kept_elsewhere() {
    let recorded = recorded(10);
    let kept = tempfile::tempdir().unwrap();
    copy(recorded.data_dir.root(), kept.path());
    let (exit, note) = run_journal(&recorded.data_dir, &JournalCommand::Checkpoint).unwrap();
    assert_eq!(exit, Exit::Done);
    assert!(note.starts_with("agentsh.journal/"), "{note}");
    let file = kept.path().join("checkpoint.txt");
    std::fs::write(&file, note).unwrap();
    let with_checkpoint = VerifyArgs { checkpoint: vec![file], ..VerifyArgs::default() };

    let (exit, printed) = verify_with(&recorded.data_dir, &with_checkpoint);
    assert_eq!(exit.unwrap(), Exit::Done, "{printed}");
    assert!(printed.contains("those given among them"), "{printed}");

    let rolled_back = DataDir::at(kept.path());
    assert_eq!(verify_with(&rolled_back, &VerifyArgs::default()).0.unwrap(), Exit::Done);
    let (exit, printed) = verify_with(&rolled_back, &with_checkpoint);
    assert_eq!(exit.unwrap(), Exit::NotInOrder);
    assert!(printed.contains("the checkpoint that was given covers events that are missing"), "{printed}");
}

#[test]
fn another_key_has_signed_nothing_of_it() {
    let (_, key) = run_journal(&RECORDED.data_dir, &JournalCommand::Key).unwrap();
    let own = VerifyArgs { key: Some(key.trim().to_owned()), ..VerifyArgs::default() };
    assert_eq!(verify_with(&RECORDED.data_dir, &own).0.unwrap(), Exit::Done);

    let other = recorded(1);
    let file = other.data_dir.public_key();
    let foreign = VerifyArgs { key: Some(file.to_str().unwrap().to_owned()), ..VerifyArgs::default() };
    let (exit, printed) = verify_with(&RECORDED.data_dir, &foreign);
    assert_eq!(exit.unwrap(), Exit::NotInOrder);
    assert!(printed.contains("the checkpoint is not signed by agentsh.journal/"), "{printed}");
    assert_eq!(verify_with(&other.data_dir, &foreign).0.unwrap(), Exit::Done);
}

#[test]
fn what_cannot_be_read_is_an_error_and_no_finding() {
    let refused = |data_dir: &DataDir, args: &VerifyArgs, start: &str| {
        let error = format!("{:#}", verify_with(data_dir, args).0.unwrap_err());
        assert!(error.starts_with(start), "{error}");
    };
    let folder = tempfile::tempdir().unwrap();
    let data_dir = DataDir::at(folder.path());
    refused(&data_dir, &VerifyArgs::default(), "there is no journal in ");
    std::fs::write(data_dir.journal(), "not a database at all, but a text of some length").unwrap();
    refused(&data_dir, &VerifyArgs::default(), &format!("{} is not a journal of agentsh", data_dir.journal().display()));
    let checkpoint = VerifyArgs { checkpoint: vec!["/nowhere".into()], ..VerifyArgs::default() };
    refused(&RECORDED.data_dir, &checkpoint, "cannot read the checkpoint in /nowhere: No such file");
    let key = VerifyArgs { key: Some("rubbish".to_owned()), ..VerifyArgs::default() };
    refused(&RECORDED.data_dir, &key, "--key is neither a file nor a key (`agentsh journal key` prints it): `rubbish`");
}

#[test]
fn a_file_that_is_no_checkpoint_is_a_finding() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "a shopping list").unwrap();
    let args = VerifyArgs { checkpoint: vec![file.path().to_owned()], ..VerifyArgs::default() };
    let (exit, printed) = verify_with(&RECORDED.data_dir, &args);
    assert_eq!(exit.unwrap(), Exit::NotInOrder);
    assert!(printed.contains("the checkpoint that was given: the checkpoint has no well-formed"), "{printed}");
}
