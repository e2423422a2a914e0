//! Tests: variables in patterns.

use agentsh::event::OsText;
use agentsh::policy::{Policy, Variables};

use super::check::{check_policy, policy};

/// The verdicts of a policy that denies one pattern.
#[track_caller]
fn denied(pattern: &str, variables: &Variables, cases: &[(&str, bool)]) {
    let text = format!("version: 1\nname: v\nfile_rules:\n  - name: rule\n    paths: ['{pattern}']\n    decision: deny\n");
    let policy = Policy::parse_and_compile("v.yaml", &text, variables).unwrap_or_else(|error| panic!("{error}"));
    let lines: Vec<(String, &str)> = cases
        .iter()
        .map(|(path, matches)| (format!("read {path}"), if *matches { "deny rule" } else { "allow default" }))
        .collect();
    let lines: Vec<(&str, &str)> = lines.iter().map(|(line, verdict)| (line.as_str(), *verdict)).collect();
    check_policy(&policy, &lines);
}

#[test]
fn a_variable_stands_for_its_value() {
    let variables = Variables::new().with("WORKSPACE", "/work/space");
    denied("${WORKSPACE}/src/*", &variables, &[("/work/space/src/a", true), ("/work/src/a", false)]);
    denied("${WORKSPACE}", &variables, &[("/work/space", true), ("/work/space/a", false)]);
    denied("/backup${WORKSPACE}/*", &variables, &[("/backup/work/space/a", true)]);
}

#[test]
fn a_value_is_a_path_and_never_a_pattern() {
    let variables = Variables::new().with("WORKSPACE", "/w/*{a,b}[x]?\\\\y");
    denied("${WORKSPACE}/f", &variables, &[(r"/w/*{a,b}[x]?\\\\y/f", true), (r"/w/zax1\\\\y/f", false)]);
    let with_comma = Variables::new().with("A", "/a,b");
    denied("{${A},/c}", &with_comma, &[("/a,b", true), ("/c", true), ("/a", false), ("b", false)]);
}

#[test]
fn a_default_stands_where_there_is_no_value() {
    let variables = Variables::new().with("SET", "/set").with("EMPTY", "");
    denied("${SET:-/other}/x", &variables, &[("/set/x", true), ("/other/x", false)]);
    denied("${UNSET:-/other}/x", &variables, &[("/other/x", true)]);
    denied("${EMPTY:-/other}/x", &variables, &[("/other/x", true), ("/x", false)]);
    denied("${UNSET:-${SET}/deep}/x", &variables, &[("/set/deep/x", true)]);
    denied("${UNSET:-/a*}/x", &variables, &[("/a*/x", true), ("/ab/x", false)]);
}

#[test]
fn a_slash_at_the_end_of_a_value_changes_nothing() {
    let variables = Variables::new().with("W", "/work/").with("ROOT", "/");
    denied("${W}/a", &variables, &[("/work/a", true)]);
    denied("${W}", &variables, &[("/work", true)]);
    denied("${ROOT}/.ssh/**", &variables, &[("/.ssh/id_rsa", true)]);
    denied("${ROOT}", &variables, &[("/", true), ("/a", false)]);
}

#[test]
fn a_value_that_is_not_utf_8_still_protects() {
    let variables = Variables::new().with("W", OsText::from_bytes(b"/w\xff".to_vec()));
    denied("${W}/a", &variables, &[(r"/w\xff/a", true), ("/w/a", false)]);
}

#[test]
fn a_dollar_alone_is_a_character() {
    denied("/a$b", &Variables::new(), &[("/a$b", true)]);
    denied("/a[$]{b,c}", &Variables::new(), &[("/a$b", true), ("/a$c", true)]);
}

#[test]
fn the_same_text_with_other_variables_is_another_policy_with_the_same_digest() {
    let text = "version: 1\nname: v\nfile_rules:\n  - {name: rule, paths: ['${W}'], decision: deny}\n";
    let at = |path: &str| Policy::parse_and_compile("v.yaml", text, &Variables::new().with("W", path)).unwrap();
    check_policy(&at("/a"), &[("read /a", "deny rule"), ("read /b", "allow default")]);
    check_policy(&at("/b"), &[("read /b", "deny rule"), ("read /a", "allow default")]);
    assert_eq!(at("/a").digest(), at("/b").digest());
    assert_ne!(at("/a").digest(), policy("").digest());
}
