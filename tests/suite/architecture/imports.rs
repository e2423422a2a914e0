//! Who may import whom (DESIGN §7), read from every path that starts at the crate's root.

use super::source::{Source, Violation};

/// What each module may import, besides itself.
enum Imports {
    /// These modules, whole.
    Only(&'static [&'static str]),
    /// These modules whole, and of the stages only what is named `…Config` or lives in a module `config`.
    Configs(&'static [&'static str]),
    /// These modules whole, and of `capture` only what its `mod.rs` re-exports.
    NoCaptureInternals(&'static [&'static str]),
}
use Imports::{Configs, NoCaptureInternals, Only};

const TABLE: &[(&str, Imports)] = &[
    ("event", Only(&[])),
    ("runtime", Only(&["event"])),
    ("encode", Only(&["event"])),
    ("policy", Only(&["event"])),
    ("detect", Only(&["event"])),
    ("channel", Only(&["event", "encode", "policy", "runtime"])),
    ("capture", Only(&["event", "channel", "runtime"])),
    ("journal", Only(&["event", "encode", "channel", "runtime"])),
    ("sink", Only(&["event", "encode", "journal", "runtime"])),
    ("query", Only(&["event", "encode", "journal", "runtime"])),
    ("replay", Only(&["event", "journal", "policy", "detect"])),
    ("config", Configs(&["event"])),
    (
        "serve",
        NoCaptureInternals(&[
            "event", "runtime", "encode", "policy", "detect", "channel", "journal", "sink", "query", "replay", "config",
        ]),
    ),
    (
        "app",
        Only(&[
            "event", "runtime", "encode", "policy", "detect", "channel", "capture", "journal", "sink", "query", "replay",
            "serve", "config",
        ]),
    ),
    ("cli", Only(&["app", "query", "replay", "encode", "config", "event", "runtime"])),
    ("main", Only(&["cli"])),
];

/// Files that may import one module more, and why: a unit test of the stage that needs the other side.
const TESTS: &[(&str, &str)] = &[("src/journal/tests.rs", "policy")];

/// The layers of `capture`, which only `app` may name.
const LAYERS: &[&str] = &["fuse", "proxy", "exec", "unix_socket", "registry", "import"];

/// Every import of another module must stand in the table.
pub fn follows_the_import_table(source: &Source) -> Vec<Violation> {
    let Some(file_module) = module_of(&source.path) else { return Vec::new() };
    let Some(own) = file_module.first() else { return Vec::new() };
    let Some((_, imports)) = TABLE.iter().find(|(module, _)| module == own) else {
        return vec![source.violation(1, format!("`{own}` has no line in the import table"))];
    };
    let mut violations = Vec::new();
    for path in paths(source, &file_module) {
        match path.segments.first().map(String::as_str) {
            None | Some("*" | "self") => {
                violations.push(source.violation(path.line, "a name for the crate's root hides what is imported"));
            }
            Some(other) if other == own || TESTS.contains(&(source.path.as_str(), other)) => {}
            Some(other) => {
                if let Err(reason) = allows(imports, other, &path.segments) {
                    violations.push(source.violation(path.line, format!("`{own}` may not import `{other}`{reason}")));
                }
            }
        }
    }
    violations
}

fn allows(imports: &Imports, other: &str, segments: &[String]) -> Result<(), &'static str> {
    let inner = segments.get(1).map(String::as_str);
    match imports {
        Only(modules) | Configs(modules) | NoCaptureInternals(modules) if modules.contains(&other) => Ok(()),
        Only(_) => Err(""),
        Configs(_) if segments.iter().skip(1).any(|name| name.ends_with("Config") || name == "config") => Ok(()),
        Configs(_) => Err(", only its Config"),
        NoCaptureInternals(_) if other == "capture" && inner.is_some_and(|name| name != "*" && !LAYERS.contains(&name)) => Ok(()),
        NoCaptureInternals(_) => Err(" beyond what its head re-exports"),
    }
}

/// The module that a file is: `src/event/payload/file.rs` is `event::payload::file`. `None` outside of `src/` and for `lib.rs`,
/// which only names the modules.
fn module_of(path: &str) -> Option<Vec<String>> {
    let inside = path.strip_prefix("src/")?.strip_suffix(".rs")?;
    let mut module: Vec<String> = inside.split('/').map(str::to_owned).collect();
    if module.last().is_some_and(|last| last == "mod") {
        module.pop();
    }
    (module != ["lib"]).then_some(module)
}

