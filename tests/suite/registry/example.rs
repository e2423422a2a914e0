//! The example sensor as a whole: lines in, answers out, and what is in the journal then; once in this process and once as the program.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use super::program::sensor::FailMode;
use super::program::{options, play};
use super::sensor::Rig;
use crate::grpc::rig::runtime;
use crate::run::support::text;

/// Operations as a person writes them: one of each word, one again, and two lines that are none.
const LINES: &str = "create \\REGISTRY\\MACHINE\\SOFTWARE\\Mine\n\
    set \\REGISTRY\\MACHINE\\SOFTWARE\\Mine\tColour\tred\n\
    set \\Registry\\Machine\\Software\\MINE\tColour\tgreen\n\
    paint \\REGISTRY\\MACHINE\\SOFTWARE\\Mine\n\
    \n\
    query \\REGISTRY\\MACHINE\\SOFTWARE\\Mine\tColour\n\
    set HKLM\\SOFTWARE\\Locked\\x\ta\tb\n\
    set \\REGISTRY\\USER\\S-1-5-21-7\\Software\\Microsoft\\Windows\\CurrentVersion\\Run\tEvil\tC:\\evil.exe\n\
    delete-value HKLM\\SOFTWARE\\Mine\tColour\n\
    rename HKLM\\SOFTWARE\\Mine\tHKLM\\SOFTWARE\\Yours\n\
    open HKLM\\SOFTWARE\\Yours\n\
    delete HKLM\\SOFTWARE\\Yours\n";

/// Verdict, where it came from, and techniques, as they are printed.
const ANSWERS: [&str; 10] = [
    "allow\tServer\t",
    "allow\tServer\t",
    "allow\tCache\t",
    "allow\tServer\t",
    "deny\tServer\t",
    "deny\tServer\tT1547.001",
    "allow\tServer\t",
    "allow\tServer\t",
    "allow\tServer\t",
    "allow\tServer\t",
];

const RECORDED: [&str; 10] = [
    r"registry_create_key HKLM\SOFTWARE\Mine allow - -",
    r"registry_set_value HKLM\SOFTWARE\Mine\Colour allow - -",
    r"registry_set_value HKLM\Software\MINE\Colour allow - -",
    r"registry_query_value HKLM\SOFTWARE\Mine\Colour allow - -",
    r"registry_set_value HKLM\SOFTWARE\Locked\x\a deny locked -",
    r#"registry_set_value HKU\S-1-5-21-7\Software\Microsoft\Windows\CurrentVersion\Run\Evil deny - ["T1547.001"]"#,
    r"registry_delete_value HKLM\SOFTWARE\Mine\Colour allow - -",
    r"registry_rename_key HKLM\SOFTWARE\Mine allow - -",
    r"registry_open_key HKLM\SOFTWARE\Yours allow - -",
    r"registry_delete_key HKLM\SOFTWARE\Yours allow - -",
];

/// Checks what was printed and what is on record.
fn check(rig: &Rig, printed: &str) {
    let answers: Vec<&str> = printed.lines().map(|line| line.rsplit_once('\t').unwrap().0).collect();
    assert_eq!(answers, ANSWERS, "{printed}");
    assert!(printed.lines().nth(5).unwrap().contains("high-risk path"), "{printed}");
    assert_eq!(rig.recorded(), RECORDED);
    assert_eq!(rig.reasons().iter().filter(|reason| reason.ends_with("(from the sensor's cache)")).count(), 1);
}

#[test]
fn the_example_answers_each_line_and_everything_is_on_record_when_it_ends() {
    let rig = Rig::new();
    let server = rig.server();
    let arguments = [server.grpc().to_string(), "--deadline-ms".to_owned(), "60000".to_owned()];
    let options = options(arguments.into_iter(), Some(rig.key.clone())).unwrap();
    let mut printed = Vec::new();
    runtime().block_on(play(options, LINES.as_bytes(), &mut printed)).unwrap();
    check(&rig, &text(&printed));
}

#[test]
fn the_example_s_command_line_is_read_strictly() {
    let read = |words: &str, key: Option<&str>| options(words.split_whitespace().map(str::to_owned), key.map(str::to_owned));
    assert!(read("", Some("k")).is_none() && read("127.0.0.1:1", None).is_none());
    assert!(read("127.0.0.1:1 --fail sometimes", Some("k")).is_none());
    assert!(read("127.0.0.1:1 --deadline-ms soon", Some("k")).is_none());
    assert!(read("127.0.0.1:1 --fail", Some("k")).is_none());
    let good = read("127.0.0.1:1 --fail open --deadline-ms 250", Some("k")).unwrap();
    assert_eq!((good.fail, good.deadline.as_millis()), (FailMode::Open, 250));
    assert_eq!(read("127.0.0.1:1", Some("k")).unwrap().fail, FailMode::Closed);
}

/// The program, where `cargo test` or `cargo build --examples` has built it from the sources as they are.
fn built(test: &str) -> Option<PathBuf> {
    let deps = std::env::current_exe().unwrap();
    let program = deps.parent().unwrap().parent().unwrap().join("examples/registry_sensor");
    let changed = |path: PathBuf| std::fs::metadata(path).and_then(|of| of.modified()).ok();
    let sources = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("examples/registry_sensor");
    let newest = ["main.rs", "sensor.rs"].into_iter().filter_map(|name| changed(sources.join(name))).max();
    if changed(program.clone()).is_some_and(|built| Some(built) >= newest) {
        return Some(program);
    }
    eprintln!("skipped: {test}: the example is not built (cargo build --examples)");
    None
}

#[test]
fn the_example_as_a_program_does_the_same_and_fails_without_a_server() {
    let Some(program) = built("the_example_as_a_program_does_the_same_and_fails_without_a_server") else { return };
    let rig = Rig::new();
    let server = rig.server();
    let run = |address: &str, key: &str| {
        let mut command = Command::new(&program);
        command.env_clear().env("SENSOR_KEY", key).args([address, "--deadline-ms", "60000", "--fail", "closed"]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        child.stdin.take().unwrap().write_all(LINES.as_bytes()).unwrap();
        child.wait_with_output().unwrap()
    };
    let output = run(&server.grpc().to_string(), &rig.key);
    assert!(output.status.success(), "{}", text(&output.stderr));
    check(&rig, &text(&output.stdout));
    assert!(text(&output.stderr).contains(r"not an operation: paint \REGISTRY\MACHINE\SOFTWARE\Mine"));
    // A key that is none: nothing is let through, and it says that not all is on record.
    let refused = run(&server.grpc().to_string(), "no-such-key");
    assert_eq!(refused.status.code(), Some(1), "{}", text(&refused.stderr));
    assert!(text(&refused.stdout).lines().all(|line| line.starts_with("deny\tFailMode")), "{}", text(&refused.stdout));
    assert!(text(&refused.stderr).contains("error: not everything is in the journal"), "{}", text(&refused.stderr));
    let usage = Command::new(&program).env_clear().stdin(Stdio::null()).output().unwrap();
    assert_eq!(usage.status.code(), Some(2));
}
