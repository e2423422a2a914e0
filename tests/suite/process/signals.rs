//! Signals to the recorder, its sudden death, other users, and what fifty sessions leave behind.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use agentsh::capture::exec::Ending;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::own_process::Plan;
use super::tape::{Setup, Tape};
use super::{has, is_running, wait_for};

/// `env(1)` of coreutils can start a program with signals blocked, as agentsh's own `main` starts its threads.
const BLOCKED: [&str; 2] = ["env", "--block-signal=TERM,INT,HUP,QUIT"];

fn can_block() -> bool {
    let can = Command::new(BLOCKED[0]).args([BLOCKED[1], "true"]).status().is_ok_and(|status| status.success());
    if !can {
        eprintln!("skipped: needs env --block-signal: coreutils is older than 8.31");
    }
    can
}

#[test]
fn a_signal_to_the_recorder_is_the_commands() {
    if !can_block() {
        return;
    }
    for (signal, code) in [(Signal::SIGTERM, 55), (Signal::SIGINT, 56)] {
        let directory = tempfile::tempdir().unwrap();
        let ready = directory.path().join("ready");
        let script = format!("trap 'exit 55' TERM; trap 'exit 56' INT; : > {}; while :; do sleep 0.01; done", ready.display());
        let plan = Plan { forward_signals: true, ..Plan::new(directory.path(), &script) };
        let recorder = plan.start(&BLOCKED);
        wait_for("the command to run", || ready.exists());
        kill(Pid::from_raw(recorder.id() as i32), signal).unwrap();
        let report = plan.finish(recorder);
        assert_eq!(report.exit_code, code);
        assert_eq!(report.interrupted_by.as_deref(), Some(signal.as_str()));
        assert_eq!(report.exits.last().unwrap(), &(Some(code), None), "{report:?}");
    }
}

#[test]
fn a_command_that_does_not_handle_the_signal_is_ended_by_it() {
    if !can_block() {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let ready = directory.path().join("ready");
    let script = format!(": > {}; exec sleep 1000", ready.display());
    let plan = Plan { forward_signals: true, ..Plan::new(directory.path(), &script) };
    let recorder = plan.start(&BLOCKED);
    wait_for("the command to run", || ready.exists());
    kill(Pid::from_raw(recorder.id() as i32), Signal::SIGHUP).unwrap();
    let report = plan.finish(recorder);
    assert_eq!(report.exit_code, 128 + Signal::SIGHUP as i32);
    assert_eq!(report.exits.last().unwrap().1.as_deref(), Some("SIGHUP"));
}

#[test]
fn a_signal_that_comes_before_the_command_keeps_it_from_starting() {
    let setup = Setup::shell("exit 0");
    setup.handle.signal(Signal::SIGTERM);
    let tape = Tape::default();
    let outcome = setup.run(&tape);
    assert!(matches!(outcome.ending, Ending::Interrupted(Signal::SIGTERM)), "{outcome:?}");
    assert_eq!(tape.finished().exit_code, 143);
    assert!(tape.execs().is_empty());
}

#[test]
fn killing_the_recorder_kills_the_whole_tree() {
    let directory = tempfile::tempdir().unwrap();
    let pids = directory.path().join("pids");
    // The command, a child of it, an orphan in a session of its own, and one that ignores everything that can be ignored.
    let script = format!(
        "exec 2>/dev/null; pids={}; echo $$ >> $pids; sleep 1000 & echo $! >> $pids; \
         (setsid sh -c 'echo $$ >> '$pids'; sleep 1000' &); \
         (trap '' TERM HUP INT; setsid sh -c 'echo $$ >> '$pids'; while :; do sleep 1000; done' &); wait",
        pids.display()
    );
    let plan = Plan::new(directory.path(), &script);
    let mut recorder = plan.start(&["env"]);
    let read =
        || -> Vec<u32> { fs::read_to_string(&pids).unwrap_or_default().lines().filter_map(|line| line.parse().ok()).collect() };
    wait_for("the tree to run", || read().len() == 4);
    let running = read();
    assert!(running.iter().all(|pid| is_running(*pid)));
    recorder.kill().unwrap();
    recorder.wait().unwrap();
    wait_for("the tree to end", || !running.iter().any(|pid| is_running(*pid)));
}

#[test]
fn killing_the_launcher_ends_the_session_and_leaves_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let orphan = directory.path().join("orphan");
    // The launcher is the command's parent. The orphan goes on starting programs after the recorder has adopted it: the recorder and
    // what it descends from must not be taken for the session's ancestors, and ended with it.
    let script = format!(
        "(setsid sh -c 'echo $$ > {file}; while :; do /bin/true; done' &); \
         while ! test -s {file}; do sleep 0.01; done; kill -9 $PPID; sleep 1000",
        file = orphan.display()
    );
    let tape = Tape::default();
    let outcome = Setup::shell(&script).run(&tape);
    assert!(matches!(outcome.ending, Ending::Failed(_)), "{outcome:?}");
    assert_eq!(outcome.ending.exit_code(), 125);
    let orphan: u32 = fs::read_to_string(orphan).unwrap().trim().parse().unwrap();
    assert!(!is_running(orphan), "it was ended with the session");
    super::exact::check_links(&tape);
}

