//! One external crate, one home (DESIGN §7): where each dependency may be named.

use super::source::{Source, Violation};

/// Where a dependency may be named, by the name that code uses.
const HOMES: &[(&str, &[&str])] = &[
    ("aho_corasick", &["src/detect/sigma"]),
    ("anyhow", &["src/main.rs", "src/cli/", "src/app/"]),
    ("arc_swap", &["src/channel/", "src/app/", "src/policy/", "src/capture/"]),
    ("arrow_array", &["src/encode/arrow", "src/sink/parquet"]),
    ("arrow_flight", &["src/serve/grpc/flight"]),
    ("arrow_schema", &["src/encode/arrow", "src/sink/parquet"]),
    ("async_nats", &["src/sink/nats"]),
    ("axum", &["src/serve/http/"]),
    ("blake3", &["src/capture/fuse/"]),
    ("bytes", &["src/encode/proto", "src/query/sql", "src/serve/", "src/sink/"]),
    ("cel", &["src/query/"]),
    ("clap", &["src/cli/"]),
    ("crc32fast", &["src/channel/"]),
    ("datafusion", &["src/query/sql", "src/serve/grpc/flight"]),
    ("ed25519_dalek", &["src/journal/"]),
    ("evtx", &["src/capture/import"]),
    ("flate2", &["src/capture/import", "src/sink/jsonl", "src/sink/otlp", "src/sink/webhook"]),
    ("fuser", &["src/capture/fuse/"]),
    ("futures_util", &["src/query/sql", "src/serve/", "src/sink/"]),
    ("getrandom", &["src/runtime/"]),
    ("globset", &["src/policy/"]),
    ("hickory_resolver", &["src/capture/proxy/dns"]),
    ("hmac", &["src/sink/webhook"]),
    ("http", &["src/capture/proxy/", "src/serve/", "src/sink/"]),
    ("http_body", &["src/serve/grpc"]),
    ("http_body_util", &["src/capture/proxy/"]),
    ("hyper", &["src/capture/proxy/"]),
    ("hyper_util", &["src/capture/proxy/"]),
    ("indicatif", &["src/cli/"]),
    ("jiff", &["src/cli/", "src/query/"]),
    ("miette", &["src/policy/", "src/config/", "src/cli/"]),
    ("object_store", &["src/sink/parquet"]),
    ("opentelemetry", &["src/app/", "src/serve/trace.rs"]),
    ("opentelemetry_otlp", &["src/app/"]),
    ("opentelemetry_proto", &["src/encode/otel", "src/sink/otlp"]),
    ("opentelemetry_sdk", &["src/app/"]),
    ("parquet", &["src/sink/parquet"]),
    ("prost", &["src/encode/proto", "src/serve/grpc", "src/sink/otlp"]),
    ("prost_types", &["src/encode/proto", "src/serve/grpc"]),
    ("ratatui", &["src/cli/replay"]),
    ("regex_syntax", &["src/detect/sigma"]),
    ("reqwest", &["src/sink/"]),
    ("rsigma_eval", &["src/detect/sigma"]),
    ("rsigma_ir", &["src/detect/sigma"]),
    ("rsigma_parser", &["src/detect/sigma"]),
    ("rusqlite", &["src/journal/sqlite"]),
    ("rustls", &["src/serve/", "src/sink/", "src/app/"]),
    ("schemars", &["src/event/", "src/query/report", "src/query/session"]),
    ("seccompiler", &["src/capture/exec/"]),
    ("serde_saphyr", &["src/policy/", "src/config/"]),
    ("shuttle", &["src/runtime/sync.rs", "src/channel/"]),
    ("simdutf8", &["src/capture/import/evtx", "src/encode/stored", "src/journal/sqlite"]),
    ("strsim", &["src/policy/", "src/config/", "src/query/", "src/encode/proto"]),
    ("terminal_size", &["src/cli/"]),
    ("tokio", &["src/capture/proxy/", "src/query/sql", "src/serve/", "src/app/", "src/runtime/", "src/sink/"]),
    ("tokio_rustls", &["src/serve/", "src/sink/"]),
    ("tokio_stream", &["src/serve/", "src/sink/"]),
    ("tonic", &["src/serve/grpc", "src/sink/otlp"]),
    ("tonic_health", &["src/serve/grpc"]),
    ("tonic_prost", &["src/serve/grpc"]),
    ("tonic_reflection", &["src/serve/grpc"]),
    ("tower", &["src/serve/"]),
    ("tower_http", &["src/serve/http"]),
    ("tracing_opentelemetry", &["src/app/"]),
    ("tracing_subscriber", &["src/app/", "src/cli/"]),
    ("unicode_width", &["src/cli/"]),
    ("utoipa", &["src/serve/http", "src/serve/sessions"]),
    ("utoipa_axum", &["src/serve/http"]),
    ("uuid", &["src/event/", "src/runtime/"]),
    ("vt100", &["src/replay", "src/cli/replay"]),
    ("webpki", &["src/serve/grpc"]),
    ("zstd", &["src/journal/bundle", "src/sink/jsonl"]),
];

