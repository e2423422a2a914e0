//! Tests: what is wrong with a policy is named with its place and the nearest valid word.

use agentsh::policy::{MAX_TEXT_BYTES, Policy, PolicyError, Problem};
use miette::{GraphicalReportHandler, GraphicalTheme};

use super::check::variables;

fn error(text: &str) -> PolicyError {
    match Policy::parse_and_compile("p.yaml", text, &variables()) {
        Ok(policy) => panic!("`{}` was accepted:\n{text}", policy.name()),
        Err(error) => error,
    }
}

/// A text is refused at `line:column`, with all of these words in one line.
#[track_caller]
fn refused(text: &str, place: &str, words: &[&str]) {
    let error = error(text);
    let line = error.to_string();
    assert!(line.starts_with(&format!("p.yaml:{place}: ")), "expected {place}: {line}");
    assert!(!line.contains('\n'), "more than one line: {line}");
    for word in words {
        assert!(line.contains(word), "no `{word}` in: {line}");
    }
}

/// A file rule whose keys `paths` and so on stand from line 6, column 5.
fn file(keys: &str) -> String {
    format!("version: 1\nname: t\nfile_rules:\n  - name: a\n    decision: deny\n    {keys}\n")
}

fn network(keys: &str) -> String {
    format!("version: 1\nname: t\nnetwork_rules:\n  - name: a\n    decision: deny\n    {keys}\n")
}

fn command(keys: &str) -> String {
    format!("version: 1\nname: t\ncommand_rules:\n  - name: a\n    decision: deny\n    {keys}\n")
}

#[test]
fn an_unknown_key_is_refused_with_the_nearest_valid_one() {
    refused(
        "version: 1\nname: t\nfile_rulez: []\n",
        "3:1",
        &["unknown key `file_rulez` in the policy", "did you mean `file_rules`?"],
    );
    refused("version: 1\nname: t\nfile-rules: []\n", "3:1", &["did you mean `file_rules`?"]);
    refused("verison: 1\nname: t\n", "1:1", &["did you mean `version`?"]);
    refused(
        &file("prioritty: 1\n    paths: [/a]"),
        "6:5",
        &["unknown key `prioritty` in a file rule", "did you mean `priority`?"],
    );
    refused(&file("path: [/a]"), "6:5", &["did you mean `paths`?"]);
    refused(&network("port: [443]"), "6:5", &["unknown key `port` in a network rule", "did you mean `ports`?"]);
    refused(&network("cidr: [10.0.0.0/8]"), "6:5", &["did you mean `cidrs`?"]);
    refused(
        &command("commands: [x]\n    arg_prefix: [y]"),
        "7:5",
        &["unknown key `arg_prefix` in a command rule", "did you mean `args_prefix`?"],
    );
    refused(
        "version: 1\nname: t\ndefaults: {files: allow}\n",
        "3:12",
        &["unknown key `files` in `defaults`", "did you mean `file`?"],
    );
}

#[test]
fn an_unknown_key_that_resembles_none_is_refused_with_the_list() {
    let line = error("version: 1\nname: t\ndns_rules: []\n").to_string();
    assert!(!line.contains("did you mean"), "{line}");
    assert!(line.contains("the keys here are version, name, description"), "{line}");
    refused(&file("paths: [/a]\n    hosts: [a.test]"), "7:5", &["unknown key `hosts`", "paths, operations"]);
}

#[test]
fn an_unknown_word_is_refused_with_the_nearest_valid_one() {
    refused(&file("paths: [/a]\n    operations: [reed]"), "7:18", &["unknown operation `reed`", "did you mean `read`?"]);
    refused(&file("paths: [/a]\n    operations:\n      - read\n      - wirte"), "9:9", &["did you mean `write`?"]);
    refused(
        &file("paths: [/a]\n    operations: [execute]"),
        "7:18",
        &["unknown operation `execute`", "the words here are read, write"],
    );
    refused(&file("paths: [/a]\n    operations: [READ]"), "7:18", &["did you mean `read`?"]);
    refused(
        "version: 1\nname: t\nfile_rules:\n  - {name: a, paths: [/a], decision: alow}\n",
        "4:38",
        &["unknown decision `alow`", "`allow`"],
    );
    refused("version: 1\nname: t\ndefaults: {network: denied}\n", "3:21", &["unknown decision `denied`", "did you mean `deny`?"]);
    refused("version: 1\nname: t\non_audit_failure: alow\n", "3:19", &["did you mean `allow`?"]);
}