/// A path from the crate's root.
struct RootPath {
    segments: Vec<String>,
    line: usize,
}

/// Every path of the file that starts with `crate`, `self` or `super`, resolved; `use` trees give one path for each leaf.
fn paths(source: &Source, file_module: &[String]) -> Vec<RootPath> {
    let mut found = Vec::new();
    let mut module = file_module.to_vec();
    let mut depth = 0_usize;
    let mut inline: Vec<usize> = Vec::new();
    for at in 0..source.tokens.len() {
        match source.token(at) {
            "{" => {
                if source.token_before(at - usize::from(at > 0)) == "mod" {
                    module.push(source.token_before(at).to_owned());
                    inline.push(depth);
                }
                depth += 1;
            }
            "}" => {
                depth = depth.saturating_sub(1);
                if inline.last() == Some(&depth) {
                    inline.pop();
                    module.pop();
                }
            }
            "self" if source.token_before(at) == "crate" => {
                found.push(RootPath { segments: Vec::new(), line: source.tokens.get(at).map_or(0, |token| token.line) });
            }
            "crate" | "super" | "self" | "agentsh" if starts_a_path(source, at) => {
                let mut leaves = Vec::new();
                tree(source, at, &mut Vec::new(), &mut leaves);
                found.extend(leaves.into_iter().filter_map(|path| resolve(path, &module)));
            }
            _ => {}
        }
    }
    found
}

/// Whether the word begins a path or renames the crate (`use crate as x`).
fn starts_a_path(source: &Source, at: usize) -> bool {
    matches!(source.token(at + 1), "::" | "as") && !matches!(source.token_before(at), "::" | ".")
}

/// Reads one `use` tree (or plain path) from `at`, adds a path for each leaf, and returns where it ends.
fn tree(source: &Source, mut at: usize, prefix: &mut Vec<String>, leaves: &mut Vec<RootPath>) -> usize {
    let kept = prefix.len();
    let line = source.tokens.get(at).map_or(0, |token| token.line);
    loop {
        match source.token(at) {
            "{" => {
                at += 1;
                while !matches!(source.token(at), "}" | "") {
                    at = tree(source, at, prefix, leaves);
                    if source.token(at) == "," {
                        at += 1;
                    } else if source.token(at) != "}" {
                        break;
                    }
                }
                at += 1;
                break;
            }
            word => {
                prefix.push(word.to_owned());
                at += 1;
                let goes_on = source.token(at) == "::" && (source.token(at + 1) == "{" || is_segment(source.token(at + 1)));
                if !goes_on {
                    leaves.push(RootPath { segments: prefix.clone(), line });
                    if source.token(at) == "as" {
                        at += 2;
                    }
                    break;
                }
                at += 1;
            }
        }
    }
    prefix.truncate(kept);
    at
}

fn is_segment(token: &str) -> bool {
    token == "*" || token.starts_with(|ch: char| ch.is_alphabetic() || ch == '_')
}

/// Turns `crate`, `self` and `super` into a path from the root. `None` for what is not ours.
fn resolve(path: RootPath, module: &[String]) -> Option<RootPath> {
    let mut segments = Vec::new();
    for (index, word) in path.segments.into_iter().enumerate() {
        match (index, word.as_str()) {
            (0, "crate") => {}
            (0, "agentsh") if module == ["main"] => {}
            (0, "agentsh") => return None,
            (0, "self") => segments = module.to_vec(),
            (0, "super") => segments = module.iter().take(module.len().saturating_sub(1)).cloned().collect(),
            (_, "super") => _ = segments.pop(),
            _ => segments.push(word),
        }
    }
    Some(RootPath { segments, line: path.line })
}

/// Checks a file of one line and says which modules it may not import.
fn check(path: &str, text: &str, refused: &[&str]) {
    let found = follows_the_import_table(&Source::new(path, text));
    assert_eq!(found.len(), refused.len(), "{path} `{text}`: {found:?}");
    for (violation, refused) in found.iter().zip(refused) {
        assert!(violation.what.contains(refused), "{path} `{text}`: {violation}");
    }
}

#[test]
fn event_imports_nothing_of_ours() {
    check("src/event/ids.rs", "use super::kind::Kind; use crate::event::OsText;", &[]);
    check("src/event/ids.rs", "use crate::runtime::clock;", &["may not import `runtime`"]);
    check("src/event/ids.rs", "fn f() { crate::journal::open(); }", &["may not import `journal`"]);
}

