//! What must not stand in the source: skipped tests, unfounded `unsafe`, impure stages, unfinished work.

use super::source::{Source, Violation};

/// Where `unsafe` may stand: `runtime`, and the shims over the kernel's own interfaces.
const UNSAFE_HOMES: &[&str] = &["src/runtime/", "src/capture/exec/", "src/capture/fuse/", "tests/suite/fuse/"];

/// The stages whose results follow from their input alone (G-6).
const PURE: &[&str] = &["src/event/", "src/encode/", "src/policy/", "src/detect/", "src/replay/"];

/// What a pure stage cannot name: disk, environment, processes, threads, sockets, clocks.
const IMPURE: &[&str] = &[
    "fs",
    "env",
    "process",
    "thread",
    "File",
    "OpenOptions",
    "TcpStream",
    "TcpListener",
    "UdpSocket",
    "UnixStream",
    "UnixListener",
    "UnixDatagram",
    "Instant",
    "SystemTime",
];

/// What a comment says when the work is not done.
const UNFINISHED: &[&str] = &["TODO", "FIXME", "XXX", "HACK", "for now", "simplified"];

/// A test that is skipped silently or passes by failing tells nothing.
pub fn tests_are_neither_ignored_nor_meant_to_panic(source: &Source) -> Vec<Violation> {
    let tokens = source.tokens.iter().enumerate();
    tokens
        .filter(|(at, token)| matches!(token.text.as_str(), "ignore" | "should_panic") && inside_attribute(source, *at))
        .map(|(_, token)| source.violation(token.line, format!("`#[{}]`", token.text)))
        .collect()
}

/// Whether the nearest bracket before the place opens an attribute (`#[…]`).
fn inside_attribute(source: &Source, at: usize) -> bool {
    let bracket = (0..at).rev().find(|&before| matches!(source.token(before), "[" | "]"));
    bracket.is_some_and(|bracket| source.token(bracket) == "[" && source.token_before(bracket) == "#")
}

/// `unsafe` stands only at its homes, under a sentence that says why it is sound.
pub fn unsafe_is_at_home_and_explained(source: &Source) -> Vec<Violation> {
    let mut violations = Vec::new();
    for token in source.tokens.iter().filter(|token| token.text == "unsafe") {
        if !UNSAFE_HOMES.iter().any(|home| source.path.starts_with(home)) {
            violations.push(source.violation(token.line, "`unsafe` outside of runtime and the kernel shims"));
        }
        if !explained(source, token.line) {
            violations.push(source.violation(token.line, "`unsafe` without `// SAFETY:` above it"));
        }
    }
    violations
}

/// Looks for `SAFETY:` (or a `# Safety` section) at the line and above it, as far as the statement and its comments reach.
fn explained(source: &Source, line: usize) -> bool {
    let lines: Vec<&str> = source.text.lines().take(line).collect();
    for (distance, text) in lines.iter().rev().map(|text| text.trim()).enumerate() {
        if text.contains("SAFETY:") || text.starts_with("/// # Safety") {
            return true;
        }
        let comment_or_attribute = text.starts_with("//") || text.starts_with("#[") || text.ends_with(']');
        if distance > 0 && !comment_or_attribute && (text.is_empty() || text.ends_with([';', '{', '}'])) {
            return false;
        }
    }
    false
}

/// A pure stage names no disk, no environment, no clock (DESIGN §5; STYLE 8).
pub fn pure_stages_stay_pure(source: &Source) -> Vec<Violation> {
    if !PURE.iter().any(|stage| source.path.starts_with(stage)) {
        return Vec::new();
    }
    let standard = |at: usize| {
        let path: Vec<&str> =
            (0..at).rev().map(|before| source.token(before)).take_while(|token| !matches!(*token, ";" | "}" | "=")).collect();
        path.contains(&"std") && matches!(source.token_before(at), "::" | "{" | ",")
    };
    let tokens = source.tokens.iter().enumerate();
    tokens
        .filter(|(at, token)| IMPURE.contains(&token.text.as_str()) && standard(*at))
        .map(|(_, token)| source.violation(token.line, format!("`{}` in a stage that must be pure", token.text)))
        .collect()
}