#[test]
fn decisions_of_later_versions_are_refused_as_such() {
    for decision in ["approve", "redirect", "soft_delete"] {
        let text = format!("version: 1\nname: t\nfile_rules:\n  - name: a\n    paths: [/a]\n    decision: {decision}\n");
        refused(&text, "6:15", &[&format!("`{decision}`"), "this version, which decides allow, deny and audit"]);
        let text = format!("version: 1\nname: t\ndefaults: {{file: {decision}}}\n");
        refused(&text, "3:18", &["this version, which decides allow, deny and audit"]);
    }
}

#[test]
fn only_version_1_is_read() {
    refused("version: 2\nname: t\n", "1:10", &["version 2", "write `version: 1`"]);
    refused("version: 0\nname: t\n", "1:10", &["version 0"]);
    refused("version: one\nname: t\n", "1:10", &["a whole number"]);
    refused("name: t\n", "1:1", &["`version` is missing in the policy"]);
}

#[test]
fn what_must_be_there_is_missed() {
    refused("version: 1\n", "1:1", &["`name` is missing"]);
    refused(&file("operations: [read]"), "4:5", &["`paths` is missing in a file rule"]);
    refused(&command("args: [x]"), "4:5", &["`commands` is missing in a command rule"]);
    refused("version: 1\nname: t\nfile_rules:\n  - name: a\n    paths: [/a]\n", "4:5", &["`decision` is missing"]);
    refused("version: 1\nname: t\nfile_rules:\n  - paths: [/a]\n    decision: deny\n", "4:5", &["`name` is missing"]);
    refused("", "1:1", &["`version` is missing", "start the policy with `version: 1`"]);
    refused("# only a comment\n", "2:1", &["`version` is missing"]);
}

#[test]
fn a_list_that_would_match_nothing_is_refused() {
    refused(&file("paths: []"), "6:12", &["`paths` is empty", "match nothing"]);
    refused(&file("paths: [/a]\n    operations: []"), "7:17", &["`operations` is empty"]);
    refused(&network("hosts: []"), "6:12", &["`hosts` is empty"]);
    refused(&network("cidrs: []"), "6:12", &["`cidrs` is empty"]);
    refused(&network("ports: []"), "6:12", &["`ports` is empty"]);
    refused(&command("commands: []"), "6:15", &["`commands` is empty"]);
    refused(&command("commands: [x]\n    args: []"), "7:11", &["`args` is empty"]);
    refused(&command("commands: [x]\n    args_prefix: []"), "7:18", &["`args_prefix` is empty"]);
}

#[test]
fn a_key_without_its_list_is_not_read_as_an_absent_condition() {
    for keys in ["hosts:\n    # - a.test", "cidrs: ~", "ports: null"] {
        let error = error(&network(keys));
        assert_eq!(error.problem(), &Problem::NotAList, "{keys}");
    }
    refused(&file("paths: [/a]\n    operations:\n    # - read"), "7:15", &["a list is expected"]);
}

#[test]
fn two_rules_of_one_name_are_refused_across_families_too() {
    let rule = "  - {name: twin, paths: [/a], decision: deny}\n";
    refused(&format!("version: 1\nname: t\nfile_rules:\n{rule}{rule}"), "5:12", &["`twin`", "line 4"]);
    let command = "command_rules:\n  - {name: twin, commands: [x], decision: deny}\n";
    refused(&format!("version: 1\nname: t\nfile_rules:\n{rule}{command}"), "6:12", &["`twin`", "line 4"]);
}

