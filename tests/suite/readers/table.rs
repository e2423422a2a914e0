//! The table: what a person reads.

use agentsh::cli::events;
use agentsh::cli::output::{Output, columns, middle, printable, wrapped};
use agentsh::event::{Decision, FileAccess, FileOpen, Kind};

use super::recorded::{RECORDED, Recorded, args, ask, record};

/// The lines without the heading, and without the time, which depends on the zone of the machine.
fn lines(data_dir: &agentsh::journal::DataDir, line: &str) -> Vec<String> {
    let printed = ask(data_dir, line).unwrap();
    let rows = printed.lines().filter(|line| !line.contains("SEQ ") && line.len() > 20);
    rows.map(|line| format!("{} {}", line[..5].trim(), &line[21..])).collect()
}

#[track_caller]
fn check(line: &str, expected: &[&str]) {
    assert_eq!(lines(&RECORDED.data_dir, line), expected, "{line}");
}

#[test]
fn a_decision_stands_in_the_line_of_its_operation() {
    check(
        "--pid 102",
        &[
            "7     102 cc1              open       /work/src/main.c",
            "9     102 cc1              close      /work/src/main.c  read 4.8 KiB",
            "10     102 cc1              open       /home/dev/.ssh/id_ed25519  ✗ denied by protect-private-keys",
            "12     102 cc1              create     /work/out/a.o",
            "14     102 cc1              rename     /work/out/a.o → /work/out/b.o",
            "16     102 cc1              delete     /work/caf\\xe9 \"x\",\\n.txt  ! flagged by watch-deletes",
        ],
    );
}

#[test]
fn a_decision_that_the_filter_leaves_out_is_told_all_the_same() {
    check(
        "--kind file_open",
        &[
            "7     102 cc1              open       /work/src/main.c",
            "10     102 cc1              open       /home/dev/.ssh/id_ed25519  ✗ denied by protect-private-keys",
            "39     101 make             open       /work/app/[id].tsx  to read and write",
        ],
    );
}

#[test]
fn a_verdict_selects_one_line_for_each_operation() {
    check(
        "--decision deny",
        &[
            "10     102 cc1              open       /home/dev/.ssh/id_ed25519  ✗ denied by protect-private-keys",
            "24     103 curl             POST       https://evilcorp.test:8443/  ✗ denied by default",
            "28     103 curl             connect    /run/docker.sock  ✗ denied by no-docker",
        ],
    );
}

#[test]
fn raw_and_asked_for_by_kind_a_decision_has_a_line_of_its_own() {
    let decision = "11     102                  decision   open /home/dev/.ssh/id_ed25519  ✗ denied by protect-private-keys";
    check("--raw --after 9 --limit 2", &["10     102 cc1              open       /home/dev/.ssh/id_ed25519", decision]);
    check("--kind policy_decision --after 9 --limit 1", &[decision]);
    check(
        "--kind policy_decision --limit 1",
        &["6     101                  decision   exec /usr/bin/make  allowed by allow-tools"],
    );
}

#[test]
fn a_decision_is_folded_into_its_own_operation_alone() {
    // The decision at 11 is right behind 10, and the filter leaves out what it judged.
    check(
        "--text protect-private --after 8",
        &["11     102                  decision   open /home/dev/.ssh/id_ed25519  ✗ denied by protect-private-keys"],
    );
    check(
        "--kind file_close,policy_decision --after 8 --limit 2",
        &[
            "9     102 cc1              close      /work/src/main.c  read 4.8 KiB",
            "11     102                  decision   open /home/dev/.ssh/id_ed25519  ✗ denied by protect-private-keys",
        ],
    );
}

#[test]
fn limits_count_lines() {
    assert_eq!(lines(&RECORDED.data_dir, "--limit 5").len(), 5);
    check("--pid 102 --limit 1", &["7     102 cc1              open       /work/src/main.c"]);
    check(
        "--tail 2",
        &["39     101 make             open       /work/app/[id].tsx  to read and write", &lines(&RECORDED.data_dir, "")[29]],
    );
    let all = lines(&RECORDED.data_dir, "");
    for count in 1..=all.len() {
        assert_eq!(lines(&RECORDED.data_dir, &format!("--tail {count}")), all[all.len() - count..], "{count}");
        assert_eq!(lines(&RECORDED.data_dir, &format!("--limit {count}")), all[..count], "{count}");
    }
}

#[test]
fn every_family_reads_well() {
    check(
        "--family session",
        &[
            "3     100 agentsh          session    s0alpha1  in /work under policy default",
            "36     101 make             layers     enforcing: fuse; absent: registry",
            "37     101 make             ended      s0alpha1  finished after 2.0 s",
            "38     101 make             session    s0beta22  in /work under policy default",
        ],
    );
    check(
        "--family network",
        &[
            "18     103 curl             resolve    registry.corp.test A  192.0.2.7 (1 ms)",
            "19     103 curl             connect    registry.corp.test:443  192.0.2.7",
            "21     103 curl             GET        http://api.corp.test/v1/items?q=1",
            "23     103 curl             response   200  2.0 KiB in 34 ms",
            "24     103 curl             POST       https://evilcorp.test:8443/  ✗ denied by default",
            "26     103 curl             close      registry.corp.test:443  sent 10 B, received 20 B in 0 µs",
            "27     103 curl             tls        registry.corp.test",
        ],
    );
    check(
        "--family process,command",
        &[
            "4     100 agentsh          command    make 'it so'  in /work",
            "5     101 make             exec       /usr/bin/make 'it so'",
            "31     103 curl             signal     SIGKILL  to 4243 (/bin/sleep)",
            "34     101 make             exit       /usr/bin/make  exit 2, 1.2 s, 3.0 MiB",
            "35     101 make             finished   make  exit 2, 1.2 s, 3.0 MiB, 3 processes",
        ],
    );
    check(
        "--family registry,outcome --kind detection",
        &[
            "30     103 curl             set value  HKLM\\SOFTWARE\\Acme\\Run  = calc \"now\"",
            "32     103 curl             failed     create /work/out/a.o  ENOSPC",
            "33     103 curl             detected   Private key read  high, T1552.004",
        ],
    );
}

