//! A report says what was changed, what is not signed, and what was lost.

use std::process::Command;

use agentsh::event::EventsLost;
use agentsh::query::report::report;

use crate::readers::recorded::{RECORDED, record};
use crate::readers::verification::{copy, sqlite};
use agentsh::journal::DataDir;

#[test]
fn g4_a_whole_session_is_told_as_such_with_the_checkpoint_that_covers_it() {
    let made = report(&RECORDED.data_dir, "s0alpha1", true, |_, _| {}).unwrap();
    let integrity = &made.integrity;
    assert_eq!((integrity.leaves_right, integrity.leaves_wrong.len()), (35, 0));
    assert_eq!((integrity.tree_size, integrity.journal_whole), (Some(40), Some(true)));
    assert_eq!(integrity.signature_error, None);
    assert_eq!(integrity.root.as_ref().map(String::len), Some(64));
    // Without being asked it says nothing of the rest.
    assert_eq!(report(&RECORDED.data_dir, "s0alpha1", false, |_, _| {}).unwrap().integrity.journal_whole, None);
}

#[test]
fn g4_an_event_that_was_changed_is_named_and_so_is_a_forged_checkpoint() {
    let folder = tempfile::tempdir().unwrap();
    copy(RECORDED.data_dir.root(), folder.path());
    let data_dir = DataDir::at(folder.path());
    sqlite(&data_dir, "DROP TRIGGER events_refuse_update; UPDATE events SET subject = '/work/other' WHERE seq = 12;");
    let made = report(&data_dir, "s0alpha1", false, |_, _| {}).unwrap();
    assert_eq!((made.integrity.leaves_right, made.integrity.leaves_wrong.as_slice()), (34, &[12][..]));
    sqlite(&data_dir, "UPDATE checkpoints SET root = zeroblob(32);");
    assert!(report(&data_dir, "s0alpha1", false, |_, _| {}).unwrap().integrity.signature_error.is_some());
    let output = Command::new(env!("CARGO_BIN_EXE_agentsh"))
        .args(["report", "s0alpha1", "--data-dir"])
        .arg(folder.path())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8(output.stdout).unwrap().contains("! Changed since they were written: seq 12."));
}

#[test]
fn g2_losses_while_the_session_ran_are_told() {
    let recorded = record(|scribe| {
        scribe.session(Some("s0lossy"));
        scribe.observe(agentsh::event::SessionCreated::default(), None);
        scribe.session(None);
        scribe.observe(EventsLost { hop: "intake".into(), reason: "full".into(), count: 7, ..EventsLost::default() }, None);
        scribe.session(Some("s0lossy"));
        scribe.observe(agentsh::event::SessionEnded::default(), None);
        scribe.session(None);
        scribe.observe(EventsLost { hop: "intake".into(), reason: "later".into(), count: 9, ..EventsLost::default() }, None);
    });
    let made = report(&recorded.data_dir, "s0lossy", false, |_, _| {}).unwrap();
    assert_eq!(made.losses.iter().map(|loss| (loss.count, loss.reason.as_str())).collect::<Vec<_>>(), [(7, "full")]);
}
