//! Tests: the policies in `examples/policies` are valid, do what they say, and are read strictly; `agentsh policy validate`.

use std::path::{Path, PathBuf};

use agentsh::cli::policy::{PolicyCommandError, read_text, report, validate};
use agentsh::policy::{MAX_TEXT_BYTES, Policy, Problem};
use miette::GraphicalTheme;

use super::check::{check_policy, variables};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/policies")
}

fn examples() -> Vec<(String, String)> {
    let mut found: Vec<_> = std::fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| (path.file_name().unwrap().to_string_lossy().into_owned(), std::fs::read_to_string(path).unwrap()))
        .collect();
    found.push(("built-in".to_owned(), Policy::built_in_text().to_owned()));
    found
}

fn example(name: &str) -> Policy {
    let text = std::fs::read_to_string(folder().join(name)).unwrap();
    Policy::parse_and_compile(name, &text, &variables()).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn every_example_is_valid_and_an_unknown_key_in_it_is_refused() {
    let examples = examples();
    assert!(examples.len() >= 4, "{examples:?}");
    for (name, text) in examples {
        let policy = Policy::parse_and_compile(&name, &text, &variables()).unwrap_or_else(|error| panic!("{error}"));
        assert!(policy.rule_count() > 0, "{name}");
        let lines = text.lines().count();
        let top = format!("{text}\nfile_ruels: []\n");
        let error = Policy::parse_and_compile(&name, &top, &variables()).unwrap_err();
        assert!(matches!(error.problem(), Problem::UnknownKey { key, .. } if key == "file_ruels"), "{error}");
        assert_eq!(error.place().unwrap().line as usize, lines + 2, "{error}");
        let in_rule = text.replacen("decision: ", "severity: high\n    decision: ", 1);
        let error = Policy::parse_and_compile(&name, &in_rule, &variables()).unwrap_err();
        assert!(matches!(error.problem(), Problem::UnknownKey { key, .. } if key == "severity"), "{error}");
    }
}

#[test]
fn every_example_starts_with_what_it_is_for() {
    for (name, text) in examples() {
        assert!(text.starts_with("# "), "{name}");
        let comments = text.lines().filter(|line| line.trim_start().starts_with('#')).count();
        assert!(comments >= 5, "{name} has {comments} lines of comment");
    }
}

#[test]
fn read_only_reads_and_changes_nothing() {
    check_policy(
        &example("read-only.yaml"),
        &[
            ("read /work/space/src/main.rs", "allow default"),
            ("list /work/space", "allow default"),
            ("write /work/space/src/main.rs", "deny no-changes"),
            ("readwrite /work/space/x", "deny no-changes"),
            ("create /work/space/x", "deny no-changes"),
            ("rename /work/space/x -> /work/space/y", "deny no-changes"),
            ("write /tmp/x", "allow temporary-files"),
            ("rename /work/space/x -> /tmp/x", "deny no-changes"),
            ("read /work/space/.env", "deny secrets"),
            ("connect github.com@192.0.2.1:443", "deny no-connections"),
            ("name github.com:443", "deny no-connections"),
            ("exec /usr/bin/grep | x", "allow default"),
            ("exec /usr/bin/sudo | x", "deny no-privilege-changes"),
        ],
    );
}

#[test]
fn windows_keeps_to_its_own_settings_and_lifts_one_autostart_value() {
    let run = r"HKU\S-1-5-21-1-2-3-1001\SOFTWARE\Microsoft\Windows\CurrentVersion\Run";
    check_policy(
        &example("windows.yaml"),
        &[
            (r"regset HKCU\SOFTWARE\MyAgent\Window :: Width", "allow own-settings"),
            (r"regcreate \REGISTRY\USER\S-1-5-21-1-2-3-1001\Software\myagent", "allow own-settings"),
            (r"regdelete HKCU\SOFTWARE\MyAgent", "allow own-settings"),
            // Its neighbour's name only begins alike.
            (r"regset HKCU\SOFTWARE\MyAgent2 :: Width", "allow default"),
            (&format!("regset {run} :: MyAgentUpdater"), "allow own-autostart"),
            (&format!("regdelval {run} :: MyAgentUpdater"), "allow own-autostart"),
            (&format!("regset {run} :: Evil"), "deny default"),
            (&format!("regdelete {run}"), "deny default"),
            (&format!("regget {run} :: Evil"), "allow default"),
            // The rule lifts the refusal for users' keys, and for no other Run key.
            (r"regset HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\Run :: MyAgentUpdater", "deny default"),
            (r"regget HKLM\SAM\SAM\Domains\Account :: F", "deny stored-passwords"),
            (r"regopen HKLM\SECURITY\Policy\Secrets\DefaultPassword", "deny stored-passwords"),
            (r"regget HKCU\SOFTWARE\SimonTatham\PuTTY\Sessions\prod :: ProxyPassword", "deny stored-passwords"),
            (r"regget HKCU\SOFTWARE\SimonTatham\PuTTY :: x", "allow default"),
            (r"regset HKLM\SOFTWARE\Vendor :: x", "audit settings-of-the-machine"),
            (r"regset HKLM\SOFTWARE\WOW6432Node\Vendor :: x", "audit settings-of-the-machine"),
            (r"regrename HKLM\SOFTWARE\Vendor -> HKLM\SOFTWARE\Vendor2", "audit settings-of-the-machine"),
            (r"regget HKLM\SOFTWARE\Vendor :: x", "allow default"),
            // A rule about all of the machine's settings lifts no high-risk path.
            (r"regset HKLM\SYSTEM\ControlSet001\Services\Evil :: ImagePath", "deny default"),
        ],
    );
}

#[test]
fn observe_refuses_nothing() {
    let policy = example("observe.yaml");
    check_policy(
        &policy,
        &[
            ("read /home/u/.ssh/id_rsa", "audit touches-secrets"),
            ("write /home/u/.bashrc", "audit changes-start-up-files"),
            ("write /etc/hosts", "audit leaves-the-workspace"),
            ("write /work/space/x", "allow workspace"),
            ("connect evil.test@198.51.100.1:443", "audit default"),
            ("connect evil.test@198.51.100.1:4444", "audit unusual-ports"),
            ("connect localhost@127.0.0.1:4444", "allow loopback"),
            ("exec /bin/git | push | origin | -f", "audit forced-push"),
            ("exec /bin/sudo | id", "audit changes-privileges"),
        ],
    );
    let text = std::fs::read_to_string(folder().join("observe.yaml")).unwrap();
    assert!(!text.contains("decision: deny"));
}

#[test]
fn default_like_protects_and_lets_work() {
    check_policy(
        &example("default-like.yaml"),
        &[
            ("write /work/space/src/main.rs", "allow default"),
            ("read /home/u/.ssh/id_rsa", "deny secrets"),
            ("read /home/u/.ssh/id_rsa.pub", "allow public-keys"),
            ("rename /home/u/.ssh -> /home/u/x", "deny protected-directories"),
            ("write /home/u/.bashrc", "deny start-up-files"),
            ("read /home/u/.bashrc", "allow default"),
            ("write /work/space/src/generated/a/b.rs", "audit generated-files"),
            ("connect github.com@140.82.121.3:443", "allow project-hosts"),
            ("connect db.corp.test@10.20.0.5:8080", "allow own-network"),
            ("connect evil.test@198.51.100.1:443", "deny default"),
            ("exec /usr/bin/cargo | publish", "deny publishing"),
            ("exec /usr/bin/cargo | build | publish", "allow default"),
        ],
    );
}

fn written(content: impl AsRef<[u8]>) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("policy.yaml");
    std::fs::write(&path, content).unwrap();
    (folder, path)
}

