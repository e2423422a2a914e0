//! Filters: each line is arguments and the positions that they give.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt as _;

use agentsh::event::OsText;
use agentsh::query::Filter;

use super::recorded::{RECORDED, ask};

#[track_caller]
fn check(line: &str, expected: &[u64]) {
    let printed = ask(&RECORDED.data_dir, &format!("{line} --format jsonl")).unwrap();
    let seqs: Vec<u64> =
        printed.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()["seq"].as_u64().unwrap()).collect();
    assert_eq!(seqs, expected, "{line}");
}

#[track_caller]
fn refused(line: &str, message: &str) {
    let error = ask(&RECORDED.data_dir, line).unwrap_err();
    assert_eq!(format!("{error:#}"), message, "{line}");
}

#[test]
fn without_a_filter_everything_comes_in_order() {
    check("", &(1..=41).collect::<Vec<_>>());
}

#[test]
fn a_session_is_named_whole_by_its_start_or_as_the_last() {
    check("--session s0beta22", &[38, 39, 40]);
    check("--session s0b", &[38, 39, 40]);
    check("--session last", &[38, 39, 40]);
    check("--session s0alpha1 --limit 2", &[3, 4]);
    refused("--session s0", "`s0` is the start of 2 sessions: write more of it: s0beta22, s0alpha1");
    refused(
        "--session nobody",
        "no session is named `nobody` or starts with it: `agentsh events --kind session_created` lists them",
    );
}

#[test]
fn kinds_and_families_are_alternatives() {
    check("--kind file_open", &[7, 10, 39]);
    check("--kind file_open,dns_query", &[7, 10, 18, 39]);
    check("--kind file_open --kind dns_query", &[7, 10, 18, 39]);
    check("--family ipc", &[28]);
    check("--family ipc,registry", &[28, 30]);
    check("--family ipc --kind signal_sent", &[28, 31]);
    check("--family network", &[18, 19, 21, 23, 24, 26, 27]);
    check("--family outcome", &[32]);
    check("--family pipeline", &[1, 2, 41]);
}

#[test]
fn a_word_that_does_not_exist_is_refused_with_the_nearest_that_does() {
    refused("--kind file_opn", "--kind: `file_opn` is no event kind: did you mean `file_open`?");
    refused("--kind Opn", "--kind: `Opn` is no event kind: did you mean `file_open`?");
    refused("--kind exec", "--kind: `exec` is no event kind: did you mean `process_exec`?");
    refused("--kind zzz", "--kind: `zzz` is no event kind: docs/events.md lists them");
    refused(
        "--family files",
        "--family: `files` is no family of events: did you mean `file`? valid are file, network, process, ipc, registry, command, \
         session, derived, outcome, pipeline",
    );
    refused(
        "--decision denied",
        "--decision: `denied` is no decision: did you mean `deny`? valid are allow, audit, redirect, soft_delete, approve, deny",
    );
}

#[test]
fn a_verdict_selects_the_operation_and_its_decision() {
    check("--decision deny", &[10, 11, 24, 25, 28, 29]);
    check("--decision deny --kind file_open", &[10]);
    check("--decision audit,deny --family file", &[10, 16]);
    check("--decision redirect", &[]);
}

#[test]
fn times_bound_from_below_with_and_from_above_without_the_bound() {
    check("--until 2026-11-24T10:00:02.123456Z --kind session_created,policy_loaded", &[2]);
    check("--since 2026-11-24T10:00:02.123456Z --until 2026-11-24T10:00:03.123456Z", &[3]);
    check("--until 2026-11-24T09:00:00Z", &[]);
    refused(
        "--since someday",
        "--since: `someday` is no time: write e.g. `2h` or `30m` (ago), `yesterday`, `today`, `14:03`, `2026-11-24`, \
         `2026-11-24 14:03` or `2026-11-24T14:03:00Z`",
    );
}

#[test]
fn a_path_selects_itself_what_is_beneath_and_what_it_matches() {
    check("--path /work/src", &[7, 8, 9]);
    check("--path /work/src/", &[7, 8, 9]);
    check("--path /work/src/main.c", &[7, 8, 9]);
    check("--path /work/sr", &[]);
    check("--path *.o", &[12, 13, 14, 15, 32]);
    check("--path */id_*", &[10, 11]);
}

#[test]
fn a_rename_is_found_under_both_names() {
    check("--path /work/out/a.o", &[12, 13, 14, 15, 32]);
    check("--path /work/out/b.o", &[14]);
}

#[test]
fn a_name_with_brackets_is_found_as_itself() {
    check("--path /work/app/[id].tsx", &[39, 40]);
    check("--path /work/app/[i]d.tsx", &[]);
}

#[test]
fn a_path_that_is_not_utf8_is_found_by_its_bytes() {
    let mut args = super::recorded::args("--format jsonl");
    args.filter.path = Some(OsString::from_vec(b"/work/caf\xe9 \"x\",\n.txt".to_vec()));
    let (mut out, mut notes) = (Vec::new(), Vec::new());
    let mut output = agentsh::cli::output::Output::new(&mut out, &mut notes);
    agentsh::cli::events::run(&args, &RECORDED.data_dir, &mut output).unwrap();
    let events: Vec<agentsh::event::Kind> = String::from_utf8(out)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()["kind"].as_str().unwrap().parse().unwrap())
        .collect();
    assert_eq!(events, [agentsh::event::Kind::FileDelete, agentsh::event::Kind::PolicyDecision]);
}

