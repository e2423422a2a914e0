//! What a file looks like: its head, its size, its name, and what a `mod.rs` may hold.

use super::source::{Source, Violation};

/// A `mod.rs` that holds functions, and why.
const MOD_RS_WITH_FUNCTIONS: &[(&str, &str)] = &[("src/event/payload/mod.rs", "the trait that the payload macros rest on")];

/// The modules whose head states what they guarantee and never do.
const STAGES: &[&str] = &[
    "app", "capture", "channel", "config", "detect", "encode", "event", "journal", "policy", "query", "replay", "runtime",
    "serve", "sink",
];

const LINES: usize = 500;
const MOD_RS_LINES: usize = 150;
const EMPTY_NAMES: &[&str] = &["utils", "util", "common", "helpers", "helper", "types", "misc"];

/// A file opens with what it is.
pub fn opens_with_what_it_is(source: &Source) -> Vec<Violation> {
    let head = source.text.lines().next().unwrap_or_default();
    match head.strip_prefix("//! ") {
        Some(words) if words.split_whitespace().count() >= 2 => Vec::new(),
        Some(_) | None => vec![source.violation(1, "the first line does not say what the file is (`//! …`)")],
    }
}

/// The head of a stage says what it guarantees and what it never does.
pub fn stages_say_what_they_guarantee(source: &Source) -> Vec<Violation> {
    let stage = source.path.strip_prefix("src/").and_then(|path| path.strip_suffix("/mod.rs"));
    if !stage.is_some_and(|stage| STAGES.contains(&stage)) {
        return Vec::new();
    }
    let head: String = source.text.lines().take_while(|line| line.starts_with("//!")).collect();
    ["Guarantee", "Never"]
        .into_iter()
        .filter(|word| !head.contains(word))
        .map(|word| source.violation(1, format!("the stage's head has no sentence that starts with `{word}`")))
        .collect()
}

/// Files are short.
pub fn files_are_short(source: &Source) -> Vec<Violation> {
    let lines = source.text.lines().count();
    let limit = if is_mod_rs(source) { MOD_RS_LINES - 1 } else { LINES };
    if lines > limit { vec![source.violation(limit + 1, format!("{lines} lines, at most {limit}"))] } else { Vec::new() }
}

/// A `mod.rs` is a table of contents: no `fn` outside of `macro_rules!`.
pub fn mod_rs_has_no_logic(source: &Source) -> Vec<Violation> {
    // In tests the module's file is where its one `check(…)` helper stands.
    if !is_mod_rs(source)
        || source.path.starts_with("tests/")
        || MOD_RS_WITH_FUNCTIONS.iter().any(|(path, _)| *path == source.path)
    {
        return Vec::new();
    }
    functions(source).into_iter().map(|line| source.violation(line, "a function in a `mod.rs`")).collect()
}

/// Files and folders have a name that says what is in them.
pub fn names_say_something(source: &Source) -> Vec<Violation> {
    source
        .path
        .split('/')
        .map(|part| part.strip_suffix(".rs").unwrap_or(part))
        .filter(|part| EMPTY_NAMES.contains(part))
        .map(|part| source.violation(1, format!("`{part}` does not say what is in it")))
        .collect()
}

fn is_mod_rs(source: &Source) -> bool {
    source.path.ends_with("/mod.rs")
}

/// The lines of every `fn name` outside of `macro_rules!`.
fn functions(source: &Source) -> Vec<usize> {
    let mut lines = Vec::new();
    let mut at = 0;
    while let Some(token) = source.tokens.get(at) {
        if token.text == "macro_rules" && source.token(at + 1) == "!" {
            at = end_of_block(source, at);
            continue;
        }
        if token.text == "fn" && source.token(at + 1).starts_with(|ch: char| ch.is_alphabetic() || ch == '_') {
            lines.push(token.line);
        }
        at += 1;
    }
    lines
}

/// The place after the braces that open next.
fn end_of_block(source: &Source, mut at: usize) -> usize {
    let mut depth = 0_usize;
    while let Some(token) = source.tokens.get(at) {
        at += 1;
        match token.text.as_str() {
            "{" => depth += 1,
            "}" if depth == 1 => break,
            "}" => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    at
}

fn check(rule: fn(&Source) -> Vec<Violation>, path: &str, text: &str, refused: usize) {
    let found = rule(&Source::new(path, text));
    assert_eq!(found.len(), refused, "{path}: {found:?}");
}

#[test]
fn a_file_without_a_head_is_refused() {
    check(opens_with_what_it_is, "src/a.rs", "//! What it is.\nuse x;", 0);
    check(opens_with_what_it_is, "src/a.rs", "use x;\n//! Too late.", 1);
    check(opens_with_what_it_is, "src/a.rs", "// Not a head.", 1);
    check(opens_with_what_it_is, "src/a.rs", "//!\n//! An empty first line.", 1);
    check(opens_with_what_it_is, "src/a.rs", "", 1);
}

#[test]
fn a_stage_that_does_not_say_what_it_never_does_is_refused() {
    check(stages_say_what_they_guarantee, "src/journal/mod.rs", "//! REMEMBER.\n//! Guarantee: order. Never: an update.", 0);
    check(stages_say_what_they_guarantee, "src/journal/mod.rs", "//! REMEMBER.\n//! Guarantee: order.", 1);
    check(stages_say_what_they_guarantee, "src/journal/mod.rs", "//! REMEMBER.\n\n// Guarantee. Never.", 2);
    check(stages_say_what_they_guarantee, "src/journal/sqlite/mod.rs", "//! A part of a stage.", 0);
}

#[test]
fn a_file_of_501_lines_is_refused_and_a_mod_rs_of_150() {
    check(files_are_short, "src/a.rs", &"x\n".repeat(500), 0);
    check(files_are_short, "src/a.rs", &"x\n".repeat(501), 1);
    check(files_are_short, "src/a/mod.rs", &"x\n".repeat(149), 0);
    check(files_are_short, "src/a/mod.rs", &"x\n".repeat(150), 1);
}

#[test]
fn a_function_in_a_mod_rs_is_refused() {
    check(mod_rs_has_no_logic, "src/a/mod.rs", "mod b; pub use b::*; pub type Check = fn(u8) -> bool; // fn f() {}", 0);
    check(mod_rs_has_no_logic, "src/a/mod.rs", "macro_rules! m { () => { fn f() { if x {} } } } pub use m;", 0);
    check(mod_rs_has_no_logic, "src/a/mod.rs", "macro_rules! m { () => {} } impl X { pub fn new() -> X { X } }", 1);
    check(mod_rs_has_no_logic, "src/a/b.rs", "fn f() {}", 0);
    check(mod_rs_has_no_logic, "src/event/payload/mod.rs", "fn is_absent() {}", 0);
    check(mod_rs_has_no_logic, "tests/suite/process/mod.rs", "fn check() {}", 0);
}

#[test]
fn a_folder_named_utils_is_refused() {
    check(names_say_something, "src/journal/sqlite/writer.rs", "", 0);
    check(names_say_something, "src/journal/utils/clock.rs", "", 1);
    check(names_say_something, "src/journal/types.rs", "", 1);
}

#[test]
fn every_exception_is_still_needed() {
    for (path, reason) in MOD_RS_WITH_FUNCTIONS {
        let source = Source::new(path, &super::tree::read(path));
        assert!(!functions(&source).is_empty(), "{path} needs no exception any more ({reason})");
    }
}
