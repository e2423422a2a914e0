//! Over the recorded journal: see `readers::recorded` for what stands at which `seq`.

use agentsh::query::report::{Report, report};

use crate::readers::recorded::RECORDED;

fn alpha() -> Report {
    report(&RECORDED.data_dir, "s0alpha1", false, |_, _| {}).unwrap()
}

#[test]
fn it_is_over_all_events_of_the_session_and_says_how_many() {
    let report = alpha();
    assert_eq!((report.events, report.seqs), (35, (3, 37)));
    assert_eq!(report.kinds.values().sum::<u64>(), 35);
    assert_eq!(report.kinds["policy_decision"], 10);
    assert_eq!(
        report.decisions.iter().map(|(word, times)| format!("{word} {times}")).collect::<Vec<_>>(),
        ["allow 6", "audit 1", "deny 3"]
    );
    assert_eq!((report.end_reason.as_deref(), report.policy.as_deref()), (Some("finished"), Some("default")));
}

#[test]
fn commands_and_programs_have_their_ends() {
    let report = alpha();
    assert_eq!(report.commands.all, 1);
    assert_eq!(report.commands.first[0].argv, ["make".into(), "it so".into()]);
    // The recording gives the end no cause: it is not guessed which command it is of.
    assert_eq!(report.commands.first[0].exit_code, None);
    let make = &report.programs.first[0];
    assert_eq!((make.program.as_str(), make.starts, make.failed), ("/usr/bin/make", 1, 1));
    assert_eq!(report.failures.first[0].what, "file_create: ENOSPC");
}

#[test]
fn what_left_the_machine_is_told_by_host() {
    let report = alpha();
    let hosts: Vec<_> = report
        .hosts
        .first
        .iter()
        .map(|host| {
            (
                host.host.as_str(),
                host.queries,
                host.connections,
                host.requests,
                host.refused,
                host.bytes_sent,
                host.bytes_received,
            )
        })
        .collect();
    assert_eq!(
        hosts,
        [
            ("registry.corp.test", 1, 1, 0, 0, 10, 20),
            ("api.corp.test", 0, 0, 1, 0, 0, 2_048),
            ("evilcorp.test", 0, 0, 0, 1, 0, 0),
        ]
    );
}

#[test]
fn refusals_stand_by_rule_and_detections_by_tactic() {
    let report = alpha();
    let refused: Vec<_> = report
        .refused
        .first
        .iter()
        .map(|refusal| (refusal.rule.as_deref(), refusal.operation.as_str(), refusal.times, refusal.seq))
        .collect();
    assert_eq!(
        refused,
        [
            (Some("protect-private-keys"), "file_open", 1, 11),
            (None, "http_request", 1, 25),
            (Some("no-docker"), "unix_socket_connect", 1, 29),
        ]
    );
    assert_eq!(report.detections.values().flatten().map(|found| found.title.as_str()).collect::<Vec<_>>(), ["Private key read"]);
}

#[test]
fn files_are_told_net_and_what_was_refused_is_not_touched() {
    let report = alpha();
    let paths: Vec<_> = report.changes.first.iter().map(|change| change.path.as_text().into_owned()).collect();
    assert!(!paths.iter().any(|path| path.contains("id_ed25519")), "{paths:?}");
    assert_eq!(report.outside.all, 0, "a refused open touches nothing");
}

#[test]
fn a_session_without_events_and_one_that_goes_on_have_reports_too() {
    let beta = report(&RECORDED.data_dir, "s0beta22", false, |_, _| {}).unwrap();
    assert_eq!((beta.events, beta.end_reason), (3, None));
    let none = report(&RECORDED.data_dir, "nothing-like-it", false, |_, _| {}).unwrap();
    assert_eq!((none.events, none.began_us), (0, 0));
}