#[test]
fn no_verb_is_wider_than_its_column() {
    let recorded = record(|scribe| {
        for kind in Kind::ALL {
            scribe.observe(agentsh::event::Payload::from_json(*kind, "{}").unwrap(), None);
        }
    });
    for line in lines(&recorded.data_dir, "--raw") {
        let columns: Vec<char> = line.chars().skip_while(|ch| *ch != ' ').collect();
        // Behind the nine columns of the verb come two spaces, or nothing more at all.
        assert!(columns.get(35..37).is_none_or(|gap| gap == [' ', ' ']), "{line:?}");
    }
}

fn on_terminal(recorded: &Recorded, width: usize, colour: bool, line: &str) -> String {
    let (mut out, mut notes) = (Vec::new(), Vec::new());
    let mut output = Output::new(&mut out, &mut notes).on_terminal(width, colour);
    events::run(&args(line), &recorded.data_dir, &mut output).unwrap();
    String::from_utf8(out).unwrap()
}

#[test]
fn long_subjects_are_cut_on_a_terminal_and_nowhere_else() {
    let path = format!("/work/{}/end.rs", "deep/".repeat(60));
    let recorded = record(|scribe| {
        scribe.judged(
            FileOpen { path: path.as_str().into(), access: FileAccess::Read, flags: 0, ..FileOpen::default() },
            Decision::Deny,
            Some("no"),
        );
    });
    for width in [100, 120, 200] {
        let printed = on_terminal(&recorded, width, false, "--kind file_open");
        let line = printed.lines().nth(1).unwrap();
        assert_eq!(columns(line), width, "{line}");
        assert!(line.contains('…') && line.ends_with("/end.rs  ✗ denied by no"), "{line}");
    }
    assert!(ask(&recorded.data_dir, "--kind file_open").unwrap().contains(&path));
}

#[test]
fn colours_are_there_only_where_they_are_wanted() {
    assert!(on_terminal(&RECORDED, 120, true, "--decision deny").contains("\u{1b}[31m✗ denied by no-docker\u{1b}[0m"));
    assert!(!on_terminal(&RECORDED, 120, false, "").contains('\u{1b}'));
    assert!(!ask(&RECORDED.data_dir, "").unwrap().contains('\u{1b}'));
}

#[test]
fn a_recorded_name_cannot_command_the_terminal() {
    let recorded = record(|scribe| {
        let path = "/work/\u{1b}]0;owned\u{7}\r\u{202e}txt.exe\u{9b}31m";
        scribe.observe(FileOpen { path: path.into(), access: FileAccess::Read, flags: 0, ..FileOpen::default() }, None);
    });
    let printed = ask(&recorded.data_dir, "--kind file_open").unwrap();
    assert!(printed.contains(r"/work/\x1b]0;owned\x07\r\u{202e}txt.exe\u{9b}31m"), "{printed}");
    assert!(!printed.contains(|ch: char| ch.is_control() && ch != '\n'));
}

#[test]
fn text_is_escaped_cut_and_wrapped() {
    assert_eq!(printable("plain"), "plain");
    assert_eq!(printable("a\nb\tc\u{feff}"), r"a\nb\tc\u{feff}");
    assert_eq!(middle("/a/long/path/to/x.rs", 12), "/a/…/to/x.rs");
    assert_eq!(middle("short", 12), "short");
    // A character of two columns may not fit into the last one.
    assert_eq!(columns(&middle("/漢字漢字漢字漢字漢字漢字/終.rs", 15)), 14);
    assert_eq!(wrapped("one two three", 7), ["one two", "three"]);
    assert_eq!(wrapped("enormous word", 4), ["enormous", "word"]);
}

#[test]
fn figures_are_short_and_in_their_unit() {
    use agentsh::runtime::units::{Age, Bytes, Count};
    let bytes = |number| Bytes(number).to_string();
    assert_eq!(
        [0, 1_023, 1_024, 5_000, 102_400, 3 << 20, u64::MAX].map(bytes),
        ["0 B", "1023 B", "1.0 KiB", "4.8 KiB", "100 KiB", "3.0 MiB", "15 EiB"]
    );
    let count = |number| Count(number).to_string();
    assert_eq!([0, 999, 1_000, 1_234_567].map(count), ["0", "999", "1,000", "1,234,567"]);
    let age = |micros| Age(micros).to_string();
    assert_eq!(
        [999, 1_500, 999_999, 1_250_000, 119_000_000, 7_200_000_000, 172_800_000_000].map(age),
        ["999 µs", "1 ms", "999 ms", "1.2 s", "1 min", "2 h", "2 days"]
    );
    assert_eq!(Age::between(5, 3), Age(0));
}
