//! Which program it is: scripts, links, descriptors, other roots; and arguments of every size and byte.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::symlink;

use agentsh::channel::RefusedBy;
use agentsh::event::OsText;

use super::exact::{check_links, name, names, the_exec};
use super::tape::{Setup, Tape};
use super::tree::{EXIT_SEVEN, python};
use super::verdicts::make_executable;
use super::{compile, has};

#[test]
fn a_script_is_recorded_with_its_interpreters() {
    let directory = tempfile::tempdir().unwrap();
    let (outer, inner) = (directory.path().join("outer"), directory.path().join("inner"));
    fs::write(&inner, "#! /bin/sh -e\nexit 5\n").unwrap();
    fs::write(&outer, format!("#!{}\n", inner.display())).unwrap();
    make_executable(&inner);
    make_executable(&outer);
    let tape = Tape::default();
    let outcome = Setup::new([&outer]).run(&tape);
    check_links(&tape);
    assert_eq!(outcome.ending.exit_code(), 5);
    let (_, exec) = &tape.execs()[0];
    assert_eq!(exec.path, OsText::from(outer.as_path()));
    assert_eq!(exec.interpreters, [OsText::from(inner.as_path()), OsText::from("/usr/bin/dash")]);
    assert!(tape.failures().is_empty(), "that the process runs the interpreter is no failure");
}

#[test]
fn a_script_without_an_interpreter_is_run_by_the_shell_as_execvp_does() {
    let directory = tempfile::tempdir().unwrap();
    let script = directory.path().join("script");
    fs::write(&script, "exit 6\n").unwrap();
    make_executable(&script);
    let tape = Tape::default();
    let outcome = Setup::new([&script]).run(&tape);
    check_links(&tape);
    assert_eq!(outcome.ending.exit_code(), 6);
    assert_eq!(tape.failures().len(), 1, "the first attempt failed with ENOEXEC");
    assert_eq!(tape.failures()[0].1.errno, libc::ENOEXEC);
    assert_eq!(names(&tape), ["script", "dash"]);
}

#[test]
fn a_missing_interpreter_is_recorded_and_fails() {
    let directory = tempfile::tempdir().unwrap();
    let script = directory.path().join("script");
    fs::write(&script, "#!/no/such/interpreter\n").unwrap();
    make_executable(&script);
    let tape = Tape::default();
    let outcome = Setup::new([&script]).run(&tape);
    assert_eq!(outcome.ending.exit_code(), 127, "{outcome:?}");
    let (exec, payload) = &tape.execs()[0];
    assert_eq!(payload.interpreters, [OsText::from("/no/such/interpreter")]);
    assert_eq!(tape.failures()[0].0.cause, Some(exec.id));
    assert_eq!(tape.failures()[0].1.errno, libc::ENOENT);
}

#[test]
fn relative_paths_and_links_are_resolved() {
    let directory = tempfile::tempdir().unwrap();
    symlink("/bin/true", directory.path().join("link")).unwrap();
    let tape = Tape::default();
    let outcome = Setup::shell("./link").cwd(directory.path()).run(&tape);
    check_links(&tape);
    assert_eq!(outcome.ending.exit_code(), 0);
    let (event, exec) = the_exec(&tape, "true");
    assert_eq!(exec.path, OsText::from("/usr/bin/true"));
    assert_eq!(exec.requested, OsText::from("./link"));
    assert_eq!(event.actor.unwrap().cwd, Some(OsText::from(directory.path())));
}

#[test]
fn links_into_a_process_lead_into_the_caller_and_not_into_the_recorder() {
    let directory = tempfile::tempdir().unwrap();
    let link = directory.path().join("link");
    symlink("/proc/self/exe", &link).unwrap();
    let script = format!("exec {} -c 'exec /proc/self/exe -c \"exit 9\"'", link.display());
    let tape = Tape::default();
    let outcome = Setup::shell(&script).run(&tape);
    check_links(&tape);
    assert_eq!(outcome.ending.exit_code(), 9);
    assert_eq!(names(&tape), ["dash", "dash", "dash"]);
    // The counter-example: were it taken for another program, this refusal would not hold.
    let tape = Tape::refusing(|exec| (exec.depth > 0 && name(&exec.path) == "dash").then_some(RefusedBy::Policy));
    let outcome = Setup::shell(&script).run(&tape);
    assert_eq!(outcome.ending.exit_code(), 126);
}

