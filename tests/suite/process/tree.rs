//! The tree: every program and every end once, with the right parents, whatever way processes are made.

use agentsh::event::OsText;

use super::exact::{check_links, name, names, the_exec};
use super::tape::{Setup, Tape};
use super::{compile, has};

#[test]
fn a_pipeline_is_recorded_with_arguments_parents_and_depth() {
    let tape = Tape::default();
    let outcome = Setup::shell("ls -a / | cat | wc -l >/dev/null; exit 3").run(&tape);
    check_links(&tape);
    assert_eq!(outcome.ending.exit_code(), 3);
    assert_eq!(outcome.processes, 4);
    let mut programs = names(&tape);
    programs[1..].sort();
    assert_eq!(programs, ["dash", "cat", "ls", "wc"].map(str::to_owned), "the shell is expected to be dash");
    let (shell, shell_exec) = &tape.execs()[0];
    assert_eq!(shell_exec.depth, 0);
    assert_eq!(shell_exec.requested, OsText::from("/usr/bin/sh"));
    for (event, exec) in &tape.execs()[1..] {
        let actor = event.actor.as_ref().unwrap();
        assert_eq!(actor.ppid, Some(shell.actor.as_ref().unwrap().pid), "{exec:?}");
        assert_eq!(event.cause, Some(shell.id), "the parent's exec is the cause");
        assert_eq!(exec.parent_exe.as_ref(), Some(&shell_exec.path));
        assert_eq!(exec.depth, 1);
        assert_eq!(actor.cwd, Some(OsText::from("/")));
    }
    let (_, ls) = the_exec(&tape, "ls");
    assert_eq!(ls.argv, ["ls", "-a", "/"].map(OsText::from));
    assert_eq!((ls.argc, ls.argv_bytes), (3, 8));
    let finished = tape.finished();
    assert_eq!((finished.exit_code, finished.processes), (3, 4));
    assert_eq!(finished.program, OsText::from("sh"));
}

#[test]
fn two_hundred_short_processes_are_each_recorded_once() {
    let tape = Tape::default();
    let outcome = Setup::shell("i=0; while [ $i -lt 200 ]; do /bin/true; i=$((i+1)); done").run(&tape);
    check_links(&tape);
    assert_eq!(outcome.processes, 201);
    assert_eq!(tape.execs().len(), 201);
    assert_eq!(tape.exits().len(), 201);
    assert!(tape.exits().iter().all(|(_, exit)| exit.exit_code == Some(0) && exit.signal.is_none()));
}

#[test]
fn a_fork_that_runs_nothing_has_an_end_and_its_parents_program() {
    let tape = Tape::default();
    let outcome = Setup::shell("(exit 7); (exit 8)").run(&tape);
    check_links(&tape);
    assert_eq!(outcome.processes, 3);
    assert_eq!(tape.execs().len(), 1);
    let codes: Vec<_> = tape.exits().iter().map(|(event, exit)| (exit.exit_code, event.cause.is_some())).collect();
    assert_eq!(codes, [(Some(7), false), (Some(8), false), (Some(8), true)]);
    assert!(tape.exits().iter().all(|(_, exit)| name(exit.path.as_ref().unwrap()) == "dash"));
}

#[test]
fn exec_without_fork_is_two_programs_and_one_end() {
    let tape = Tape::default();
    let outcome = Setup::shell("exec env -- /bin/true").run(&tape);
    check_links(&tape);
    assert_eq!(outcome.processes, 1);
    assert_eq!(names(&tape), ["dash", "env", "true"]);
    let depths: Vec<_> = tape.execs().iter().map(|(_, exec)| exec.depth).collect();
    assert_eq!(depths, [0, 1, 2]);
    assert_eq!(name(tape.exits()[0].1.path.as_ref().unwrap()), "true");
}