#[test]
fn a_name_must_be_one_that_can_be_read() {
    refused("version: 1\nname: ''\n", "2:7", &["the name is empty"]);
    refused("version: 1\nname: \"a\\nb\"\n", "2:7", &["control character"]);
    refused("version: 1\nname: t\nfile_rules:\n  - {name: ' ', paths: [/a], decision: deny}\n", "4:12", &["the name is empty"]);
}

#[test]
fn a_pattern_that_could_match_nothing_is_refused() {
    refused(&file("paths: ['*.pem']"), "6:13", &["absolute", "write `**/*.pem`"]);
    refused(&file("paths: [src/main.rs]"), "6:13", &["`**/src/main.rs`", "`${WORKSPACE}/src/main.rs`"]);
    refused(&file("paths: [./x]"), "6:13", &["`**/x`"]);
    refused(&file("paths: [~/.ssh/*]"), "6:13", &["write `${HOME}/.ssh/*`"]);
    refused(&file("paths: ['{/a,b}']"), "6:13", &["absolute"]);
    refused(&file("paths: ['{}']"), "6:13", &["absolute"]);
    refused(&file("paths: [/a/]"), "6:13", &["no path ends in `/`", "write `/a` for the directory itself, `/a/**`"]);
    refused(&file("paths: ['${WORKSPACE}/']"), "6:13", &["`${WORKSPACE}/**`"]);
    refused(&file("paths: [/a/../b]"), "6:13", &["`..`"]);
    refused(&file("paths: [/a/./b]"), "6:13", &["`.`"]);
    refused(&file("paths: ['/a/**.rs']"), "6:13", &["`**`"]);
    refused(&file("paths: ['/a/x**']"), "6:13", &["`**`"]);
    refused(&file("paths: ['']"), "6:13", &["is empty"]);
    refused(&file("paths: ['/a[/]b']"), "6:13", &["`/`", "class"]);
    refused(&command("commands: [./x]"), "6:16", &["absolute", "`**/x`"]);
    refused(&command("commands: [bin/x]"), "6:16", &["absolute"]);
    refused(&command("commands: ['']"), "6:16", &["is empty"]);
}

#[test]
fn a_pattern_that_does_not_compile_is_refused() {
    refused(&file("paths: ['/a{b']"), "6:13", &["does not close", "`[{]`"]);
    refused(&file("paths: ['/a{b,{c}']"), "6:13", &["does not close"]);
    refused(&file("paths: ['/a}b']"), "6:13", &["does not open"]);
    refused(&file("paths: ['/a[b']"), "6:13", &["`[`", "close it"]);
    refused(&file("paths: ['/a[é]']"), "6:13", &["`é`", "ASCII"]);
    refused(&file("paths: ['/a[z-b]']"), "6:13", &["range"]);
    refused(&file("paths: ['/[[:diget:]]']"), "6:13", &["did you mean `[:digit:]`?"]);
    refused(&file(r"paths: ['/a\']"), "6:13", &["backslash"]);
    refused(&command("commands: [x]\n    args: ['{a']"), "7:12", &["does not close"]);
    refused(&command("commands: [x]\n    args_prefix: [a, '[']"), "7:22", &["class"]);
}

#[test]
fn a_pattern_is_bounded() {
    refused(&file(&format!("paths: ['/{}']", "{a,b}".repeat(9))), "6:13", &["256 alternatives"]);
    refused(&file(&format!("paths: ['/{}{}']", "{".repeat(20), "}".repeat(20))), "6:13", &["nested too deep"]);
    refused(&file(&format!("paths: ['/{}']", "a".repeat(4_096))), "6:13", &["4096 bytes"]);
    let fits = file(&format!("paths: ['/{}']", "{a,b}".repeat(8)));
    assert!(Policy::parse_and_compile("p.yaml", &fits, &variables()).is_ok());
}