#[test]
fn a_relative_path_is_taken_from_the_working_directory() {
    let text = |path: &str| Filter::path_text(&path.into(), &"/work/app".into());
    assert_eq!(text("src/a"), "/work/app/src/a");
    assert_eq!(text("./src//a/"), "/work/app/src/a");
    assert_eq!(text("../x"), "/work/x");
    assert_eq!(text("../../.."), "/");
    assert_eq!(text("."), "/work/app");
    assert_eq!(text("/x"), "/x");
    assert_eq!(text("*.pem"), "*.pem");
    assert_eq!(text(r"HKLM\SOFTWARE"), r"HKLM\SOFTWARE");
    assert_eq!(text(r"a\b"), r"/work/app/a\\b");
    assert_eq!(Filter::path_text(&OsText::from_bytes(b"\xff".to_vec()), &"/".into()), r"/\xff");
}

#[test]
fn a_host_covers_the_names_beneath_it_but_not_lookalikes() {
    check("--host corp.test", &[18, 19, 21, 26, 27]);
    check("--host CORP.test.", &[18, 19, 21, 26, 27]);
    check("--host api.corp.test", &[21]);
    check("--host evilcorp.test", &[24]);
    check("--host orp.test", &[]);
    // The name of a policy is no host.
    check("--host default", &[]);
}

#[test]
fn a_command_is_a_program_by_name_or_path_or_the_command_of_an_id() {
    check("--command cc1", &[7, 9, 10, 12, 14, 16]);
    check("--command /usr/bin/cc1", &[7, 9, 10, 12, 14, 16]);
    check("--command c1", &[]);
    check("--command make", &[4, 5, 34, 35, 36, 37, 38, 39]);
    check("--command c0one --kind dns_query,policy_loaded", &[18]);
}

#[test]
fn pid_technique_and_text_select() {
    check("--pid 102", &[7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17]);
    check("--pid 1", &[]);
    check("--technique T1552", &[33]);
    check("--technique T1552.004", &[33]);
    // Not `T1552`, of which it is the start.
    check("--technique T1055", &[]);
    refused(
        "--technique T155",
        "--technique: ATT&CK v19 has no technique T155, and neither had v18; did you mean T1055 (Process Injection)?",
    );
    refused("--technique T9999", "--technique: ATT&CK v19 has no technique T9999, and neither had v18");
    check("--text PROTECT-private", &[11]);
    check("--text 'calc \"now\"'", &[30]);
    check("--text 100%", &[]);
}

#[test]
fn a_position_and_a_limit_cut_the_list() {
    check("--after 38", &[39, 40, 41]);
    check("--after 0 --limit 2", &[1, 2]);
    check("--limit 0", &[]);
    check("--tail 2", &[40, 41]);
    check("--tail 2 --kind file_open", &[10, 39]);
    check("--tail 9 --kind file_open", &[7, 10, 39]);
    check("--tail 2 --kind file_open --after 10", &[39]);
    check("--after 99", &[]);
}

#[test]
fn all_that_is_given_must_be_met() {
    check("--session s0alpha1 --path /work --decision audit --pid 102 --text caf", &[16, 17]);
    check("--session s0beta22 --path /work --decision audit", &[]);
}

#[test]
fn a_journal_that_is_not_there_is_named_with_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let error = ask(&agentsh::journal::DataDir::at(folder.path()), "").unwrap_err();
    let error = format!("{error:#}");
    assert!(error.starts_with("there is no journal in "), "{error}");
    assert!(error.contains("agentsh run -- ls"), "{error}");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "a reader made something");
}

#[test]
fn the_documentation_lists_every_kind_family_and_verdict() {
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/events.md")).unwrap();
    let words = agentsh::event::Kind::ALL.iter().map(|kind| kind.as_str());
    let words = words.chain(agentsh::event::Family::ALL.into_iter().map(agentsh::event::Family::as_str));
    let words = words.chain(agentsh::event::Decision::ALL.iter().map(|decision| decision.as_str()));
    let missing: Vec<&str> = words.filter(|word| !page.contains(&format!("`{word}`"))).collect();
    assert_eq!(missing, Vec::<&str>::new());
}

#[test]
fn an_expression_is_asked_of_what_the_other_filters_let_through() {
    check("--where 'kind == \"file_close\" && pid == 102'", &[9]);
    check("--where 'has(payload.to) && payload.to.endsWith(\"b.o\")'", &[14]);
    check("--kind file_open,file_delete --where 'seq > 8 && seq < 20'", &[10, 16]);
    check("--tail 1 --where 'seq <= 9'", &[9]);
    check("--tail 2 --where 'seq < 9' --after 3", &[7, 8]);
    check("--limit 2 --where 'seq > 4'", &[5, 6]);
    // Asked of what has no such field, it cannot be said.
    check("--kind file_rename --where 'payload.nothing > 1'", &[]);
    let error = ask(&RECORDED.data_dir, "--where 'seq > 1 && nope'").unwrap_err();
    assert!(format!("{error:#}").starts_with("--where: line 1, column 12: `nope` is no field of an event"), "{error:#}");
}

#[test]
fn a_rule_selects_what_it_decided_and_the_decisions() {
    check("--rule watch-deletes", &[16, 17]);
    check("--rule watch-deletes,protect-private-keys", &[10, 11, 16, 17]);
    check("--rule nobody", &[]);
}

#[test]
fn a_severity_selects_what_is_at_least_so_severe() {
    check("--severity informational", &(1..=41).collect::<Vec<_>>());
    check("--severity fatal", &[]);
}
