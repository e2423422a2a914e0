//! Tests: evaluation as a whole: which kinds are gated, sharing between threads, the text that comes with a policy.

use std::sync::Arc;

use agentsh::event::{Decision, FileOpen, Kind, Payload};
use agentsh::policy::{OnAuditFailure, Policy, is_gated};

use super::check::{check_policy, event, policy, variables};

/// An event of a kind, with nothing in it.
fn empty(kind: Kind) -> Payload {
    Payload::from_json(kind, "{}").unwrap()
}

#[test]
fn exactly_the_gated_kinds_are_judged_by_rules() {
    let policy = policy(
        "defaults: {file: deny, network: deny, command: deny, registry: deny}\nfile_rules: []\nnetwork_rules: []\ncommand_rules: []\n\
         registry_rules: []\n",
    );
    for kind in Kind::ALL {
        let judgement = policy.decide(&event(empty(*kind)));
        let expected = if is_gated(*kind) { Decision::Deny } else { Decision::Allow };
        assert_eq!(judgement.decision, expected, "{}", kind.as_str());
        assert_eq!(judgement.rule, None);
        assert_eq!(judgement.reason.contains("not gated"), !is_gated(*kind), "{}: {}", kind.as_str(), judgement.reason);
    }
}

#[test]
fn twenty_four_kinds_are_gated() {
    let gated: Vec<&str> = Kind::ALL.iter().filter(|kind| is_gated(**kind)).map(|kind| kind.as_str()).collect();
    let expected = "file_open file_create file_delete file_rename file_link file_symlink file_truncate file_chmod file_chown file_utimens \
                    file_xattr dir_create dir_delete dir_list net_connect http_request process_exec registry_create_key \
                    registry_open_key registry_query_value registry_set_value registry_delete_value registry_delete_key \
                    registry_rename_key";
    assert_eq!(gated.join(" "), expected);
}

#[test]
fn the_reason_of_a_default_names_its_family() {
    let policy = policy("");
    for (kind, family) in [
        (Kind::FileOpen, "files"),
        (Kind::NetConnect, "the network"),
        (Kind::ProcessExec, "commands"),
        (Kind::RegistrySetValue, "the registry"),
    ] {
        let reason = policy.decide(&event(empty(kind))).reason;
        assert!(reason.contains(&format!("the default for {family} is")), "{reason}");
    }
}

#[test]
fn texts_of_a_verdict_are_shared_with_the_policy() {
    let policy = policy("file_rules:\n  - {name: a, paths: [/a], decision: deny, message: no}\n");
    let open = event(FileOpen { path: "/a".into(), ..FileOpen::default() }.into());
    let (first, second) = (policy.decide(&open), policy.decide(&open));
    assert!(Arc::ptr_eq(&first.reason, &second.reason));
    assert!(Arc::ptr_eq(first.rule.as_ref().unwrap(), second.rule.as_ref().unwrap()));
}

#[test]
fn threads_share_one_policy_and_agree() {
    let policy = Arc::new(Policy::built_in(&variables()).unwrap());
    let threads: Vec<_> = (0..8)
        .map(|_| {
            let policy = Arc::clone(&policy);
            std::thread::spawn(move || {
                for _ in 0..500 {
                    check_policy(
                        &policy,
                        &[
                            ("read /work/space/a/b/c.rs", "allow workspace"),
                            ("read /home/u/.ssh/id_rsa", "deny private-keys"),
                            ("connect github.com@192.0.2.1:443", "allow git-hosts"),
                            ("exec /bin/sudo", "deny privilege-changes"),
                        ],
                    );
                }
            })
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
}

#[test]
fn a_policy_carries_its_text_source_and_digest() {
    let text = "version: 1\nname: carried\non_audit_failure: allow\n";
    let policy = Policy::parse_and_compile("dir/carried.yaml", text, &variables()).unwrap();
    assert_eq!((policy.name(), policy.source(), policy.text()), ("carried", "dir/carried.yaml", text));
    assert_eq!(policy.on_audit_failure(), OnAuditFailure::Allow);
    assert_eq!(policy.rule_count(), 0);
    // sha256sum of the text.
    assert_eq!(policy.digest(), "1146df8cbe71207447a76edcfb8d2a2544f61f93d577f2bc65178c62a63fd8bc");
    let with_mark = Policy::parse_and_compile("x", &format!("\u{feff}{text}"), &variables()).unwrap();
    assert_ne!(with_mark.digest(), policy.digest());
}

#[test]
fn an_empty_list_of_rules_is_no_error() {
    for rules in ["file_rules: []\n", "file_rules:\n", "network_rules: ~\n", "command_rules: []\n"] {
        assert_eq!(policy(rules).rule_count(), 0);
    }
}

#[test]
fn ten_thousand_rules_compile_and_the_last_still_decides() {
    let mut body = String::from("file_rules:\n");
    for number in 0..10_000 {
        body.push_str(&format!("  - {{name: r{number}, paths: ['/data/{number}/**', '**/n{number}.txt'], decision: deny}}\n"));
    }
    let policy = policy(&body);
    assert_eq!(policy.rule_count(), 10_000);
    check_policy(
        &policy,
        &[
            ("read /data/9999/x", "deny r9999"),
            ("read /x/n77.txt", "deny r77"),
            ("read /data/5/n3.txt", "deny r3"),
            ("read /x", "allow default"),
        ],
    );
}