#[test]
fn fifty_sessions_leave_no_descriptor_no_thread_and_no_zombie() {
    let directory = tempfile::tempdir().unwrap();
    let plan = Plan { rounds: 50, ..Plan::new(directory.path(), "(exit 1) & true | cat; (sleep 1000 &); exit 0") };
    let report = plan.finish(plan.start(&["env"]));
    assert_eq!(report.before, report.after, "descriptors, threads, children");
    assert_eq!(report.after.2, 0, "no child is left");
}

#[test]
fn g2_a_recorder_without_descriptors_left_refuses_and_says_so_and_nothing_hangs() {
    let directory = tempfile::tempdir().unwrap();
    let script = "exec 2>/dev/null; i=0; while [ $i -lt 60 ]; do sleep 1000 & i=$((i+1)); done; exit 0";
    let plan = Plan::new(directory.path(), script);
    let report = plan.finish(plan.start(&["sh", "-c", "ulimit -n 48; exec \"$@\"", "sh"]));
    assert_eq!(report.exit_code, 0);
    assert!(report.lost > 0, "some were refused: {report:?}");
    assert!(report.execs.iter().filter(|(program, _, _)| program == "sleep").count() > 10, "some were not: {report:?}");
    assert_eq!(report.before, report.after);
}

#[test]
fn an_unprivileged_user_gets_the_same_session() {
    if !nix::unistd::geteuid().is_root() {
        eprintln!("skipped: needs to become another user: not root (every other test is run as an unprivileged user then)");
        return;
    }
    if !has("setpriv") {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];
    // The build directory may lie where nobody may look.
    let copy = |file: PathBuf| {
        let target = directory.path().join(file.file_name().unwrap());
        fs::copy(&file, &target).unwrap();
        target
    };
    let launcher = copy(PathBuf::from(env!("CARGO_BIN_EXE_agentsh")));
    let suite = copy(std::env::current_exe().unwrap());
    for name in ["workspace", "hidden", "report"] {
        let path = directory.path().join(name);
        fs::create_dir(&path).unwrap();
        std::os::unix::fs::chown(&path, Some(65_534), Some(65_534)).unwrap();
    }
    fs::write(directory.path().join("hidden/journal"), "x").unwrap();
    std::os::unix::fs::chown(directory.path(), Some(65_534), Some(65_534)).unwrap();
    let (workspace, hidden) = (directory.path().join("workspace"), directory.path().join("hidden"));
    let script = format!(
        "test \"$(id -u)\" = 65534 || exit 1; echo inside > {w}/file || exit 2; test -z \"$(ls -A {h})\" || exit 3; \
         (umount {w} || umount {h}) 2>/dev/null && exit 4; cat {w}/file | wc -l >/dev/null; exit 17",
        w = workspace.display(),
        h = hidden.display()
    );
    let mut plan = Plan {
        launcher,
        mount: Some(workspace.clone()),
        hide: vec![hidden],
        ..Plan::new(&directory.path().join("report"), &script)
    };
    let report = plan.finish(plan.start_program(&suite, &nobody));
    if report.layers.iter().any(|(_, state)| state != "enforcing") {
        eprintln!("skipped: this machine gives an unprivileged user less: {:?}", report.layers);
        return;
    }
    assert_eq!(report.exit_code, 17, "1: another user, 2: no mount, 3: not hidden, 4: unmounted; {report:?}");
    assert!(!workspace.join("file").exists(), "what was written inside does not show outside");
    let programs: Vec<_> = report.execs.iter().map(|(program, _, _)| program.as_str()).collect();
    assert_eq!(programs.iter().filter(|program| **program == "umount").count(), 2, "{programs:?}");
    for program in ["dash", "id", "ls", "cat", "wc"] {
        assert!(programs.contains(&program), "{programs:?}");
    }
    // One end each for the programs, and for the subshells that ran none.
    assert!(report.exits.len() >= report.execs.len(), "{report:?}");
    plan.script = "kill -9 $PPID; while :; do :; done".to_owned();
    let report = plan.finish(plan.start_program(&suite, &nobody));
    assert_eq!(report.exit_code, 125);
    assert_eq!(report.before, report.after, "what the recorder has adopted is reaped: descriptors, threads, children");
}

#[test]
fn g10_a_session_within_a_session_says_that_it_only_observes() {
    // A process whose filter has a listener cannot have another (EBUSY), as in a container whose runtime listens.
    let directory = tempfile::tempdir().unwrap();
    let plan = Plan::new(directory.path(), "/bin/true; exit 11");
    let suite = std::env::current_exe().unwrap();
    let mut outer = Setup::new([suite.to_str().unwrap(), "process::own_process::a_recorder_in_a_process_of_its_own", "--exact"]);
    outer.env.push(("AGENTSH_TEST_PLAN".into(), serde_json::to_string(&plan).unwrap().into()));
    let tape = Tape::default();
    assert_eq!(outer.run(&tape).ending.exit_code(), 0);
    let report = plan.report();
    assert!(report.layers.contains(&("exec".to_owned(), "observing".to_owned())), "{report:?}");
    assert_eq!(report.exit_code, 11);
    let programs: Vec<_> = report.execs.iter().map(|(program, _, _)| program.as_str()).collect();
    assert_eq!(programs, ["dash"], "the command, judged by asking, and nothing that it starts");
    assert_eq!(report.exits, [(Some(11), None)]);
    // The outer session sees all of it.
    assert_eq!(super::exact::names(&tape).iter().filter(|program| *program == "true").count(), 1);
    super::exact::check_links(&tape);
}
