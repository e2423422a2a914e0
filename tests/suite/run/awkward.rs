//! Bad input and awkward moments: what is refused, what is recorded all the same, and what is left afterwards.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::process::Stdio;

use agentsh::event::{Kind, Payload};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::support::{Place, text, wait_until};

#[track_caller]
fn check_refused(place: &Place, options: &[&str], expected: &str) {
    let output = place.command_with(options, &["true"]).output().unwrap();
    assert_eq!(output.status.code(), Some(125), "{options:?}");
    let said = text(&output.stderr);
    assert!(said.starts_with("error: ") && said.contains(expected), "{options:?}: {said}");
    assert!(!place.data().join("journal.db").exists(), "{options:?} left a journal");
}

#[test]
fn a_workspace_that_cannot_be_one_is_refused_with_the_way_out() {
    let place = Place::new();
    check_refused(&place, &["--workspace", "/no/such/directory"], "--workspace DIR");
    check_refused(&place, &["--workspace", "/"], "the root of the file system");
    check_refused(&place, &["--workspace", "/etc/passwd"], "not a directory");
    let inside = place.data().join("inside");
    std::fs::create_dir_all(&inside).unwrap();
    check_refused(&place, &["--workspace", &inside.display().to_string()], "data directory");
}

#[test]
fn a_session_within_a_session_is_refused() {
    let place = Place::new();
    let inner = place.folder().join("inner");
    let program = super::support::AGENTSH;
    let output = place.run(&[program, "run", "--data-dir", &inner.display().to_string(), "--", "true"]);
    if place.subjects(Kind::DirList).is_empty() && output.status.success() {
        eprintln!("skipped: a session within a session: the workspace cannot be mounted here");
        return;
    }
    assert_eq!(output.status.code(), Some(125));
    assert!(text(&output.stderr).contains("another session of agentsh has mounted"), "{}", text(&output.stderr));
}

#[test]
fn a_command_that_is_not_there_exits_with_127_and_is_recorded() {
    let place = Place::new();
    // A folder in PATH that may not be searched makes it `permission denied`, as in execvp(3).
    let output = place.command(&["no-such-program-anywhere"]).env("PATH", "/usr/bin:/bin").output().unwrap();
    assert_eq!(output.status.code(), Some(127));
    assert!(text(&output.stderr).contains("no-such-program-anywhere"), "{}", text(&output.stderr));
    let finished = place.events_of(Kind::CommandFinished);
    let Payload::CommandFinished(finished) = &finished[0].event.payload else { panic!() };
    assert_eq!((finished.exit_code, finished.program.as_bytes()), (127, b"no-such-program-anywhere".as_slice()));
    place.check_whole();
}

#[test]
fn a_misspelt_policy_key_is_named_with_line_column_and_the_nearest_key() {
    let place = Place::new();
    let policy = place.folder().join("policy.yaml");
    std::fs::write(&policy, "version: 1\nname: x\nfile_rulez: []\n").unwrap();
    check_refused(&place, &["--policy", &policy.display().to_string()], "file_rules");
    let output = place.command_with(&["--policy", &policy.display().to_string()], &["true"]).output().unwrap();
    assert!(text(&output.stderr).contains("3:1"), "{}", text(&output.stderr));
    check_refused(&place, &["--policy", "/no/such/policy.yaml"], "/no/such/policy.yaml");
}

#[test]
fn a_file_that_is_no_journal_is_not_touched() {
    let place = Place::new();
    std::fs::create_dir(place.data()).unwrap();
    std::fs::write(place.data().join("journal.db"), "my notes\n").unwrap();
    let output = place.run(&["true"]);
    assert_eq!(output.status.code(), Some(125));
    assert!(text(&output.stderr).contains("not a journal"), "{}", text(&output.stderr));
    assert_eq!(std::fs::read(place.data().join("journal.db")).unwrap(), b"my notes\n");
}

