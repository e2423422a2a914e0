//! Tests: what holds for every policy and every operation.

use agentsh::policy::Policy;
use proptest::prelude::*;

use super::check::{variables, verdict};

#[derive(Clone, Debug)]
struct Rule {
    path: &'static str,
    operations: &'static str,
    decision: &'static str,
    priority: i32,
}

const PATTERNS: [&str; 9] = ["/**", "/a/**", "/a/*", "**/*.key", "/a/b", "/{a,b}/c", "**/b/**", "/[ab]/?", "/b"];
const OPERATIONS: [&str; 5] = ["'*'", "read", "write", "read, write", "rename, delete, create"];
const DECISIONS: [&str; 3] = ["allow", "deny", "audit"];

fn rule(priority: impl Strategy<Value = i32>) -> impl Strategy<Value = Rule> {
    let any = proptest::sample::select::<&'static str>;
    (any(PATTERNS.to_vec()), any(OPERATIONS.to_vec()), any(DECISIONS.to_vec()), priority)
        .prop_map(|(path, operations, decision, priority)| Rule { path, operations, decision, priority })
}

fn path() -> impl Strategy<Value = String> {
    proptest::collection::vec(proptest::sample::select(vec!["a", "b", "c", "x.key", ".h", r"\xff"]), 1..4)
        .prop_map(|segments| format!("/{}", segments.join("/")))
}

fn operation() -> impl Strategy<Value = String> {
    let verbs = vec!["read", "write", "readwrite", "overwrite", "create", "delete", "chmod", "list", "mkdir"];
    prop_oneof![
        3 => (proptest::sample::select(verbs), path()).prop_map(|(verb, path)| format!("{verb} {path}")),
        1 => (path(), path()).prop_map(|(from, to)| format!("rename {from} -> {to}")),
        1 => (path(), path()).prop_map(|(from, to)| format!("link {from} -> {to}")),
    ]
}

fn compiled(rules: &[Rule], default: &str) -> Policy {
    compiled_with(rules, None, default)
}

/// A policy of the rules `r0`, `r1` …, and `added` in front of them if there is one.
fn compiled_with(rules: &[Rule], added: Option<&Rule>, default: &str) -> Policy {
    let mut text = format!("version: 1\nname: p\ndefaults: {{file: {default}}}\nfile_rules:\n");
    let numbered = rules.iter().enumerate().map(|(number, rule)| (format!("r{number}"), rule));
    for (name, rule) in added.map(|rule| ("added".to_owned(), rule)).into_iter().chain(numbered) {
        let Rule { path, operations, decision, priority } = rule;
        let line = format!(
            "{{name: {name}, paths: ['{path}'], operations: [{operations}], decision: {decision}, priority: {priority}}}"
        );
        text.push_str(&format!("  - {line}\n"));
    }
    Policy::parse_and_compile("p.yaml", &text, &variables()).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn evaluation_is_a_pure_function(
        rules in proptest::collection::vec(rule(-2..3), 0..8),
        operations in proptest::collection::vec(operation(), 1..12),
    ) {
        let (one, other) = (compiled(&rules, "allow"), compiled(&rules, "allow"));
        let first: Vec<String> = operations.iter().map(|operation| verdict(&one, operation)).collect();
        // In another order, again, and by a policy compiled again: the same verdicts.
        let mut backwards: Vec<String> = operations.iter().rev().map(|operation| verdict(&one, operation)).collect();
        backwards.reverse();
        let again: Vec<String> = operations.iter().map(|operation| verdict(&other, operation)).collect();
        prop_assert_eq!(&first, &backwards);
        prop_assert_eq!(&first, &again);
    }

    #[test]
    fn a_rule_of_lower_priority_never_changes_a_decision_made_above_it(
        rules in proptest::collection::vec(rule(0..3), 1..8),
        lower in rule(-9..-1),
        operations in proptest::collection::vec(operation(), 1..12),
        path in path(),
    ) {
        let (before, after) = (compiled(&rules, "allow"), compiled_with(&rules, Some(&lower), "allow"));
        let one_part = format!("read {path}");
        let decided = verdict(&before, &one_part);
        if !decided.ends_with("default") {
            prop_assert_eq!(verdict(&after, &one_part), decided);
        }
        // Of an operation with several parts, the added rule can only decide those that the default decided.
        for operation in operations {
            let (old, new) = (verdict(&before, &operation), verdict(&after, &operation));
            prop_assert!(new == old || new.ends_with(" added"), "{} became {}", old, new);
        }
    }

    #[test]
    fn the_verdict_is_that_of_the_first_rule_in_the_order_of_precedence(
        rules in proptest::collection::vec(rule(-2..3), 0..8),
        path in path(),
    ) {
        // The reference: each rule alone, asked in the order of precedence.
        let mut order: Vec<usize> = (0..rules.len()).collect();
        order.sort_by_key(|index| (std::cmp::Reverse(rules[*index].priority), *index));
        let operation = format!("read {path}");
        let expected = order
            .into_iter()
            .find(|index| !verdict(&compiled(&[rules[*index].clone()], "deny"), &operation).ends_with("default"))
            .map_or_else(|| "deny default".to_owned(), |index| format!("{} r{index}", rules[index].decision));
        prop_assert_eq!(verdict(&compiled(&rules, "deny"), &operation), expected);
    }

    #[test]
    fn a_deny_for_one_part_refuses_the_whole(
        rules in proptest::collection::vec(rule(0..3), 0..6),
        from in path(),
        to in path(),
    ) {
        let policy = compiled(&rules, "allow");
        let parts = [format!("delete {from}"), format!("mknod {to}")];
        if parts.iter().any(|part| verdict(&policy, part).starts_with("deny")) {
            let whole = verdict(&policy, &format!("rename {from} -> {to}"));
            prop_assert!(whole.starts_with("deny"), "{}", whole);
        }
    }

    #[test]
    fn no_text_makes_the_loader_panic(text in "(version: 1\nname: x\n)?(file_rules:\n  - )?[ -~\n\t{}\\[\\]&*!|>'\"äß\u{0}\u{85}]{0,200}") {
        let _ = Policy::parse_and_compile("p.yaml", &text, &variables()).map_err(|error| error.to_string());
    }

    #[test]
    fn no_pattern_makes_the_loader_panic(pattern in "[/*?{}\\[\\],!^a-c\\\\é.:$-]{0,40}") {
        let quoted = pattern.replace('\'', "''");
        for key in ["file_rules:\n  - {paths", "network_rules:\n  - {hosts", "command_rules:\n  - {commands", "network_rules:\n  - {ports", "network_rules:\n  - {cidrs"] {
            let text = format!("version: 1\nname: x\n{key}: ['{quoted}'], name: a, decision: deny}}\n");
            if let Ok(policy) = Policy::parse_and_compile("p.yaml", &text, &variables()) {
                verdict(&policy, "read /a/b");
                verdict(&policy, "exec /a/b | c");
                verdict(&policy, "connect a.b@192.0.2.1:1");
            }
        }
    }
}
