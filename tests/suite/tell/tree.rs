//! The process tree.

use agentsh::cli::output::Output;
use agentsh::cli::tell::{self, TreeArgs};
use agentsh::event::*;
use agentsh::query::session::{Process, ProcessTree, Tree};

use clap::Parser;

use super::recorded::{Story, create, exec, exit, open};
use crate::readers::recorded::record;
use crate::run::support::{Place, text};

#[derive(Parser)]
struct Line {
    #[command(flatten)]
    args: TreeArgs,
}

fn fold(story: &Story) -> Tree {
    let mut tree = ProcessTree::default();
    story.events.iter().for_each(|event| tree.take(event));
    tree.finish()
}

/// `pid:program,program(child …)`.
fn shape(tree: &Tree, at: usize) -> String {
    let process: &Process = &tree.processes[at];
    let runs: Vec<String> = process.runs.iter().map(|run| run.path.as_text().into_owned()).collect();
    let children: Vec<String> = process.children.iter().map(|child| shape(tree, *child)).collect();
    let children = if children.is_empty() { String::new() } else { format!("({})", children.join(" ")) };
    format!("{}:{}{children}", process.pid, runs.join(","))
}

#[track_caller]
fn check(story: Story, expected: &str) -> Tree {
    let tree = fold(&story);
    let roots: Vec<String> = tree.roots.iter().map(|root| shape(&tree, *root)).collect();
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
    assert_eq!(tree.processes.len(), 4);
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
    let process = &tree.processes[tree.roots[0]];
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
    let [_, one, two] = tree.processes.as_slice() else { panic!("{tree:?}") };
    assert_eq!(one.exit.as_ref().unwrap().code, Some(3));
    assert_eq!((one.operations, two.operations), (3, 1));
    assert!(two.exit.is_none());
}

#[test]
fn a_process_that_never_ran_a_program_of_its_own_is_told_by_what_it_was_forked_from() {
    let story = Story::default().by(10, 1, "/bin/sh").then(exec("sh", &["sh"])).by(11, 10, "/bin/sh").then(open("/w/a"));
    let tree = check(story, "10:sh(11:)");
    assert_eq!(tree.processes[1].program(), Some(&OsText::from("/bin/sh")));
}

#[test]
fn a_chain_of_ten_thousand_processes_is_told_and_printed() {
    let mut story = Story::default();
    for pid in 2..10_002 {
        story = story.by(pid, pid - 1, "/bin/sh").then(exec("sh", &["sh"]));
    }
    let tree = fold(&story);
    assert_eq!((tree.processes.len(), tree.roots.as_slice()), (10_000, [0].as_slice()));
    let recorded = record(|scribe| {
        scribe.session(Some("s0deep"));
        story.events.iter().for_each(|event| scribe.publish(&event.event));
    });
    let (mut out, mut notes) = (Vec::new(), Vec::new());
    let args = Line::try_parse_from(["tree", "last"]).unwrap().args;
    tell::tree(&args, &recorded.data_dir, &mut Output::new(&mut out, &mut notes)).unwrap();
    let shown = text(&out);
    assert_eq!(shown.lines().count(), 10_001);
    assert!(shown.lines().last().unwrap().starts_with("…9982 "), "{:?}", shown.lines().last());
    assert!(shown.lines().all(|line| line.chars().count() < 100), "an indent as deep as the tree would not be a line");
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
    assert_eq!(told["roots"], serde_json::json!([0]));
    assert_eq!(told["processes"][0]["runs"][0]["argv"][0], "sh");
}

#[test]
fn a_session_that_does_not_exist_is_an_error_that_says_so() {
    let place = Place::new();
    place.shell("true");
    let output = place.agentsh(&["tree", "nonesuch"]);
    assert_eq!(output.status.code(), Some(125));
    assert!(text(&output.stderr).contains("no session is named `nonesuch`"), "{}", text(&output.stderr));
}
