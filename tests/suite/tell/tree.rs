//! The process tree.

use agentsh::event::*;
use agentsh::query::session::{Process, ProcessTree, Tree};

use super::recorded::{Story, create, exec, exit, open};
use crate::run::support::{Place, text};

fn fold(story: &Story) -> Tree {
    let mut tree = ProcessTree::default();
    story.events.iter().for_each(|event| tree.take(event));
    tree.finish()
}

/// `pid:program,program(child …)`.
fn shape(process: &Process) -> String {
    let runs: Vec<String> = process.runs.iter().map(|run| run.path.as_text().into_owned()).collect();
    let children: Vec<String> = process.children.iter().map(shape).collect();
    let children = if children.is_empty() { String::new() } else { format!("({})", children.join(" ")) };
    format!("{}:{}{children}", process.pid, runs.join(","))
}

#[track_caller]
fn check(story: Story, expected: &str) -> Tree {
    let tree = fold(&story);
    let roots: Vec<String> = tree.roots.iter().map(shape).collect();
    assert_eq!(roots.join(" "), expected);
    tree
}

#[test]
fn children_stand_beneath_their_parent_in_the_order_of_their_start() {
    let story = Story::default()
        .by(10, 1, "/bin/sh")
        .then(exec("sh", &["sh", "-c", "x"]))
        .by(11, 10, "/bin/sh")
        .then(exec("cc", &["cc"]))
        .by(12, 11, "/bin/cc")
        .then(exec("ld", &["ld"]))
        .then(exit(0))
        .by(13, 10, "/bin/sh")
        .then(exec("rm", &["rm"]));
    let tree = check(story, "10:sh(11:cc(12:ld) 13:rm)");
    assert_eq!(tree.processes, 4);
}

#[test]
fn a_process_that_runs_one_program_behind_the_other_is_one_process() {
    let story = Story::default()
        .by(10, 1, "/bin/sh")
        .then(exec("env", &["env", "sh"]))
        .then(exec("sh", &["sh"]))
        .judged(exec("nc", &["nc"]), Decision::Deny, "no-shells")
        .then(exec("gone", &["gone"]))
        .failed("ENOENT");
    let tree = check(story, "10:env,sh,nc,gone");
    let process = &tree.roots[0];
    assert_eq!((process.refused, process.failed), (1, 1));
    assert_eq!(process.runs[2].decision, Some(Decision::Deny));
    assert_eq!(process.runs[2].rule.as_deref(), Some("no-shells"));
    assert_eq!(process.runs[3].error.as_deref(), Some("ENOENT"));
    assert_eq!(process.program(), Some(&OsText::from("sh")), "what was refused or failed does not run");
}

#[test]
fn a_pid_that_is_given_out_again_is_another_process() {
    let story = Story::default()
        .by(10, 1, "/bin/sh")
        .then(exec("sh", &["sh"]))
        .by(11, 10, "/bin/sh")
        .then(exec("one", &["one"]))
        .then(exit(3))
        // A handle that is released late is still the first one's.
        .then(create("/w/late"))
        .then(exec("two", &["two"]));
    let tree = check(story, "10:sh(11:one 11:two)");
    let [one, two] = tree.roots[0].children.as_slice() else { panic!("{tree:?}") };
    assert_eq!(one.exit.as_ref().unwrap().code, Some(3));
    assert_eq!((one.operations, two.operations), (3, 1));
    assert!(two.exit.is_none());
}

#[test]
fn a_process_that_never_ran_a_program_of_its_own_is_told_by_what_it_was_forked_from() {
    let story = Story::default().by(10, 1, "/bin/sh").then(exec("sh", &["sh"])).by(11, 10, "/bin/sh").then(open("/w/a"));
    let tree = check(story, "10:sh(11:)");
    assert_eq!(tree.roots[0].children[0].program(), Some(&OsText::from("/bin/sh")));
}

#[test]
fn a_chain_of_a_hundred_thousand_processes_is_printed_and_dropped() {
    let mut story = Story::default();
    for pid in 2..100_002 {
        story = story.by(pid, pid - 1, "/bin/sh").then(exec("sh", &["sh"]));
    }
    assert_eq!(fold(&story).processes, 100_000);
}

#[test]
fn the_processes_of_a_command_that_really_ran() {
    let place = Place::new();
    let ran = place.shell("/bin/true; (exit 3); sh -c '/bin/false; true' 'it'\\''s' '\u{1b}[31m'");
    assert!(ran.status.success(), "{}", text(&ran.stderr));
    if place.events_of(Kind::ProcessExec).is_empty() {
        eprintln!("skipped: the processes of a command that really ran: programs are not watched here");
        return;
    }
    let shown = place.tell(&["tree"]);
    let lines: Vec<&str> = shown.lines().collect();
    assert!(lines[0].starts_with('s') && lines[0].contains("processes"), "{shown}");
    assert!(lines[1].starts_with("sh -c "), "{shown}");
    assert!(lines.iter().any(|line| line.starts_with("├─ /bin/true  [")), "{shown}");
    assert!(lines.iter().any(|line| line.contains("/bin/false  [") && line.contains("exit 1")), "{shown}");
    assert!(!shown.contains('\u{1b}'), "a recorded name must not command the terminal: {shown:?}");
    let told: serde_json::Value = serde_json::from_str(&place.tell(&["tree", "last", "--json"])).unwrap();
    assert_eq!(told["roots"].as_array().unwrap().len(), 1);
    assert_eq!(told["roots"][0]["runs"][0]["argv"][0], "sh");
}

#[test]
fn a_session_that_does_not_exist_is_an_error_that_says_so() {
    let place = Place::new();
    place.shell("true");
    let output = place.agentsh(&["tree", "nonesuch"]);
    assert_eq!(output.status.code(), Some(125));
    assert!(text(&output.stderr).contains("no session is named `nonesuch`"), "{}", text(&output.stderr));
}
