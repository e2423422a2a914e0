//! The files that exports are written into: whole under their names, or not there.

use std::fs::{self, File};
use std::path::Path;
use std::process::Command;

use super::rig::{SESSION, agentsh, interleaved, path, refused, told};
use crate::support::is_root;

const FORMS: [&str; 4] = ["jsonl", "csv", "ocsf", "parquet"];

fn in_folder(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn what_cannot_be_exported_is_said_and_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let recorded = interleaved();
    let home = recorded.data_dir.root();
    let (_, file) = path(folder.path(), "out");
    let (_, nowhere) = path(folder.path(), "no/such/folder/out");
    for form in FORMS {
        for (arguments, says) in [
            (&["--session", "s9nobody", "-o", file.as_str()][..], "no session is named"),
            (&["--kind", "file_opne", "-o", &file], "file_open"),
            (&["--since", "whenever", "-o", &file], "--since"),
            (&["--where", "payload.", "-o", &file], "--where"),
            (&["--from", "/no/such/bundle", "-o", &file], "/no/such/bundle"),
            (&["--from", "/etc/passwd", "-o", &file], "/etc/passwd"),
            (&["-o", &nowhere], "cannot be written"),
            (&["-o", folder.path().to_str().unwrap()], "is there already"),
            (&["-o", "/dev/null"], "is there already"),
        ] {
            let said = refused(home, &[&["export", form], arguments].concat());
            assert!(said.contains(says), "{form} {arguments:?}: {said}");
            assert_eq!(in_folder(folder.path()), [""; 0], "{form} {arguments:?}");
        }
        let (_, empty) = path(folder.path(), "none");
        let said = refused(empty.as_ref(), &["export", form]);
        assert!(said.contains("there is no journal"), "{form}: {said}");
        assert_eq!(in_folder(folder.path()), [""; 0], "a data directory was made");
    }
}

#[test]
fn a_name_that_a_terminal_would_obey_is_shown_inert() {
    let folder = tempfile::tempdir().unwrap();
    let recorded = interleaved();
    let (file, text) = path(folder.path(), "\u{1b}[2J\u{202e}out");
    File::create(&file).unwrap();
    let said = refused(recorded.data_dir.root(), &["export", "jsonl", "-o", &text]);
    assert!(said.contains(r"\x1b[2J\u{202e}out is there already"), "{said:?}");
}

#[test]
fn what_a_killed_export_left_is_overwritten_and_what_another_one_writes_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let recorded = interleaved();
    let home = recorded.data_dir.root();
    let (file, text) = path(folder.path(), "out");
    let (left, _) = path(folder.path(), "out.unfinished");
    fs::write(&left, vec![b'x'; 1 << 20]).unwrap();
    let other = File::open(&left).unwrap();
    other.lock().unwrap();
    let said = refused(home, &["export", "jsonl", "-o", &text]);
    assert!(said.contains("another export is writing it"), "{said}");
    assert_eq!(fs::metadata(&left).unwrap().len(), 1 << 20, "what another one writes was touched");
    drop(other);
    assert!(agentsh(home, &["export", "jsonl", "-o", &text]).status.success());
    assert_eq!(fs::read_to_string(&file).unwrap(), told(home, &["events", "--format", "jsonl"]));
    assert_eq!(in_folder(folder.path()), ["out"]);

    // Whoever may write into the folder could choose what is overwritten.
    let (victim, _) = path(folder.path(), "victim");
    fs::write(&victim, "kept").unwrap();
    std::os::unix::fs::symlink(&victim, folder.path().join("next.unfinished")).unwrap();
    assert!(refused(home, &["export", "csv", "-o", &path(folder.path(), "next").1]).contains("cannot be written"));
    assert_eq!(fs::read_to_string(&victim).unwrap(), "kept");
}

#[test]
fn where_there_is_no_room_the_file_is_named_and_is_not_there() {
    let folder = tempfile::tempdir().unwrap();
    let recorded = interleaved();
    let (_, file) = path(folder.path(), "out");
    for form in ["jsonl", "parquet"] {
        let output = Command::new("sh")
            .args(["-c", "trap '' XFSZ; ulimit -f 64; exec \"$@\"", "sh", env!("CARGO_BIN_EXE_agentsh"), "--data-dir"])
            .arg(recorded.data_dir.root())
            .args(["export", form, "-o", &file])
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(125), "{form}: {said}");
        assert!(said.contains("out cannot be written: File too large"), "{form}: {said}");
        assert_eq!(in_folder(folder.path()), [""; 0], "{form}");
    }
}

#[test]
fn an_export_is_its_owner_s_alone_and_another_user_cannot_make_one() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let recorded = interleaved();
    let home = recorded.data_dir.root();
    let (file, text) = path(folder.path(), "out");
    for form in FORMS {
        assert!(agentsh(home, &["export", form, "-o", &text]).status.success());
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600, "{form}");
        fs::remove_file(&file).unwrap();
    }
    if !is_root("an_export_is_its_owner_s_alone_and_another_user_cannot_make_one") {
        return;
    }
    let program = folder.path().join("agentsh");
    fs::copy(env!("CARGO_BIN_EXE_agentsh"), &program).unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o777)).unwrap();
    for form in FORMS {
        let output = Command::new("setpriv")
            .args(["--reuid=65534", "--regid=65534", "--clear-groups"])
            .arg(&program)
            .arg("--data-dir")
            .arg(home)
            .args(["export", form, "--session", SESSION, "-o", &text])
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(125), "{form}: {said}");
        assert!(said.to_lowercase().contains("permi"), "{form}: {said}");
        assert_eq!(in_folder(folder.path()), ["agentsh"], "{form}");
    }
}

#[test]
fn on_standard_output_a_parquet_file_is_the_same_bytes_as_in_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let recorded = interleaved();
    let home = recorded.data_dir.root();
    let (file, text) = path(folder.path(), "out.parquet");
    let asked = ["export", "parquet", "--session", SESSION, "--where", "kind == \"policy_decision\"", "--tail", "9"];
    let printed = agentsh(home, &asked);
    assert!(printed.status.success(), "{}", String::from_utf8_lossy(&printed.stderr));
    assert!(agentsh(home, &[&asked[..], &["-o", &text]].concat()).status.success());
    assert!(fs::read(&file).unwrap() == printed.stdout, "the bytes differ");
    let said = told(home, &["verify", "--against", &text]);
    assert!(said.contains(": 9 rows of 1 files") && said.contains("agrees"), "{said}");
}

#[test]
fn events_of_a_bundle_are_exported_as_the_journal_s() {
    let folder = tempfile::tempdir().unwrap();
    let recorded = interleaved();
    let home = recorded.data_dir.root();
    let (_, bundle) = path(folder.path(), "session.bundle");
    told(home, &["export", "bundle", SESSION, "-o", &bundle]);
    let (_, nowhere) = path(folder.path(), "nowhere");
    for form in ["jsonl", "csv", "ocsf"] {
        let here = told(home, &["export", form, "--session", SESSION]);
        assert_eq!(here.lines().count(), 110 + usize::from(form == "csv"), "{form}");
        assert_eq!(told(nowhere.as_ref(), &["export", form, "--session", SESSION, "--from", &bundle]), here, "{form}");
    }
    assert_eq!(in_folder(folder.path()), ["session.bundle"]);
}
