//! Verdicts: what is refused does not run, what is let through is on record before it runs, and exit codes say which it was.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use agentsh::capture::exec::Ending;
use agentsh::channel::RefusedBy;
use agentsh::event::{OsText, ProcessExec};

use super::exact::{check_links, name, names, the_exec};
use super::tape::{Setup, Tape};
use super::tree::python;
use super::{compile, has};

fn refuse(program: &'static str) -> impl Fn(&ProcessExec) -> Option<RefusedBy> {
    move |exec| (name(&exec.path) == program).then_some(RefusedBy::Policy)
}

#[test]
fn g1_no_program_runs_before_it_is_on_record() {
    let directory = tempfile::tempdir().unwrap();
    let marker = directory.path().join("marker");
    let seen = Arc::new(AtomicUsize::new(0));
    let (at_gate, count) = (marker.clone(), Arc::clone(&seen));
    let tape = Tape::refusing(move |exec| {
        if name(&exec.path) == "touch" {
            assert!(!at_gate.exists(), "it ran before it was gated");
            count.fetch_add(1, Ordering::SeqCst);
        }
        None
    });
    let outcome = Setup::shell(&format!("touch {}", marker.display())).run(&tape);
    assert_eq!(outcome.ending.exit_code(), 0);
    assert_eq!(seen.load(Ordering::SeqCst), 1);
    assert!(marker.exists(), "and it ran afterwards");
}

#[test]
fn a_refused_nested_command_does_not_run_and_the_shell_says_126() {
    let directory = tempfile::tempdir().unwrap();
    let (marker, code) = (directory.path().join("marker"), directory.path().join("code"));
    let tape = Tape::refusing(refuse("touch"));
    let script = format!("/usr/bin/touch {} 2>/dev/null; echo $? > {}", marker.display(), code.display());
    let outcome = Setup::shell(&script).run(&tape);
    check_links_of_refused(&tape, "touch");
    assert_eq!(outcome.ending.exit_code(), 0, "the command itself was let run");
    assert_eq!(fs::read_to_string(code).unwrap(), "126\n");
    assert!(!marker.exists());
}

/// A refused exec has no process of its own program.
fn check_links_of_refused(tape: &Tape, program: &str) {
    let (refused, _) = the_exec(tape, program);
    assert!(
        tape.exits().iter().all(|(event, _)| event.cause != Some(refused.id)),
        "nothing ended that came from the refused exec"
    );
    assert!(tape.exits().iter().all(|(_, exit)| exit.path.as_ref().is_none_or(|path| name(path) != program)));
}

#[test]
fn a_refused_command_gives_126_and_names_the_rule() {
    let tape = Tape::refusing(refuse("true"));
    let outcome = Setup::new(["true"]).run(&tape);
    assert!(
        matches!(&outcome.ending, Ending::Refused(refusal) if refusal.rule.as_deref() == Some("no-such-thing")),
        "{outcome:?}"
    );
    assert_eq!(outcome.ending.exit_code(), 126);
    assert_eq!(names(&tape), ["true"], "a refusal is not answered with the next program of that name in PATH");
    assert!(tape.exits().is_empty(), "no program ran");
    let finished = tape.finished();
    assert_eq!(finished.exit_code, 126);
    assert!(finished.error.unwrap().contains("no-such-thing"));
}

#[test]
fn g8_a_journal_that_cannot_write_refuses_with_another_error_than_policy() {
    if !has("python3") {
        return;
    }
    let tape = Tape::refusing(|exec| (name(&exec.path) == "true").then_some(RefusedBy::AuditFailure));
    let script = "import os, sys\ntry: os.execv('/bin/true', ['true'])\nexcept OSError as error: sys.exit(error.errno)";
    let outcome = Setup::new([python().as_str(), "-c", script]).run(&tape);
    assert_eq!(outcome.ending.exit_code(), libc::EPERM);
}

#[test]
fn a_missing_command_gives_127_and_no_exec() {
    for program in ["no-such-program-anywhere", "/no/such/program"] {
        let tape = Tape::default();
        let outcome = Setup::new([program]).run(&tape);
        assert!(matches!(outcome.ending, Ending::NotFound), "{program}: {outcome:?}");
        assert_eq!(outcome.ending.exit_code(), 127);
        assert!(tape.execs().is_empty());
        assert!(tape.exits().is_empty());
        let finished = tape.finished();
        assert_eq!((finished.exit_code, finished.error.as_deref()), (127, Some("not found")));
    }
}

#[test]
fn a_command_that_may_not_be_run_gives_126() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("plain");
    fs::write(&file, "no program").unwrap();
    for program in [file.as_path(), directory.path()] {
        let tape = Tape::default();
        let outcome = Setup::new([program]).run(&tape);
        assert_eq!(outcome.ending.exit_code(), 126, "{outcome:?}");
        assert!(tape.exits().is_empty());
    }
}

#[test]
fn a_working_directory_that_is_gone_is_a_failure_of_agentsh() {
    let tape = Tape::default();
    let outcome = Setup::new(["true"]).cwd("/no/such/directory".as_ref()).run(&tape);
    assert_eq!(outcome.ending.exit_code(), 125, "{outcome:?}");
    assert!(tape.execs().is_empty());
}