/// What is on the main branch is finished.
pub fn nothing_is_left_for_later(source: &Source) -> Vec<Violation> {
    let left = |text: &str| UNFINISHED.iter().find(|word| text.contains(**word));
    source
        .comments
        .iter()
        .filter_map(|comment| left(&comment.text).map(|word| source.violation(comment.line, format!("`{word}` in a comment"))))
        .collect()
}

fn check(rule: fn(&Source) -> Vec<Violation>, path: &str, text: &str, refused: usize) {
    let found = rule(&Source::new(path, text));
    assert_eq!(found.len(), refused, "{path} `{text}`: {found:?}");
}

#[test]
fn an_ignored_test_is_refused() {
    let rule = tests_are_neither_ignored_nor_meant_to_panic;
    check(rule, "tests/suite/a.rs", "#[test] fn ignore() { let should_panic = [ignore]; }", 0);
    check(rule, "tests/suite/a.rs", "#[test] #[ignore] fn f() {}", 1);
    check(rule, "tests/suite/a.rs", "#[test] #[ignore = \"slow\"] fn f() {}", 1);
    check(rule, "src/a.rs", "#[should_panic(expected = \"x\")] fn f() {}", 1);
    check(rule, "src/a.rs", "#[cfg_attr(unix, ignore)] fn f() {}", 1);
}

#[test]
fn unsafe_without_a_reason_or_away_from_home_is_refused() {
    let rule = unsafe_is_at_home_and_explained;
    check(rule, "src/runtime/sys.rs", "fn f() {\n    // SAFETY: the pointer is ours.\n    let x = unsafe { g() };\n}", 0);
    check(rule, "src/runtime/sys.rs", "// SAFETY: the pointer is ours,\n// and lives.\nlet x =\n    unsafe { g() };", 0);
    check(rule, "src/runtime/sys.rs", "/// # Safety\n/// The pointer lives.\n#[must_use]\npub unsafe fn f() {}", 0);
    check(rule, "src/runtime/sys.rs", "// SAFETY: this one.\nlet x = unsafe { g() };\nlet y = unsafe { g() };", 1);
    check(rule, "src/runtime/sys.rs", "fn f() {\n    unsafe { g() }\n}", 1);
    check(rule, "src/journal/a.rs", "// SAFETY: sound.\nlet x = unsafe { g() };", 1);
    check(rule, "src/journal/a.rs", "#[expect(unsafe_code)] // unsafe\nlet x = \"unsafe\";", 0);
}

#[test]
fn a_pure_stage_that_reads_a_clock_or_a_disk_is_refused() {
    let rule = pure_stages_stay_pure;
    check(rule, "src/policy/a.rs", "use std::{fmt, sync::Arc}; use std::net::IpAddr; let process = env; Payload::process;", 0);
    check(rule, "src/policy/a.rs", "let t = std::time::Instant::now();", 1);
    check(rule, "src/policy/a.rs", "use std::{fmt, fs};", 1);
    check(rule, "src/encode/a.rs", "use std::env;", 1);
    check(rule, "src/event/a.rs", "use std::time::{Duration, SystemTime};", 1);
    check(rule, "src/journal/a.rs", "use std::fs;", 0);
}

#[test]
fn unfinished_work_is_refused() {
    check(nothing_is_left_for_later, "src/a.rs", "// Waits for the condition.\nlet s = \"TODO\";", 0);
    check(nothing_is_left_for_later, "src/a.rs", "// TODO: wait\n", 1);
    check(nothing_is_left_for_later, "src/a.rs", "/* Enough for now. */", 1);
}
