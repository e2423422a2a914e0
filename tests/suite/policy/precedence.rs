//! Tests: which rule decides.

use super::check::{check, policy};

#[test]
fn the_higher_priority_decides_whatever_the_order_of_the_file() {
    check(
        r#"
file_rules:
  - {name: low, paths: ["/a/**"], decision: allow, priority: 1}
  - {name: high, paths: ["/a/secret"], decision: deny, priority: 10}
  - {name: negative, paths: ["**"], decision: audit, priority: -5}
"#,
        &[("read /a/secret", "deny high"), ("read /a/other", "allow low"), ("read /b", "audit negative")],
    );
}

#[test]
fn within_a_priority_the_order_of_the_file_decides() {
    let rules = |first: &str, second: &str| {
        format!(
            "file_rules:\n  - {{name: {first}, paths: [/a], decision: {first}}}\n  - {{name: {second}, paths: [/a], decision: {second}}}\n"
        )
    };
    check(&rules("allow", "deny"), &[("read /a", "allow allow")]);
    check(&rules("deny", "allow"), &[("read /a", "deny deny")]);
}

#[test]
fn a_specific_pattern_has_no_precedence_over_a_general_one() {
    check(
        r#"
file_rules:
  - {name: general, paths: ["/**"], decision: allow}
  - {name: specific, paths: [/a/secret], decision: deny}
"#,
        &[("read /a/secret", "allow general")],
    );
}

#[test]
fn a_rule_for_other_operations_is_passed_over() {
    check(
        r#"
file_rules:
  - {name: no-writes, paths: ["/a/**"], operations: [write], decision: deny, priority: 9}
  - {name: reads, paths: ["/a/**"], operations: [read], decision: audit}
"#,
        &[("read /a/x", "audit reads"), ("write /a/x", "deny no-writes"), ("delete /a/x", "allow default")],
    );
}

#[test]
fn each_family_has_its_stated_default() {
    check(
        "",
        &[("read /a", "allow default"), ("connect a.test@192.0.2.1:443", "deny default"), ("exec /bin/ls", "allow default")],
    );
    check(
        "defaults: {file: deny, network: allow, command: audit}\n",
        &[("read /a", "deny default"), ("connect a.test@192.0.2.1:443", "allow default"), ("exec /bin/ls", "audit default")],
    );
    check("defaults: {file: audit}\n", &[("read /a", "audit default"), ("http a.test:80", "deny default")]);
}

#[test]
fn the_reason_is_the_message_then_the_description_then_the_rule_itself() {
    let policy = policy(
        r#"
file_rules:
  - {name: a, paths: [/a], decision: deny, message: ask first, description: not this}
  - {name: b, paths: [/b], decision: deny, description: "folded  over\n lines"}
  - {name: c, paths: [/c], decision: audit}
"#,
    );
    let reason = |path: &str| {
        let open = agentsh::event::FileOpen { path: path.into(), ..Default::default() };
        policy.decide(&super::check::event(open.into())).reason.to_string()
    };
    assert_eq!(reason("/a"), "ask first");
    assert_eq!(reason("/b"), "folded over lines");
    assert_eq!(reason("/c"), "the rule `c` says audit");
    assert_eq!(reason("/d"), "no rule matches, and the default for files is allow");
}

#[test]
fn an_equal_priority_across_many_rules_keeps_the_order_of_the_file() {
    let mut rules = String::from("file_rules:\n");
    for number in 0..200 {
        rules.push_str(&format!("  - {{name: r{number}, paths: ['/{number}', '/all'], decision: audit, priority: 3}}\n"));
    }
    check(
        &rules,
        &[("read /all", "audit r0"), ("read /0", "audit r0"), ("read /199", "audit r199"), ("read /200", "allow default")],
    );
}
