//! What became of files, net of intermediate steps.

use agentsh::event::*;
use agentsh::query::session::{Change, Changes, FileChanges, Undone};

use super::recorded::{Story, create, delete, mkdir, open, rename, wrote};
use crate::run::support::{Place, text};

fn fold(story: &Story) -> Changes {
    let mut undone = Undone::default();
    story.events.iter().for_each(|event| undone.take(&event.event));
    let mut files = FileChanges::new(undone);
    story.events.iter().for_each(|event| files.take(event));
    files.finish()
}

fn line(change: &Change) -> String {
    match &change.from {
        Some(from) => format!("{} {from} > {}", change.change.as_str(), change.path),
        None => format!("{} {}", change.change.as_str(), change.path),
    }
}

fn lines(changes: &Changes) -> Vec<String> {
    changes.changes.iter().map(line).collect()
}

#[track_caller]
fn check(story: Story, expected: &[&str], transient: u64) {
    let changes = fold(&story);
    assert_eq!((lines(&changes), changes.transient), (expected.iter().map(|line| (*line).to_owned()).collect(), transient));
}

fn story() -> Story {
    Story::default().by(10, 1, "/usr/bin/cc")
}

#[test]
fn what_is_made_and_removed_again_is_only_counted() {
    check(story().then(create("/w/a.tmp")).then(wrote("/w/a.tmp", 0, 9)).then(delete("/w/a.tmp")), &[], 1);
    check(story().then(create("/w/a")).then(wrote("/w/a", 0, 9)), &["created /w/a"], 0);
}

#[test]
fn ten_writes_are_one_change_with_the_sizes_before_the_first_and_behind_the_last() {
    let mut told = story().then(open("/w/a")).then(wrote("/w/a", 100, 150));
    for size in 0..9 {
        told = told.then(wrote("/w/a", 150 + size, 151 + size));
    }
    let changes = fold(&told);
    assert_eq!(lines(&changes), ["modified /w/a"]);
    let change = &changes.changes[0];
    assert_eq!((change.size_before, change.size_after, change.steps, change.seqs), (Some(100), Some(159), 10, (2, 11)));
    assert_eq!(change.programs, ["/usr/bin/cc".into()]);
}

#[test]
fn a_file_that_was_only_read_is_no_change() {
    let close = FileClose { path: "/w/a".into(), reads: 3, bytes_read: 40, ..FileClose::default() };
    check(story().then(open("/w/a")).then(close), &[], 0);
}

#[test]
fn a_new_file_in_the_place_of_an_old_one_is_a_changed_file() {
    // How editors save.
    let saved =
        story().then(open("/w/a")).then(create("/w/.a.swp")).then(wrote("/w/.a.swp", 0, 9)).then(rename("/w/.a.swp", "/w/a"));
    check(saved, &["modified /w/a"], 0);
    // Nothing says that there was one before.
    check(story().then(create("/w/.a.swp")).then(rename("/w/.a.swp", "/w/b")), &["created /w/b"], 0);
    check(story().then(delete("/w/a")).then(create("/w/a")), &["modified /w/a"], 0);
}

#[test]
fn what_was_renamed_twice_was_renamed_once_and_back_is_not_at_all() {
    check(story().then(rename("/w/a", "/w/b")).then(rename("/w/b", "/w/c")), &["renamed /w/a > /w/c"], 0);
    check(story().then(rename("/w/a", "/w/b")).then(wrote("/w/b", 1, 2)), &["modified /w/a > /w/b"], 0);
    check(story().then(rename("/w/a", "/w/b")).then(delete("/w/b")), &["deleted /w/a"], 0);
}

#[test]
fn files_go_along_with_their_directory() {
    let told = story().then(mkdir("/w/d")).then(create("/w/d/a")).then(rename("/w/d", "/w/e"));
    check(told, &["created /w/e", "created /w/e/a"], 0);
    // One that was there before is told of once, and its files only where they changed.
    let told = story().then(wrote("/w/d/a", 1, 2)).then(open("/w/d/b")).then(rename("/w/d", "/w/e"));
    check(told, &["renamed /w/d > /w/e", "modified /w/d/a > /w/e/a"], 0);
    let chmod = FileChmod { path: "/w/d/a".into(), mode: 0o600 };
    check(story().then(chmod).then(rename("/w/d", "/w/e")), &["renamed /w/d > /w/e"], 0);
    // Another directory that only begins with the same letters stays.
    let told = story().then(create("/w/dd/a")).then(rename("/w/d", "/w/e"));
    check(told, &["created /w/dd/a", "renamed /w/d > /w/e"], 0);
}

#[test]
fn an_exchange_swaps_two_files() {
    let swap = FileRename { path: "/w/a".into(), to: "/w/b".into(), flags: 2 };
    check(story().then(swap), &["renamed /w/b > /w/a", "renamed /w/a > /w/b"], 0);
}

#[test]
fn what_was_refused_or_failed_changes_nothing() {
    check(story().judged(delete("/w/a"), Decision::Deny, "keep"), &[], 0);
    check(story().judged(delete("/w/a"), Decision::Allow, "all"), &["deleted /w/a"], 0);
    check(story().judged(create("/w/a"), Decision::Allow, "all").failed("ENOSPC"), &[], 0);
    check(story().judged(delete("/w/a"), Decision::Audit, "watch"), &["deleted /w/a"], 0);
}

#[test]
fn mode_owner_and_times_are_metadata() {
    check(story().then(FileChmod { path: "/w/a".into(), mode: 0o755 }), &["metadata /w/a"], 0);
    check(story().then(FileChmod { path: "/w/a".into(), mode: 0o755 }).then(wrote("/w/a", 1, 1)), &["modified /w/a"], 0);
    let get = FileXattr { path: "/w/a".into(), operation: XattrOperation::Get, ..FileXattr::default() };
    check(story().then(get), &[], 0);
}

#[test]
fn the_files_of_a_command_that_really_ran() {
    let place = Place::new();
    std::fs::write(place.workspace().join("kept"), "before").unwrap();
    std::fs::write(place.workspace().join("gone"), "x").unwrap();
    let ran = place.shell("echo more >> kept; rm gone; echo a > scratch; rm scratch; mkdir d; echo b > d/new; mv d e");
    assert!(ran.status.success(), "{}", text(&ran.stderr));
    if place.events_of(Kind::FileClose).is_empty() {
        eprintln!("skipped: the files of a command that really ran: the workspace is not watched here");
        return;
    }
    let told = place.tell(&["files", "--json"]);
    let told: serde_json::Value = serde_json::from_str(&told).unwrap();
    let workspace = place.workspace().display().to_string();
    let changes: Vec<String> = told["changes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|change| {
            format!("{} {}", change["change"].as_str().unwrap(), change["path"].as_str().unwrap().replace(&workspace, ""))
        })
        .collect();
    assert_eq!(changes, ["created /e", "created /e/new", "deleted /gone", "modified /kept"]);
    assert_eq!(told["transient"], 1);
    assert_eq!(told["changes"][3]["size_before"], 6);
    assert_eq!(told["changes"][3]["size_after"], 11);
    let shown = place.tell(&["files"]);
    assert!(shown.contains("2 created, 1 modified, 0 renamed, 0 metadata, 1 deleted"), "{shown}");
    assert!(shown.contains("1 file was made and removed again"), "{shown}");
}