#[test]
fn exit_codes_and_signals_pass_through() {
    for (script, expected, signal) in [
        ("exit 0", 0, None),
        ("exit 1", 1, None),
        ("exit 42", 42, None),
        ("exit 255", 255, None),
        ("kill -KILL $$", 137, Some("SIGKILL")),
        ("kill -SEGV $$", 139, Some("SIGSEGV")),
        ("kill -TERM $$", 143, Some("SIGTERM")),
        ("kill -40 $$", 168, Some("SIGRTMIN+6")),
    ] {
        let tape = Tape::default();
        let outcome = Setup::shell(script).run(&tape);
        check_links(&tape);
        assert_eq!(outcome.ending.exit_code(), expected, "{script}");
        let finished = tape.finished();
        assert_eq!((finished.exit_code, finished.signal.as_deref()), (expected, signal), "{script}");
        let exits = tape.exits();
        let exit = &exits.last().unwrap().1;
        assert_eq!(exit.signal.as_deref(), signal, "{script}");
        assert_eq!(exit.exit_code, signal.is_none().then_some(expected), "{script}");
    }
}

#[test]
fn looking_for_a_program_is_no_operation() {
    if !has("python3") {
        return;
    }
    let tape = Tape::default();
    let script = "import os; os.environ['PATH'] = '/no/such:/nor/this:/usr/bin'; os.execvp('true', ['true'])";
    let outcome = Setup::new([python().as_str(), "-c", script]).run(&tape);
    check_links(&tape);
    assert_eq!(outcome.ending.exit_code(), 0);
    assert_eq!(tape.execs().len(), 2, "{:?}", names(&tape));
    assert!(tape.failures().is_empty());
}

#[test]
fn an_exec_that_the_kernel_refuses_is_recorded_as_failed() {
    if !has("python3") {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let (plain, garbage) = (directory.path().join("plain"), directory.path().join("garbage"));
    fs::write(&plain, "no program").unwrap();
    fs::write(&garbage, "no program either").unwrap();
    make_executable(&garbage);
    for (file, errno) in [(&plain, libc::EACCES), (&garbage, libc::ENOEXEC)] {
        let tape = Tape::default();
        let script = format!(
            "import os, sys\ntry: os.execv('{path}', ['{path}'])\nexcept OSError as error: sys.exit(error.errno)",
            path = file.display()
        );
        let outcome = Setup::new([python().as_str(), "-c", &script]).run(&tape);
        check_links(&tape);
        assert_eq!(outcome.ending.exit_code(), errno);
        let failures = tape.failures();
        assert_eq!(failures.len(), 1);
        assert_eq!(failures[0].1.errno, errno, "{:?}", failures[0].1);
        assert_eq!(failures[0].0.cause, Some(tape.execs()[1].0.id));
        assert_eq!(tape.exits()[0].0.cause, Some(tape.execs()[0].0.id), "what ended is what was running all the time");
    }
}

pub fn make_executable(file: &std::path::Path) {
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(file, fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
#[cfg(target_arch = "x86_64")]
fn programs_and_calls_of_another_abi_are_refused() {
    let directory = tempfile::tempdir().unwrap();
    let program = directory.path().join("thirty-two");
    let source = "void _start(void) { __asm__ volatile (\"int $0x80\" :: \"a\"(1), \"b\"(7)); for (;;); }";
    if compile(source, &["-m32", "-static", "-nostdlib", "-O1", "-fno-pie"], &program) {
        let tape = Tape::default();
        let script = format!("{} 2>/dev/null; exit $?", program.display());
        let outcome = Setup::shell(&script).run(&tape);
        assert_eq!(outcome.ending.exit_code(), 126, "the shell cannot run it");
        assert_eq!(tape.failures()[0].1.errno, libc::ENOEXEC);
    }
    // A 64-bit program that makes 32-bit calls: execve is 11 there, and must not start what the filter does not see.
    let sneaky = directory.path().join("sneaky");
    let source = "int main(void) { static char path[] __attribute__((aligned(16))) = \"/bin/true\"; long result; \
         __asm__ volatile (\"int $0x80\" : \"=a\"(result) : \"a\"(11), \"b\"(path), \"c\"(0), \"d\"(0) : \"memory\"); \
         if ((int)result != -38) return 1; \
         __asm__ volatile (\"syscall\" : \"=a\"(result) : \"a\"(0x40000000 + 520), \"D\"(path), \"S\"(0), \"d\"(0) : \"rcx\", \"r11\", \"memory\"); \
         return result == -38 ? 0 : 2; }";
    if compile(source, &["-no-pie"], &sneaky) {
        let tape = Tape::default();
        let outcome = Setup::new([&sneaky]).run(&tape);
        assert_eq!(outcome.ending.exit_code(), 0, "1: int 0x80 was not refused, 2: x32 was not refused");
        assert_eq!(names(&tape), ["sneaky"]);
    }
}

#[test]
fn g7_arguments_are_redacted_before_an_event_is_made() {
    let tape = Tape::default();
    let mut setup = Setup::shell("/bin/echo hunter2 >/dev/null");
    setup.redact = |argv| {
        let hide = |text: &OsText| OsText::from(text.to_string().replace("hunter2", "[redacted]"));
        argv.iter().map(hide).collect()
    };
    let outcome = setup.run(&tape);
    assert_eq!(outcome.ending.exit_code(), 0);
    assert_eq!(the_exec(&tape, "echo").1.argv, ["/bin/echo", "[redacted]"].map(OsText::from));
    for event in tape.events() {
        assert!(!format!("{event:?}").contains("hunter2"), "{event:?}");
    }
}