#[test]
fn a_variable_that_has_no_value_is_refused() {
    refused(&file("paths: ['${WORKSPCE}/x']"), "6:13", &["`${WORKSPCE}`", "did you mean `${WORKSPACE}`?"]);
    refused(&file("paths: ['${OTHER}/x']"), "6:13", &["no value", "HOME, WORKSPACE", "`${OTHER:-…}`"]);
    refused(&file("paths: ['${HOME']"), "6:13", &["without its `}`"]);
    refused(&file("paths: ['${}/x']"), "6:13", &["not a variable's name"]);
    refused(&file("paths: ['${A B}/x']"), "6:13", &["not a variable's name"]);
    refused(&file("paths: ['${HOME-/x}/x']"), "6:13", &["`${NAME:-default}`"]);
    let deep = format!("paths: ['{}/x{}']", "${A:-".repeat(20), "}".repeat(20));
    refused(&file(&deep), "6:13", &["nested more than 8 deep"]);
    refused(&command("commands: ['${OTHER}/x']"), "6:16", &["no value"]);
}

#[test]
fn a_bad_host_is_refused() {
    refused(&network("hosts: ['https://a.test/']"), "6:13", &["URL"]);
    refused(&network("hosts: [a.test/x]"), "6:13", &["URL or a path"]);
    refused(&network("hosts: ['a.test:443']"), "6:13", &["`ports`"]);
    refused(&network("hosts: [.a.test]"), "6:13", &["write `*.a.test`"]);
    refused(&network("hosts: [a..test]"), "6:13", &["empty label"]);
    refused(&network("hosts: [bücher.test]"), "6:13", &["xn--"]);
    refused(&network("hosts: ['**.a.test']"), "6:13", &["`**`", "`*.`"]);
    refused(&network("hosts: ['10.0.0.*']"), "6:13", &["network"]);
    refused(&network("hosts: [10.0.0.1/8]"), "6:13", &["write `10.0.0.0/8`"]);
    refused(&network("hosts: [10.0.0.300]"), "6:13", &["part of an address"]);
    refused(&network("hosts: ['a b']"), "6:13", &["which no host has"]);
    refused(&network("hosts: ['{a,b.test']"), "6:13", &["does not close"]);
    refused(&network("hosts: ['']"), "6:13", &["empty label"]);
}

#[test]
fn a_bad_network_is_refused() {
    refused(&network("cidrs: [10.0.0.1/8]"), "6:13", &["write `10.0.0.0/8`"]);
    refused(&network("cidrs: ['fd00::1/8']"), "6:13", &["write `fd00::/8`"]);
    refused(&network("cidrs: [10.0.0.0/33]"), "6:13", &["0 to 32"]);
    refused(&network("cidrs: ['fd00::/129']"), "6:13", &["0 to 128"]);
    refused(&network("cidrs: [10.0.0.0/]"), "6:13", &["0 to 32"]);
    refused(&network("cidrs: [10.0.0.0/+8]"), "6:13", &["0 to 32"]);
    refused(&network("cidrs: [10.0.0/8]"), "6:13", &["not an IP address"]);
    refused(&network("cidrs: [a.test]"), "6:13", &["names go into `hosts`"]);
}

#[test]
fn a_bad_port_is_refused() {
    for port in ["0", "65536", "-1", "http", "''", "'80-'", "'-80'", "0x50", "'80-90-100'", "'+80'"] {
        refused(&network(&format!("ports: [443, {port}]")), "6:18", &["not a port from 1 to 65535"]);
    }
    refused(&network("ports: [443, 8100-8000]"), "6:18", &["ends before it starts"]);
}

