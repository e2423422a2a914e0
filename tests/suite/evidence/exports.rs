//! Exports for other programs, and Parquet files that are compared with the journal.

use super::rig::{SESSION, agentsh, interleaved, path, refused, told};
use crate::lake::rig::{config, deliver_all};

#[test]
fn lines_are_those_that_events_prints_on_standard_output_or_in_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let recorded = interleaved();
    let home = recorded.data_dir.root();
    for form in ["jsonl", "csv", "ocsf"] {
        let filter = ["--session", SESSION, "--decision", "deny"];
        let printed = told(home, &[&["events", "--format", form][..], &filter].concat());
        assert_eq!(printed.lines().count(), 28 + usize::from(form == "csv"), "{form}");
        assert_eq!(told(home, &[&["export", form][..], &filter].concat()), printed, "{form}");
        let (file, text) = path(folder.path(), form);
        let output = agentsh(home, &[&["export", form][..], &filter, &["-o", &text]].concat());
        assert!(output.status.success() && output.stdout.is_empty(), "{form}");
        assert_eq!(std::fs::read_to_string(&file).unwrap(), printed, "{form}");
        assert!(refused(home, &["export", form, "-o", &text]).contains("is there already"));
    }
    let bad = refused(home, &["export", "jsonl", "--where", "payload.", "-o", folder.path().join("bad").to_str().unwrap()]);
    assert!(bad.contains("where"), "{bad}");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 3, "something unfinished is left");
}

#[test]
fn a_parquet_file_of_a_filter_has_its_rows_and_each_of_them_is_what_the_journal_has() {
    let folder = tempfile::tempdir().unwrap();
    let recorded = interleaved();
    let home = recorded.data_dir.root();
    let (_, file) = path(folder.path(), "denied.parquet");
    let output =
        agentsh(home, &["export", "parquet", "--session", SESSION, "--kind", "policy_decision", "-n", "30", "-o", &file]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let said = told(home, &["verify", "--against", &file]);
    assert!(said.contains("30 rows of 1 files") && said.contains("agrees: every row"), "{said}");
    let (lake, lake_text) = path(folder.path(), "lake");
    let all = deliver_all(home, config(&lake));
    let said: serde_json::Value = serde_json::from_str(&told(home, &["verify", "--json", "--against", &lake_text])).unwrap();
    assert_eq!((&said["against"][0]["rows"], &said["against"][0]["difference_count"]), (&all.into(), &0.into()), "{said}");

    // Another journal has other events there, and fewer.
    let other = interleaved();
    let output = agentsh(other.data_dir.root(), &["verify", "--against", &file]);
    let said = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(said.contains("differs: 30 rows") && said.contains("the journal has another event there"), "{said}");
    let few = crate::readers::recorded::record(|_| {});
    let output = agentsh(few.data_dir.root(), &["verify", "--json", "--against", &file]);
    let said: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(said["against"][0]["differences"][29]["what"], "the journal has no event there", "{said}");
}

#[test]
fn asked_of_the_files_the_events_are_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let recorded = interleaved();
    let home = recorded.data_dir.root();
    let (_, file) = path(folder.path(), "all.parquet");
    assert!(agentsh(home, &["export", "parquet", "-o", &file]).status.success());
    // A whole journal as one file is a lake of one file.
    assert_eq!(told(folder.path(), &["tree", SESSION, "--from", &file]), told(home, &["tree", SESSION]));
    assert_eq!(
        told(folder.path(), &["replay", "--plain", SESSION, "--from", &file]),
        told(home, &["replay", "--plain", SESSION])
    );
}