#[test]
fn validate_says_what_a_policy_holds() {
    let (_folder, path) = written(Policy::built_in_text());
    let mut out = Vec::new();
    validate(&path, &variables(), &mut out).unwrap();
    let policy = Policy::built_in(&variables()).unwrap();
    let counts = policy.rule_counts();
    let expected = format!(
        "ok: default, {} rules (file {}, network {}, command {}, registry {}), digest {}\n",
        counts.total(),
        counts.file,
        counts.network,
        counts.command,
        counts.registry,
        policy.digest()
    );
    assert_eq!(String::from_utf8(out).unwrap(), expected);
}

#[test]
fn validate_points_into_the_file_that_is_not_valid() {
    let (_folder, path) = written("version: 1\nname: t\nfile_rules:\n  - {name: a, paths: [/a], decison: deny}\n");
    let mut out = Vec::new();
    let error = validate(&path, &variables(), &mut out).unwrap_err();
    assert!(out.is_empty());
    let shown = report(&error, GraphicalTheme::unicode_nocolor());
    for part in ["unknown key `decison` in a file rule", "policy.yaml:4:28", "did you mean `decision`?"] {
        assert!(shown.contains(part), "no `{part}` in:\n{shown}");
    }
}

#[test]
fn validate_says_why_a_file_cannot_be_read() {
    let (folder, path) = written(b"version: \xff\n");
    let error = validate(&path, &variables(), &mut Vec::new()).unwrap_err();
    assert!(matches!(error, PolicyCommandError::NotText { .. }));
    let missing = validate(&folder.path().join("missing.yaml"), &variables(), &mut Vec::new()).unwrap_err();
    let shown = report(&missing, GraphicalTheme::none());
    assert!(
        shown.starts_with("error: cannot read ") && shown.contains("missing.yaml") && shown.ends_with("permissions\n"),
        "{shown}"
    );
    let directory = validate(folder.path(), &variables(), &mut Vec::new()).unwrap_err();
    assert!(matches!(directory, PolicyCommandError::Read { .. }));
}

#[test]
fn a_file_without_end_is_read_to_the_limit_and_refused() {
    let text = read_text(Path::new("/dev/zero")).unwrap();
    assert!(text.len() <= MAX_TEXT_BYTES + 4);
    let error = validate(Path::new("/dev/zero"), &variables(), &mut Vec::new()).unwrap_err();
    assert!(
        matches!(&error, PolicyCommandError::Invalid(invalid) if matches!(invalid.problem(), Problem::TooLarge { .. })),
        "{error}"
    );
    let (_folder, path) = written("ü".repeat(MAX_TEXT_BYTES));
    let error = validate(&path, &variables(), &mut Vec::new()).unwrap_err();
    assert!(
        matches!(&error, PolicyCommandError::Invalid(invalid) if matches!(invalid.problem(), Problem::TooLarge { .. })),
        "{error}"
    );
}