/// Dependencies that are at home everywhere: the language of types, errors, digests and system calls.
const EVERYWHERE: &[&str] = &["base64", "libc", "nix", "regex", "serde", "serde_json", "sha2", "thiserror", "tracing"];

/// A dependency is named only at its home.
pub fn keeps_crates_at_home(source: &Source) -> Vec<Violation> {
    if !source.path.starts_with("src/") {
        return Vec::new();
    }
    let mut violations = Vec::new();
    for (at, token) in source.tokens.iter().enumerate() {
        let Some((name, homes)) = HOMES.iter().find(|(name, _)| *name == token.text) else { continue };
        if names_a_crate(source, at) && !homes.iter().any(|home| source.path.starts_with(home)) {
            violations.push(source.violation(token.line, format!("`{name}` lives in {}", homes.join(", "))));
        }
    }
    violations
}

/// Whether the word stands where a path to an external crate begins.
fn names_a_crate(source: &Source, at: usize) -> bool {
    let before = source.token_before(at);
    let begins = match before {
        // `::tokio::…` names the crate, `crate::tokio::…` does not.
        "::" => at < 2 || !source.token(at - 2).starts_with(|ch: char| ch.is_alphanumeric() || ch == '_' || ch == '>'),
        "." => false,
        _ => true,
    };
    begins && (source.token(at + 1) == "::" || matches!(before, "use" | "crate"))
}

/// Each dependency of the manifest has a home, and no home is for a crate that is not there any more.
fn misplaced_dependencies(manifest: &str) -> Vec<String> {
    let names: Vec<String> = dependencies(manifest).into_iter().map(|name| name.replace('-', "_")).collect();
    let homeless = names
        .iter()
        .filter(|name| !EVERYWHERE.contains(&name.as_str()) && !HOMES.iter().any(|(home, _)| home == name))
        .map(|name| format!("`{name}` has no home"));
    let gone = HOMES
        .iter()
        .map(|(name, _)| *name)
        .chain(EVERYWHERE.iter().copied())
        .filter(|name| !names.iter().any(|known| known == name))
        .map(|name| format!("`{name}` is no dependency"));
    homeless.chain(gone).collect()
}

fn dependencies(manifest: &str) -> Vec<&str> {
    manifest
        .lines()
        .skip_while(|line| line.trim() != "[dependencies]")
        .skip(1)
        .take_while(|line| !line.starts_with('['))
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.split_once('=').map(|(name, _)| name.trim()))
        .collect()
}

fn check(path: &str, text: &str, refused: usize) {
    let found = keeps_crates_at_home(&Source::new(path, text));
    assert_eq!(found.len(), refused, "{path} `{text}`: {found:?}");
}

#[test]
fn sqlite_is_named_only_under_the_journal() {
    check("src/journal/sqlite/writer.rs", "use rusqlite::Connection;", 0);
    check("src/journal/sqlite.rs", "use rusqlite::Connection;", 0);
    check("src/query/sql.rs", "use rusqlite::Connection;", 1);
    check("src/journal/merkle.rs", "fn f(c: &rusqlite::Connection) {}", 1);
}

#[test]
fn the_fuse_and_http_crates_keep_to_their_layers() {
    check("src/capture/fuse/mount.rs", "use fuser::Session;", 0);
    check("src/capture/exec/mount.rs", "use {fuser::Session, std::fmt};", 1);
    check("src/serve/http/router.rs", "use axum::Router;", 0);
    check("src/serve/grpc/router.rs", "let r = ::axum::Router::new();", 1);
    check("src/serve/http/router.rs", "use hyper;", 1);
    check("src/capture/proxy/dns/resolver.rs", "use hickory_resolver::Resolver;", 0);
    check("src/capture/proxy/http.rs", "use hickory_resolver::Resolver;", 1);
}

#[test]
fn a_name_that_only_looks_like_a_crate_is_not_one() {
    check("src/event/kind.rs", "use super::tokio::x; // tokio::spawn\n let s = \"tokio::spawn\"; a.tokio::<u8>();", 0);
    check("tests/suite/journal.rs", "use rusqlite::Connection;", 0);
}

#[test]
fn every_dependency_has_a_home_and_every_home_a_dependency() {
    let manifest = super::tree::read("Cargo.toml");
    assert_eq!(misplaced_dependencies(&manifest), Vec::<String>::new());
    let more = manifest.replacen("[dependencies]\n", "[dependencies]\nleft-pad = \"1\"\n", 1);
    assert_eq!(misplaced_dependencies(&more), ["`left_pad` has no home"]);
    let fewer = manifest.lines().filter(|line| !line.starts_with("fuser")).collect::<Vec<_>>().join("\n");
    assert_eq!(misplaced_dependencies(&fewer), ["`fuser` is no dependency"]);
}