#[test]
fn policy_never_sees_the_journal_nor_a_clock() {
    check("src/policy/compile.rs", "use crate::event::{Decision, Event}; use super::document::Document;", &[]);
    check("src/policy/compile.rs", "use crate::{event::Event, journal::{self, Seq}};", &["`journal`", "`journal`"]);
    check("src/policy/compile.rs", "use crate::runtime::clock;", &["`runtime`"]);
}

#[test]
fn a_test_inside_a_module_is_bound_like_the_module() {
    check("src/policy/mod.rs", "#[cfg(test)] mod tests { use crate::journal::Journal; }", &["`journal`"]);
    check("src/policy/mod.rs", "#[cfg(test)] mod tests { use super::*; use crate::event::Event; }", &[]);
}

#[test]
fn climbing_with_super_is_seen() {
    check("src/policy/compile.rs", "use super::super::journal::Journal;", &["`journal`"]);
    check("src/policy/compile.rs", "mod inner { use super::super::super::journal::Journal; }", &["`journal`"]);
    check("src/policy/compile.rs", "mod inner { mod deep {} use super::super::document::D; } use super::document::D;", &[]);
    check("src/policy/compile.rs", "use self::super::super::capture::fuse::Mount;", &["`capture`"]);
}

#[test]
fn macros_and_expressions_are_seen_and_quotes_are_not() {
    check("src/encode/stored.rs", "macro_rules! m { () => { $crate::journal::x() } }", &["`journal`"]);
    check(
        "src/encode/stored.rs",
        "fn f(x: &crate::query::Filter) -> bool { x == \"crate::journal::x\" /* crate::app */ }",
        &["`query`"],
    );
    check("src/encode/stored.rs", "pub(crate) fn f() {} pub(in crate::encode) fn g() {}", &[]);
}

#[test]
fn the_root_itself_may_not_be_imported() {
    check("src/channel/gate.rs", "use crate as all;", &["hides"]);
    check("src/channel/gate.rs", "use crate::*;", &["hides"]);
    check("src/channel/gate.rs", "use crate::{self as all};", &["hides"]);
    check("src/channel/gate.rs", "use super::super::*;", &["hides"]);
    check("src/channel/gate.rs", "extern crate self as all;", &["hides"]);
}

#[test]
fn config_takes_only_the_configs_of_the_stages() {
    check(
        "src/config/file.rs",
        "use crate::capture::{fuse::FuseConfig, proxy::ProxyConfig}; use crate::journal::config::Overload;",
        &[],
    );
    check("src/config/file.rs", "use crate::journal::{Journal, JournalConfig};", &["`journal`, only its Config"]);
    check("src/config/file.rs", "use crate::journal::*;", &["`journal`, only its Config"]);
}

#[test]
fn serve_sees_no_layer_of_capture() {
    check("src/serve/http/routes.rs", "use crate::capture::LayerStatus; use crate::query::Filter;", &[]);
    check("src/serve/http/routes.rs", "use crate::capture::fuse::Mount;", &["`capture` beyond"]);
    check("src/serve/http/routes.rs", "use crate::capture::*;", &["`capture` beyond"]);
    check("src/serve/http/routes.rs", "use crate::app::App;", &["`app`"]);
}

#[test]
fn nothing_imports_the_command_line_and_only_it_imports_the_composition_root() {
    check("src/app/pipeline.rs", "use crate::{capture::fuse::Mount, journal::Journal, serve::http::HttpServer};", &[]);
    check("src/app/pipeline.rs", "use crate::cli::Args;", &["`cli`"]);
    check("src/journal/writer.rs", "use crate::app::App;", &["`app`"]);
    check("src/cli/run.rs", "use crate::app::Recorder; use crate::query::Filter;", &[]);
    check("src/cli/run.rs", "use crate::journal::Journal;", &["`journal`"]);
    check("src/main.rs", "fn main() { agentsh::cli::main() }", &[]);
    check("src/main.rs", "fn main() { agentsh::app::start() }", &["`app`"]);
}

#[test]
fn a_module_without_a_line_in_the_table_is_refused() {
    check("src/helpers/x.rs", "fn f() {}", &["no line in the import table"]);
    check("src/lib.rs", "pub mod app; pub mod event;", &[]);
    check("tests/suite/x.rs", "use agentsh::journal::Journal;", &[]);
}