#[test]
fn what_is_no_yaml_or_of_another_type_is_refused() {
    refused(&file("paths: /a"), "6:12", &["a list is expected", "`[a, b]`"]);
    refused(&file("paths:\n      - *.pem"), "7:9", &["alias", "in quotes"]);
    refused(&file("paths: [~]"), "6:13", &["a text is expected"]);
    refused(&file("paths:\n      - {a,b}"), "7:9", &["in quotes"]);
    refused(&file("paths: [/a]\n    priority: high"), "7:15", &["a whole number"]);
    refused(&file("paths: [/a]\n    priority: 99999999999"), "7:15", &["32 bits"]);
    refused("- a\n", "1:1", &["keys with their values"]);
    refused("version: 1\nname: t\nname: u\n", "3:1", &["`name` stands twice"]);
    refused("version: 1\nname: t\n---\nversion: 1\n", "4:1", &["document"]);
    refused("version: 1\nname: 'x\n", "2:7", &[]);
    refused("version: 1\nname: t\nfile_rules:\n\t- name: a\n", "4:2", &["tabs"]);
    refused("version: 1\nname: !secret x\n", "2:15", &["tag"]);
    refused(
        "version: 1\nname: t\nfile_rules:\n  - &r {name: a, paths: [/a], decision: deny}\n  - {<<: *r, name: b}\n",
        "5:6",
        &["merge key"],
    );
}

#[test]
fn the_place_counts_characters_and_the_span_bytes() {
    let text = "version: 1\r\nname: 'größe'\r\nfile_rules:\r\n  - {name: 'größe', decision: nie, paths: [/a]}\r\n";
    let place = error(text).place().unwrap();
    assert_eq!((place.line, place.column), (4, 31));
    assert_eq!(text.get(place.offset..place.offset + place.length), Some("nie"));
}

#[test]
fn a_byte_order_mark_does_not_move_the_place() {
    let place = error("\u{feff}version: 1\nname: t\nfile_rulez: []\n").place().unwrap();
    assert_eq!((place.line, place.column), (3, 1));
}

#[test]
fn an_aliased_value_is_pointed_to_where_it_is_written() {
    let text = "version: 1\nname: t\nfile_rules:\n  - {name: a, decision: deny, paths: [/a], operations: &change [write, delte]}\n  - {name: b, decision: deny, paths: [/b], operations: *change}\n";
    refused(text, "4:72", &["`delte`", "`delete`"]);
}

#[test]
fn a_text_that_is_too_large_or_multiplies_is_refused_at_once() {
    let large = format!("version: 1\nname: t\n#{}\n", "x".repeat(MAX_TEXT_BYTES));
    assert!(matches!(error(&large).problem(), Problem::TooLarge { .. }));
    let entries = "/a,".repeat(2_000);
    let mut multiplies = format!("version: 1\nname: t\nfile_rules:\n  - {{name: r, decision: deny, paths: &p [{entries}/a]}}\n");
    for number in 0..100 {
        multiplies.push_str(&format!("  - {{name: r{number}, decision: deny, paths: *p}}\n"));
    }
    assert!(matches!(error(&multiplies).problem(), Problem::BeyondBudget { .. }), "{}", error(&multiplies));
    let nested = format!("version: 1\nname: t\nfile_rules: {}\n", "[".repeat(100_000));
    error(&nested);
    let aliases = format!("version: 1\nname: &n t\ndescription: [{}]\n", "*n,".repeat(100_000));
    error(&aliases);
}

#[test]
fn the_diagnostic_points_into_the_file() {
    let error = error(&file("prioritty: 1\n    paths: [/a]"));
    let mut fancy = String::new();
    GraphicalReportHandler::new_themed(GraphicalTheme::unicode_nocolor()).render_report(&mut fancy, &error.explained()).unwrap();
    for part in ["× unknown key `prioritty` in a file rule", "p.yaml:6:5", "prioritty: 1", "help: did you mean `priority`?"] {
        assert!(fancy.contains(part), "no `{part}` in:\n{fancy}");
    }
    let mut plain = String::new();
    GraphicalReportHandler::new_themed(GraphicalTheme::none()).render_report(&mut plain, &error).unwrap();
    assert!(plain.contains("policy::unknown_key") && plain.contains("did you mean"), "{plain}");
}
