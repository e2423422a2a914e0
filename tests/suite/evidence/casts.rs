//! Recorded terminals as asciicasts.

use agentsh::event::{
    CommandStarted, Decision, Detection, FileOpen, OsText, SessionCreated, TerminalInput, TerminalOutput, TerminalResize,
    TerminalStream, printable,
};
use serde_json::Value;

use super::rig::{SESSION, agentsh, interleaved, path, refused, told};
use crate::readers::recorded::{Recorded, record};

fn output(stream: TerminalStream, data: &[u8]) -> TerminalOutput {
    TerminalOutput { stream, data: OsText::from_bytes(data), ..TerminalOutput::default() }
}

/// A session whose command has a terminal, and another command that writes into a pipe meanwhile.
fn with_a_terminal() -> Recorded {
    record(|scribe| {
        scribe.session(Some(SESSION));
        scribe.observe(SessionCreated { workspace: "/work".into(), policy: "default".into(), ..SessionCreated::default() }, None);
        scribe.command(Some("c0one"));
        let argv = vec!["sh".into(), "-c".into(), "printf '\u{1b}[2J'".into()];
        scribe.observe(CommandStarted { argv, tty: true, ..CommandStarted::default() }, None);
        scribe.observe(TerminalResize { rows: 30, columns: 100, offset_us: 0 }, None);
        scribe.observe(output(TerminalStream::Tty, b"caf\xc3"), None);
        scribe.command(Some("c0two"));
        scribe.observe(output(TerminalStream::Stdout, b"one\ntwo\n"), None);
        scribe.command(Some("c0one"));
        scribe.observe(output(TerminalStream::Tty, b"\xa9 \x1b[31mred\x1b[0m\r\n"), None);
        scribe.observe(TerminalInput { data: "ls\r".into(), offset_us: 0 }, None);
        scribe.judged(FileOpen { path: "/work/\u{1b}]0;x".into(), ..FileOpen::default() }, Decision::Deny, Some("keep"));
        scribe.judged(FileOpen { path: "/work/allowed".into(), ..FileOpen::default() }, Decision::Allow, None);
        scribe.observe(Detection { title: "Key read".into(), ..Detection::default() }, None);
        scribe.observe(output(TerminalStream::Tty, "\u{202e}\u{9b}31m\u{e0041}".as_bytes()), None);
        scribe.observe(output(TerminalStream::Tty, b"a\xffb\xe2\x82"), None);
        scribe.observe(TerminalResize { rows: 40, columns: 120, offset_us: 0 }, None);
        scribe.command(None);
        scribe.session(Some("s0other2"));
        scribe.observe(output(TerminalStream::Tty, b"of another session"), None);
    })
}

fn lines(cast: &str) -> Vec<Value> {
    cast.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn a_cast_has_what_the_terminals_of_a_session_showed_in_their_order_with_marks_to_jump_to() {
    let recorded = with_a_terminal();
    let cast = told(recorded.data_dir.root(), &["export", "asciicast", SESSION]);
    let lines = lines(&cast);
    let header = serde_json::json!({"version": 2, "width": 100, "height": 30, "timestamp": 1_795_514_403, "title": SESSION});
    assert_eq!(lines[0], header);
    let expected = [
        // What came before the terminal stands at its beginning.
        ("m", "sh -c printf '\\x1b[2J'"),
        ("r", "100x30"),
        ("o", "caf"),
        ("o", "one\r\ntwo\r\n"),
        ("o", "é \u{1b}[31mred\u{1b}[0m\r\n"),
        ("i", "ls\r"),
        ("m", "refused: file_open /work/\\x1b]0;x"),
        ("m", "detected: Key read"),
        ("o", "\u{202e}\u{9b}31m\u{e0041}"),
        ("o", "a\u{fffd}b"),
        ("r", "120x40"),
    ];
    let found: Vec<(&str, &str)> = lines[1..].iter().map(|line| (line[1].as_str().unwrap(), line[2].as_str().unwrap())).collect();
    assert_eq!(found, expected);
    let times: Vec<f64> = lines[1..].iter().map(|line| line[0].as_f64().unwrap()).collect();
    assert_eq!(times, [0.0, 0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 7.0, 8.0, 9.0, 10.0]);
}

#[test]
fn the_text_of_a_cast_obeys_nothing_where_it_is_printed() {
    let recorded = with_a_terminal();
    let cast = told(recorded.data_dir.root(), &["export", "asciicast", SESSION]);
    for line in cast.lines() {
        assert_eq!(printable(line), line);
    }
    assert!(cast.contains(r#""\u202e\u009b31m\udb40\udc41""#), "{cast}");
}

#[test]
fn a_cast_of_one_command_has_only_that() {
    let recorded = with_a_terminal();
    let folder = tempfile::tempdir().unwrap();
    let (file, text) = path(folder.path(), "two.cast");
    let done = agentsh(recorded.data_dir.root(), &["export", "asciicast", SESSION, "--command", "c0two", "-o", &text]);
    assert!(done.status.success() && done.stdout.is_empty(), "{}", String::from_utf8_lossy(&done.stderr));
    let cast = std::fs::read_to_string(file).unwrap();
    // No size is recorded of it.
    let expected = [
        serde_json::json!({"version": 2, "width": 80, "height": 24, "timestamp": 1_795_514_405, "title": SESSION}),
        serde_json::json!([0.0, "o", "one\r\ntwo\r\n"]),
    ];
    assert_eq!(lines(&cast), expected);
}

#[test]
fn where_nothing_of_a_terminal_is_recorded_there_is_no_cast() {
    let folder = tempfile::tempdir().unwrap();
    let recorded = interleaved();
    let home = recorded.data_dir.root();
    let (file, text) = path(folder.path(), "none.cast");
    let said = refused(home, &["export", "asciicast", SESSION, "-o", &text]);
    assert!(said.contains("nothing of a terminal is recorded in session s0mine11"), "{said}");
    assert!(refused(home, &["export", "asciicast", "s9nobody", "-o", &text]).contains("no session is named"));
    let terminal = with_a_terminal();
    let said = refused(terminal.data_dir.root(), &["export", "asciicast", SESSION, "--command", "c9", "-o", &text]);
    assert!(said.contains("of command c9"), "{said}");
    assert!(!file.exists() && std::fs::read_dir(folder.path()).unwrap().count() == 0);
}

#[test]
fn a_cast_of_a_bundle_is_that_of_the_journal() {
    let folder = tempfile::tempdir().unwrap();
    let recorded = with_a_terminal();
    let home = recorded.data_dir.root();
    let (_, file) = path(folder.path(), "session.bundle");
    told(home, &["export", "bundle", SESSION, "-o", &file]);
    let (_, nowhere) = path(folder.path(), "nowhere");
    let there = told(nowhere.as_ref(), &["export", "asciicast", SESSION, "--from", &file]);
    assert_eq!(there, told(home, &["export", "asciicast", SESSION]));
}