#[test]
fn vfork_posix_spawn_and_a_thread_that_execs_are_recorded() {
    if !has("python3") {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let script = directory.path().join("spawn.py");
    std::fs::write(
        &script,
        "import os, subprocess, threading\n\
         subprocess.run(['/bin/true', 'by-vfork'], close_fds=False)\n\
         os.waitpid(os.posix_spawn('/bin/true', ['true', 'by-posix-spawn'], {}), 0)\n\
         threads = [threading.Thread(target=lambda: subprocess.run(['/bin/true', 'by-thread'])) for _ in range(8)]\n\
         [thread.start() for thread in threads]; [thread.join() for thread in threads]\n\
         child = os.fork()\n\
         if child == 0:\n\
         \x20   threading.Thread(target=lambda: os.execv('/bin/true', ['true', 'thread-execs'])).start()\n\
         \x20   threading.Event().wait()\n\
         os.waitpid(child, 0)\n",
    )
    .unwrap();
    let tape = Tape::default();
    let python = python();
    let outcome = Setup::new([&python, script.to_str().unwrap()]).run(&tape);
    check_links(&tape);
    assert_eq!(outcome.ending.exit_code(), 0);
    let count =
        |argument: &str| tape.execs().iter().filter(|(_, exec)| exec.argv.last() == Some(&OsText::from(argument))).count();
    assert_eq!(["by-vfork", "by-posix-spawn", "by-thread", "thread-execs"].map(count), [1, 1, 8, 1]);
    assert_eq!(tape.exits().len(), 12, "python and eleven children");
}

/// The interpreter itself, since what stands in `PATH` may be a shell script.
pub fn python() -> String {
    let output = std::process::Command::new("python3").args(["-c", "import sys; print(sys.executable)"]).output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

#[test]
fn a_static_program_is_recorded() {
    let directory = tempfile::tempdir().unwrap();
    let program = directory.path().join("static");
    if !compile(EXIT_SEVEN, &["-static", "-nostdlib", "-O1"], &program) {
        return;
    }
    let tape = Tape::default();
    let outcome = Setup::new([&program]).run(&tape);
    check_links(&tape);
    assert_eq!(outcome.ending.exit_code(), 7);
    assert_eq!(names(&tape), ["static"]);
}

/// Calls `exit_group(7)` without a C library.
#[cfg(target_arch = "x86_64")]
pub const EXIT_SEVEN: &str = "void _start(void) { __asm__ volatile (\"syscall\" :: \"a\"(231), \"D\"(7)); for (;;); }";
/// Calls `exit_group(7)` without a C library.
#[cfg(target_arch = "aarch64")]
pub const EXIT_SEVEN: &str = "void _start(void) { register long n __asm__(\"x8\") = 94; register long c __asm__(\"x0\") = 7; \
     __asm__ volatile (\"svc 0\" :: \"r\"(n), \"r\"(c)); for (;;); }";

#[test]
fn a_daemon_stays_attributed_and_is_ended_with_the_session() {
    if !has("python3") {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let script = directory.path().join("daemon.py");
    // Two daemons that fork twice: one that execs afterwards, one that never does.
    std::fs::write(
        &script,
        "import os, signal\n\
         for execs in (True, False):\n\
         \x20   ready, tell = os.pipe()\n\
         \x20   if os.fork() == 0:\n\
         \x20       os.setsid()\n\
         \x20       if os.fork() == 0:\n\
         \x20           os.close(ready)\n\
         \x20           if execs: os.set_inheritable(tell, False); os.execv('/bin/sleep', ['sleep', '1000'])\n\
         \x20           os.close(tell)\n\
         \x20           signal.pause()\n\
         \x20       os._exit(0)\n\
         \x20   os.wait(); os.close(tell); os.read(ready, 1)\n",
    )
    .unwrap();
    let tape = Tape::default();
    let python = python();
    let outcome = Setup::new([&python, script.to_str().unwrap()]).run(&tape);
    check_links(&tape);
    assert_eq!(outcome.ending.exit_code(), 0);
    assert_eq!(outcome.processes_ended, 2);
    let (sleep, exec) = the_exec(&tape, "sleep");
    assert_eq!(exec.depth, 1, "it descends from the command also after its parent has ended");
    assert_eq!(sleep.cause, Some(tape.execs()[0].0.id));
    let ended: Vec<_> = tape.exits().into_iter().filter(|(_, exit)| exit.signal.as_deref() == Some("SIGTERM")).collect();
    assert_eq!(ended.len(), 2, "both got SIGTERM, and each has one end: {:?}", tape.exits());
    assert_eq!(tape.exits().len(), 5, "the command, two that forked again, two daemons");
}

#[test]
fn what_ignores_sigterm_is_killed_after_the_grace() {
    let tape = Tape::default();
    let directory = tempfile::tempdir().unwrap();
    let script = "(trap '' TERM; : > ready; while :; do sleep 1000; done) & while ! test -e ready; do :; done; exit 0";
    let mut setup = Setup::shell(script).cwd(directory.path());
    setup.config.termination_grace_ms = 50;
    let outcome = setup.run(&tape);
    check_links(&tape);
    assert!(outcome.processes_ended >= 1, "{outcome:?}");
    assert!(tape.exits().iter().any(|(_, exit)| exit.signal.as_deref() == Some("SIGKILL")), "{:?}", tape.exits());
}

#[test]
fn a_child_that_its_parent_never_waits_for_has_one_end() {
    if !has("python3") {
        return;
    }
    // The middle process leaves twenty children that have ended to the launcher: ten that ran a program, ten that did not. It waits a
    // while, so that their ends are published before they are reaped.
    let script = "import os, time\n\
        middle = os.fork()\n\
        if middle == 0:\n\
        \x20   children = []\n\
        \x20   for number in range(20):\n\
        \x20       child = os.fork()\n\
        \x20       if child == 0: os.execv('/bin/true', ['true']) if number % 2 else os._exit(3)\n\
        \x20       children.append(child)\n\
        \x20   while any(open(f'/proc/{child}/stat').read().rsplit(')', 1)[1].split()[0] != 'Z' for child in children): pass\n\
        \x20   time.sleep(0.05)\n\
        \x20   os.kill(os.getpid(), 9) if SIGNAL else os._exit(0)\n\
        os.waitpid(middle, 0)\n\
        time.sleep(0.05)\n";
    for signal in ["0", "1"] {
        let tape = Tape::default();
        let outcome = Setup::new([python().as_str(), "-c", &script.replace("SIGNAL", signal)]).run(&tape);
        check_links(&tape);
        assert_eq!(outcome.ending.exit_code(), 0);
        let mut pids: Vec<_> = tape.exits().iter().map(|(event, _)| event.actor.as_ref().unwrap().pid).collect();
        assert_eq!(pids.len(), 22, "twenty, the middle one, and the command");
        pids.sort_unstable();
        pids.dedup();
        assert_eq!(pids.len(), 22, "each once");
    }
}

#[test]
fn an_orphan_that_was_never_seen_and_is_killed_has_an_end() {
    if !has("python3") {
        return;
    }
    // The parent of the killed one is killed itself, so neither passes through exit_group.
    let script = "import os, signal, time\n\
        ready, tell = os.pipe()\n\
        if os.fork() == 0:\n\
        \x20   orphan = os.fork()\n\
        \x20   if orphan == 0: signal.pause()\n\
        \x20   os.write(tell, orphan.to_bytes(4, 'little')); signal.pause()\n\
        orphan = int.from_bytes(os.read(ready, 4), 'little')\n\
        parent = int(open(f'/proc/{orphan}/stat').read().rsplit(')', 1)[1].split()[1])\n\
        os.kill(parent, 9); os.wait(); os.kill(orphan, 9)\n\
        while os.path.exists(f'/proc/{orphan}'): time.sleep(0.001)\n";
    let tape = Tape::default();
    let outcome = Setup::new([python().as_str(), "-c", script]).run(&tape);
    assert_eq!(outcome.ending.exit_code(), 0, "{outcome:?}");
    let killed: Vec<_> = tape.exits().into_iter().filter(|(_, exit)| exit.signal.as_deref() == Some("SIGKILL")).collect();
    assert_eq!(
        killed.len(),
        1,
        "the orphan's end came through the launcher; its parent was waited for by python: {:?}",
        tape.exits()
    );
    assert!(killed[0].0.cause.is_some(), "it is attributed to the command");
}
