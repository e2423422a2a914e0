//! The documented proof, done as the documentation does it: its Python example, with nothing of ours.

use std::path::Path;
use std::process::{Command, Stdio};

use agentsh::event::{Decision, OsText, ProcessExec, ProcessExit, TechniqueId};
use agentsh::journal::DataDir;
use agentsh::policy::OnAuditFailure;

use super::rig::open;
use crate::support::{event, has_program, judgement, open_event, policy, sqlite3};

const DOCUMENT: &str = include_str!("../../../docs/journal.md");

/// The example's output and whether it succeeded.
fn example(root: &Path) -> (String, bool) {
    let start = DOCUMENT.find("```python\n").unwrap() + "```python\n".len();
    let script = &DOCUMENT[start..start + DOCUMENT[start..].find("```").unwrap()];
    let output =
        Command::new("python3").arg("-c").arg(script).arg(DataDir::at(root).journal()).stdin(Stdio::null()).output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    (String::from_utf8(said).unwrap().trim_end().to_owned(), output.status.success())
}

#[test]
fn g4_the_documents_example_recomputes_every_leaf_and_every_root() {
    if !has_program("python3", "the documented proof") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let journal = open(folder.path());
    for number in 0..20 {
        journal.channel().gate(&open_event(number), &judgement(Decision::Deny), &policy(OnAuditFailure::Deny)).unwrap();
    }
    assert!(journal.checkpoint());
    // Every column empty once and filled once, and text that is easily spoilt.
    let mut bare = event(ProcessExit::default());
    (bare.session_id, bare.actor) = (None, None);
    bare.time = agentsh::event::Timestamp::from_micros(-1);
    journal.channel().publish(&bare);
    let argv = vec![OsText::from_bytes([0xff, b'\\', b'"', 0xc3, 0xa9, b'\n']), "\u{1f980}\u{0}".into()];
    let mut full = event(ProcessExec { path: "/\u{fc}".into(), argv, ..ProcessExec::default() });
    full.attack = vec![TechniqueId::new("T1003.001")];
    full.cause = Some(bare.id);
    full.command_id = Some(agentsh::event::CommandId::new("c-1"));
    journal.channel().publish(&full);
    journal.close().unwrap();
    assert_eq!(example(folder.path()), ("45 events are what was written".to_owned(), true));

    // It would have noticed.
    let database = DataDir::at(folder.path()).journal();
    sqlite3(&database, "DROP TRIGGER events_refuse_update; UPDATE events SET pid = 1 WHERE seq = 17");
    let (said, fine) = example(folder.path());
    assert!(!fine && said.starts_with("seq 17:"), "{said}");
}