#[test]
fn a_name_that_is_not_utf8_is_recorded_without_loss() {
    let place = Place::new();
    let name = OsString::from_vec(b"caf\xe9 \\ \xff".to_vec());
    let output = place.run(&[OsStr::new("touch"), &name]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let execs = place.events_of(Kind::ProcessExec);
    let Payload::ProcessExec(exec) = &execs[0].event.payload else { panic!() };
    assert_eq!(exec.argv[1].as_bytes(), name.as_bytes());
    for created in place.events_of(Kind::FileCreate) {
        let Payload::FileCreate(created) = created.event.payload else { panic!() };
        assert!(created.path.as_bytes().ends_with(name.as_bytes()), "{:?}", created.path);
    }
    place.check_whole();
}

#[test]
fn a_path_of_4095_bytes_is_recorded_whole() {
    let place = Place::new();
    // A path that the kernel takes in one call has at most 4,095 bytes (PATH_MAX with its end).
    let prefix = place.workspace();
    let mut path = prefix.clone().into_os_string().into_vec();
    while path.len() + 1 + 200 < 4095 {
        path.push(b'/');
        path.extend_from_slice(&[b'd'; 200]);
    }
    std::fs::create_dir_all(OsStr::from_bytes(&path)).unwrap();
    path.push(b'/');
    path.resize(4095, b'f');
    let output = place.run(&[OsStr::new("touch"), OsStr::from_bytes(&path)]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert!(std::path::Path::new(OsStr::from_bytes(&path)).exists());
    let created = place.subjects(Kind::FileCreate);
    assert!(created.is_empty() || created == [text(&path)], "{created:?}");
    let execs = place.events_of(Kind::ProcessExec);
    let Payload::ProcessExec(exec) = &execs[0].event.payload else { panic!() };
    assert_eq!(exec.argv[1].as_bytes(), path);
}

#[test]
fn a_mebibyte_of_arguments_runs_and_its_size_is_recorded() {
    let place = Place::new();
    // One string may have 128 KiB (MAX_ARG_STRLEN), so a mebibyte takes several.
    let argument = "a".repeat(100_000);
    let mut argv = vec!["true".to_owned()];
    argv.extend(std::iter::repeat_n(argument, 11));
    let output = place.run(&argv);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let execs = place.events_of(Kind::ProcessExec);
    let Payload::ProcessExec(exec) = &execs[0].event.payload else { panic!() };
    assert_eq!((exec.argc, exec.argv_bytes), (12, 11 * 100_001 + 5));
    place.check_whole();
}

#[test]
fn the_data_directory_within_the_workspace_is_hidden_from_the_session() {
    let place = Place::new();
    let data = place.workspace().join("nested/data");
    let mut command = std::process::Command::new(super::support::AGENTSH);
    command.args(["run", "--data-dir"]).arg(&data).args(["--", "sh", "-c", "ls -A nested; cat nested/data/keys/journal.key"]);
    let output = command.current_dir(place.workspace()).stdin(Stdio::null()).output().unwrap();
    assert!(data.join("keys/journal.key").exists());
    // Where the workspace is not mounted, an empty directory covers it instead.
    assert!(["", "data\n"].contains(&text(&output.stdout).as_str()), "{}", text(&output.stdout));
    assert!(text(&output.stderr).contains("No such file or directory"), "{}", text(&output.stderr));
}

#[test]
fn the_data_directory_elsewhere_is_hidden_from_the_session() {
    let place = Place::new();
    let output = place.shell(&format!("ls -A {0}; cat {0}/keys/journal.key {0}/journal.db", place.data().display()));
    assert_eq!(text(&output.stdout), "", "{}", text(&output.stderr));
    assert!(place.data().join("keys/journal.key").exists());
}

fn check_signal(signal: Signal, script: &str, expected: i32) {
    let place = Place::new();
    let started = place.workspace().join("started");
    let mut child = place.command(&["sh", "-c", script]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    wait_until("the command runs", || started.exists());
    kill(Pid::from_raw(i32::try_from(child.id()).unwrap()), signal).unwrap();
    let status = child.wait().unwrap();
    assert_eq!(status.code(), Some(expected), "{signal:?}");
    let events = place.events();
    assert!(events.iter().any(|event| event.kind == Kind::SessionEnded), "the session ended cleanly");
    place.check_whole();
    let mounts = std::fs::read_to_string("/proc/self/mountinfo").unwrap();
    assert!(!mounts.contains(&place.workspace().display().to_string()), "nothing is left mounted");
}

/// A shell starts what it runs in the background with SIGINT ignored, and every command inherits that.
fn is_ignored(signal: Signal) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:")).unwrap();
    u64::from_str_radix(mask.trim(), 16).unwrap() >> (signal as i32 - 1) & 1 == 1
}

#[test]
fn signals_are_forwarded_and_the_session_ends_cleanly() {
    check_signal(Signal::SIGTERM, "touch started; exec tail -f /dev/null", 128 + 15);
    if is_ignored(Signal::SIGINT) {
        eprintln!("skipped: signals_are_forwarded: SIGINT: it is ignored here, as in a shell's background job");
    } else {
        check_signal(Signal::SIGINT, "touch started; exec tail -f /dev/null", 128 + 2);
    }
    check_signal(Signal::SIGTERM, "trap 'exit 7' TERM; touch started; while :; do tail -f /dev/null & wait $!; done", 7);
}
