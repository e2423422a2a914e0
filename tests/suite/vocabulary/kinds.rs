//! The names of kinds and families, which people script against.

use std::collections::BTreeSet;

use agentsh::event::{Decision, Family, Kind, Severity};

/// The table of the design, and beside it `operation_failed`, `process_fork` and `record_unread`.
const NAMES: &[(&str, &str)] = &[
    (
        "file",
        "file_open file_create file_read file_write file_close file_delete file_rename file_link file_symlink file_truncate \
         file_chmod file_chown file_utimens file_xattr dir_create dir_delete dir_list",
    ),
    ("network", "dns_query net_connect net_close http_request http_response tls_handshake"),
    ("process", "process_exec process_exit signal_sent image_load process_access process_fork"),
    ("ipc", "unix_socket_connect unix_socket_bind unix_socket_listen unix_socket_sendto pipe_create pipe_connect"),
    (
        "registry",
        "registry_create_key registry_open_key registry_query_value registry_set_value registry_delete_value \
         registry_delete_key registry_rename_key",
    ),
    ("command", "command_started command_finished terminal_output terminal_input terminal_resize"),
    ("session", "session_created session_ended capability_report resource_usage resource_limit_exceeded"),
    ("derived", "policy_decision approval_requested approval_resolved detection"),
    ("outcome", "operation_failed"),
    ("pipeline", "journal_opened journal_checkpoint events_lost policy_loaded sink_stalled sink_recovered record_unread"),
];

#[test]
fn kinds_and_families_have_their_stable_names_in_their_order() {
    let expected: Vec<_> =
        NAMES.iter().flat_map(|(family, kinds)| kinds.split_whitespace().map(move |kind| (*family, kind))).collect();
    let actual: Vec<_> = Kind::ALL.iter().map(|kind| (kind.family().as_str(), kind.as_str())).collect();
    assert_eq!(actual, expected);
    assert_eq!(Family::ALL.map(Family::as_str).to_vec(), NAMES.iter().map(|(family, _)| *family).collect::<Vec<_>>());
}

#[test]
fn a_name_stands_for_one_kind_and_says_which() {
    assert_eq!(Kind::ALL.iter().map(|kind| kind.as_str()).collect::<BTreeSet<_>>().len(), Kind::ALL.len());
    for kind in Kind::ALL {
        assert_eq!(kind.as_str().parse(), Ok(*kind));
        assert_eq!(serde_json::to_value(kind).unwrap(), kind.as_str());
        assert_eq!(serde_json::from_value::<Kind>(kind.as_str().into()).unwrap(), *kind);
    }
    for family in Family::ALL {
        assert_eq!(serde_json::to_value(family).unwrap(), family.as_str());
    }
    for decision in Decision::ALL {
        assert_eq!(serde_json::to_value(decision).unwrap(), decision.as_str());
        assert_eq!(Decision::from_word(decision.as_str()), Some(*decision));
    }
}

#[test]
fn a_name_of_no_kind_is_refused_by_name() {
    for name in ["file_opened", "FILE_OPEN", "", "file_open "] {
        let refused = name.parse::<Kind>().unwrap_err();
        assert_eq!(refused.to_string(), format!("`{name}` is not an event kind"));
    }
}

#[test]
fn severities_have_the_numbers_of_ocsf() {
    let names: Vec<_> = Severity::ALL.iter().map(|severity| serde_json::to_value(severity).unwrap()).collect();
    assert_eq!(names, ["informational", "low", "medium", "high", "critical", "fatal"]);
    for (number, severity) in (1..).zip(Severity::ALL) {
        assert_eq!(severity.number(), number);
        assert_eq!(Severity::from_number(i64::from(number)), Some(severity));
    }
    assert_eq!(Severity::from_number(0), None);
    assert_eq!(Severity::from_number(99), None);
}

#[test]
fn decisions_go_from_the_most_lenient_to_the_strictest() {
    assert!(Decision::ALL.is_sorted());
    assert!(Decision::Allow < Decision::Audit && Decision::Approve < Decision::Deny);
}
