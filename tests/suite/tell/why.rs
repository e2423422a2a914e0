//! Which processes led to a file's being as it is.

use agentsh::event::*;
use agentsh::query::session::{ProcessTree, Touch, Undone, Why};

use super::recorded::{Story, create, exec, open, rename, wrote};
use crate::run::support::{Place, text};

fn fold(story: &Story, path: &str) -> Vec<Touch> {
    let mut undone = Undone::default();
    story.events.iter().for_each(|event| undone.take(&event.event));
    let mut why = Why::default();
    story.events.iter().for_each(|event| why.rename(event, &undone));
    why.about(&path.into());
    let mut tree = ProcessTree::default();
    let mut touches = Vec::new();
    for event in &story.events {
        tree.take(event);
        touches.extend(why.touch(event, &undone, &tree));
    }
    touches
}

fn seqs(story: &Story, path: &str) -> Vec<u64> {
    fold(story, path).iter().map(|touch| touch.seq).collect()
}

#[test]
fn a_file_is_followed_through_the_names_that_it_had() {
    let story = Story::default()
        .by(10, 1, "/bin/sh")
        .then(exec("/bin/sh", &["sh", "-c", "save"]))
        .by(11, 10, "/bin/ed")
        .then(exec("/bin/ed", &["ed", "a"]))
        .then(create("/w/.a.swp"))
        .then(wrote("/w/.a.swp", 0, 5))
        .then(create("/w/other"))
        .then(rename("/w/.a.swp", "/w/a"))
        // Another file under the name that it had does not count.
        .then(create("/w/.a.swp"));
    assert_eq!(seqs(&story, "/w/a"), [3, 4, 6]);
    let touches = fold(&story, "/w/a");
    let chain: Vec<String> =
        touches[0].chain.iter().map(|ancestor| format!("{}:{}", ancestor.pid, ancestor.argv.len())).collect();
    assert_eq!(chain, ["10:3", "11:2"]);
    assert_eq!(touches[0].chain[1].seq, Some(2));
    assert_eq!(touches[2].to, Some("/w/a".into()));
}

#[test]
fn a_directory_that_is_renamed_takes_the_file_along() {
    let story = Story::default().by(10, 1, "/bin/sh").then(create("/w/d/a")).then(rename("/w/d", "/w/e")).then(create("/w/d/a"));
    assert_eq!(seqs(&story, "/w/e/a"), [1, 2]);
}

#[test]
fn what_was_refused_is_told_as_what_did_not_happen() {
    let story = Story::default().by(10, 1, "/bin/sh").judged(open("/w/a"), Decision::Deny, "keep");
    let touches = fold(&story, "/w/a");
    assert_eq!((touches.len(), touches[0].undone), (1, true));
    let read = FileOpen { path: "/w/a".into(), access: FileAccess::Read, ..FileOpen::default() };
    assert!(fold(&Story::default().by(10, 1, "/bin/sh").then(read), "/w/a").is_empty(), "a read changes nothing");
}

#[test]
fn a_file_that_a_command_really_made() {
    let place = Place::new();
    let ran = place.shell("mkdir d; sh -c 'echo 1 > part; mv part whole'; cat whole > /dev/null; echo 2 > d/moved; mv d e");
    assert!(ran.status.success(), "{}", text(&ran.stderr));
    if place.events_of(Kind::FileClose).is_empty() {
        eprintln!("skipped: a file that a command really made: the workspace is not watched here");
        return;
    }
    let whole = place.workspace().join("whole").display().to_string();
    let shown = place.tell(&["why", &whole]);
    assert!(shown.contains("create ") && shown.contains("2 B written") && shown.contains("part → "), "{shown}");
    if !place.events_of(Kind::ProcessExec).is_empty() {
        assert!(shown.contains("sh -c 'echo 1 > part; mv part whole'"), "{shown}");
        assert!(shown.contains("mv part whole"), "{shown}");
    }
    // Only its directory was ever named as it is now.
    let moved = place.workspace().join("e/moved").display().to_string();
    let shown = place.tell(&["why", &moved]);
    assert!(shown.contains("/d/moved") && shown.contains("/d → "), "{shown}");
    let unknown = place.agentsh(&["why", "/nowhere/at/all"]);
    assert_eq!(unknown.status.code(), Some(1));
    assert!(text(&unknown.stderr).contains("nothing that is recorded changed /nowhere/at/all"));
}