#[test]
fn a_program_given_by_descriptor_is_named() {
    if !has("python3") {
        return;
    }
    let script = "import os\n\
        descriptor = os.open('/bin/true', os.O_RDONLY)\n\
        if os.fork() == 0: os.execve(descriptor, ['by-descriptor'], {})\n\
        os.wait()\n\
        memory = os.memfd_create('in-memory')\n\
        os.write(memory, open('/bin/true', 'rb').read())\n\
        if os.fork() == 0: os.execve(memory, ['by-memory'], {})\n\
        os.wait()\n\
        directory = os.open('/usr', os.O_RDONLY)\n\
        os.fchdir(directory)\n\
        os.execv('bin/true', ['by-relative-path'])\n";
    let tape = Tape::default();
    let outcome = Setup::new([python().as_str(), "-c", script]).run(&tape);
    check_links(&tape);
    assert_eq!(outcome.ending.exit_code(), 0, "{:?}", tape.events());
    let paths: Vec<_> = tape.execs()[1..].iter().map(|(_, exec)| (exec.argv[0].to_string(), exec.path.to_string())).collect();
    assert_eq!(
        paths,
        [("by-descriptor", "/usr/bin/true"), ("by-memory", "/memfd:in-memory (deleted)"), ("by-relative-path", "/usr/bin/true")]
            .map(|(argument, path)| (argument.to_owned(), path.to_owned()))
    );
}

#[test]
fn a_process_with_another_root_is_looked_through_its_own() {
    let directory = tempfile::tempdir().unwrap();
    let program = directory.path().join("bin-of-the-jail");
    if !nix::unistd::geteuid().is_root() {
        eprintln!("skipped: needs chroot(2): not root");
        return;
    }
    if !has("python3") || !compile(EXIT_SEVEN, &["-static", "-nostdlib", "-O1"], &program) {
        return;
    }
    let script = format!(
        "import os; os.chroot('{}'); os.chdir('/'); os.execv('/bin-of-the-jail', ['jailed'])",
        directory.path().display()
    );
    let tape = Tape::default();
    let outcome = Setup::new([python().as_str(), "-c", &script]).run(&tape);
    check_links(&tape);
    assert_eq!(outcome.ending.exit_code(), 7);
    assert_eq!(tape.execs()[1].1.path, OsText::from(program.as_path()), "named from outside of its root");
}

#[test]
fn a_mebibyte_of_arguments_is_run_and_recorded_with_its_true_size() {
    // A single string may have 128 KiB with its terminator, so it takes several.
    let long = "x".repeat(100_000);
    let mut argv = vec!["true".to_owned()];
    argv.extend(std::iter::repeat_n(long, 11));
    let tape = Tape::default();
    let outcome = Setup::new(&argv).run(&tape);
    check_links(&tape);
    assert_eq!(outcome.ending.exit_code(), 0, "{outcome:?}");
    let (_, exec) = the_exec(&tape, "true");
    assert_eq!((exec.argc, exec.argv_bytes), (12, 5 + 11 * 100_001));
    let kept: usize = exec.argv.iter().map(|argument| argument.as_bytes().len()).sum();
    assert_eq!((exec.argv.len(), kept), (2, 65_536), "the first argument that does not fit is cut, the rest left out");
}

#[test]
fn many_small_arguments_are_counted_and_cut() {
    let mut argv = vec!["true".to_owned()];
    argv.extend((0..20_000).map(|number| number.to_string()));
    let bytes: usize = argv.iter().map(|argument| argument.len() + 1).sum();
    let tape = Tape::default();
    let outcome = Setup::new(&argv).run(&tape);
    assert_eq!(outcome.ending.exit_code(), 0);
    let (_, exec) = the_exec(&tape, "true");
    assert_eq!((exec.argc, exec.argv_bytes), (20_001, bytes as u64));
    assert_eq!(exec.argv.len(), 4_096);
    assert_eq!(exec.argv[4_095], OsText::from("4094"));
}

#[test]
fn a_string_that_no_kernel_takes_is_refused_as_the_kernel_would() {
    if !has("python3") {
        return;
    }
    let script =
        "import os, sys\ntry: os.execv('/bin/true', ['true', 'x' * 131072])\nexcept OSError as error: sys.exit(error.errno)";
    let tape = Tape::default();
    let outcome = Setup::new([python().as_str(), "-c", script]).run(&tape);
    assert_eq!(outcome.ending.exit_code(), libc::E2BIG);
    assert_eq!(tape.execs().len(), 1);
    // The counter-example: one byte less is taken.
    let tape = Tape::default();
    let outcome = Setup::new([python().as_str(), "-c", &script.replace("131072", "131071")]).run(&tape);
    assert_eq!(outcome.ending.exit_code(), 0);
    assert_eq!(the_exec(&tape, "true").1.argv_bytes, 5 + 131_072);
}

#[test]
fn bytes_that_are_no_text_are_kept() {
    let argument = OsStr::from_bytes(b"\xff\xfe\\ \n\t");
    let tape = Tape::default();
    let outcome = Setup::new([OsStr::new("true"), argument, OsStr::new("")]).run(&tape);
    assert_eq!(outcome.ending.exit_code(), 0);
    let (_, exec) = the_exec(&tape, "true");
    assert_eq!(exec.argv[1].as_bytes(), argument.as_bytes());
    assert_eq!(exec.argv[2], OsText::default());
    assert_eq!(exec.argc, 3);
}
