//! Tests: file rules: patterns, operations, and operations with two names.

use super::check::{check, policy, verdict};

/// Whether a pattern matches each path.
#[track_caller]
fn paths(pattern: &str, cases: &[(&str, bool)]) {
    let policy = policy(&format!("file_rules:\n  - name: rule\n    paths: ['{pattern}']\n    decision: deny\n"));
    for (path, expected) in cases {
        let found = verdict(&policy, &format!("read {path}")) == "deny rule";
        assert_eq!(found, *expected, "`{pattern}` on `{path}`");
    }
}

#[test]
fn a_literal_matches_itself_alone() {
    paths(
        "/a/b.txt",
        &[
            ("/a/b.txt", true),
            ("/a/b-txt", false),
            ("/a/b.txt2", false),
            ("/a/b.txt/c", false),
            ("/x/a/b.txt", false),
            ("/a", false),
        ],
    );
}

#[test]
fn star_stays_within_a_segment() {
    paths("/a/*.rs", &[("/a/x.rs", true), ("/a/.rs", true), ("/a/b/x.rs", false), ("/a/x.rs.bak", false)]);
    paths("/a/*/c", &[("/a/b/c", true), ("/a/b/b/c", false), ("/a/c", false)]);
    paths("/a/*", &[("/a/b", true), ("/a/b/c", false), ("/a", false)]);
}

#[test]
fn two_stars_cross_segments() {
    paths("/a/**", &[("/a/b", true), ("/a/b/c", true), ("/a", false), ("/ab", false), ("/b/a/c", false)]);
    paths("/a/**/z", &[("/a/z", true), ("/a/b/z", true), ("/a/b/c/z", true), ("/a/zz", false), ("/az", false)]);
    paths("**", &[("/", true), ("/a", true), ("/a/b", true)]);
}

#[test]
fn two_stars_in_front_match_at_any_depth() {
    paths(
        "**/id_rsa",
        &[("/id_rsa", true), ("/a/b/id_rsa", true), ("/a/xid_rsa", false), ("/a/id_rsa/b", false), ("/a/id_rsa.pub", false)],
    );
    paths("**/.ssh/**", &[("/.ssh/x", true), ("/h/.ssh/a/b", true), ("/h/x.ssh/a", false), ("/h/.ssh", false)]);
    paths("**/a/*/b", &[("/a/x/b", true), ("/z/a/x/b", true), ("/z/a/x/y/b", false)]);
}

#[test]
fn a_question_mark_is_one_byte_and_never_a_slash() {
    paths("/a/?", &[("/a/b", true), ("/a/bc", false), ("/a/", false), ("/a/é", false)]);
    paths("/a/??", &[("/a/bc", true), ("/a/é", true), ("/a//", false)]);
}

#[test]
fn braces_are_alternatives() {
    paths("/{a,b}/c", &[("/a/c", true), ("/b/c", true), ("/{a,b}/c", false), ("/ab/c", false)]);
    paths("{/a,/b/**}", &[("/a", true), ("/b/x", true), ("/a/x", false)]);
    paths("/f{,.bak}", &[("/f", true), ("/f.bak", true), ("/f.ba", false)]);
    paths("/{a,b{1,2}}x", &[("/ax", true), ("/b1x", true), ("/b2x", true), ("/bx", false)]);
    paths("/a,b", &[("/a,b", true), ("/a", false)]);
    paths("**/*.{rs,toml}", &[("/x.rs", true), ("/a/Cargo.toml", true), ("/a.rs/b", false)]);
}

#[test]
fn classes_are_single_characters() {
    paths("/[a-c]", &[("/a", true), ("/c", true), ("/d", false), ("/A", false), ("/ab", false)]);
    paths("/x[!0-9]", &[("/xa", true), ("/x1", false), ("/x/", false)]);
    paths("/x[^0-9]", &[("/xa", true), ("/x1", false)]);
    paths("/[]a]", &[("/]", true), ("/a", true), ("/b", false)]);
    paths("/[[:digit:]]x", &[("/7x", true), ("/ax", false)]);
    paths("/[a{]b", &[("/ab", true), ("/{b", true), ("/xb", false)]);
    paths("/a[*]b", &[("/a*b", true), ("/axb", false)]);
}

#[test]
fn a_class_never_matches_a_slash() {
    paths("/a[!x]b", &[("/a/b", false), ("/a-b", true)]);
    paths("/a[+-9]b", &[("/a/b", false), ("/a.b", true), ("/a0b", true)]);
}

#[test]
fn a_backslash_takes_the_meaning_away() {
    paths(r"/a\*b", &[("/a*b", true), ("/axb", false)]);
    paths(r"/\{a,b\}", &[("/{a,b}", true), ("/a", false)]);
    paths(r"/a\\\\b", &[(r"/a\\\\b", true)]);
}

#[test]
fn dot_files_are_matched_like_any_other() {
    paths("/a/*", &[("/a/.hidden", true), ("/a/..x", true)]);
    paths("/a/**", &[("/a/.git/config", true)]);
    paths("**/*rc", &[("/h/.bashrc", true), ("/h/rc", true)]);
}

#[test]
fn case_counts() {
    paths("/A/Makefile", &[("/A/Makefile", true), ("/a/Makefile", false), ("/A/makefile", false)]);
    paths("**/*.PEM", &[("/x.PEM", true), ("/x.pem", false)]);
}

#[test]
fn unicode_is_compared_byte_by_byte_without_normalisation() {
    paths("/é", &[("/é", true), ("/e\u{301}", false), ("/É", false)]);
    paths("/日本/*", &[("/日本/語", true), ("/日/語", false)]);
    paths("/{ä,ö}x", &[("/äx", true), ("/öx", true), ("/üx", false)]);
}

#[test]
fn names_that_are_not_utf_8_are_matched() {
    paths("/a/*", &[(r"/a/\xff\xfe", true), (r"/b/\xff", false)]);
    paths("**/id_rsa", &[(r"/\xff\x80/id_rsa", true), (r"/\xff/id_rsa\xff", false)]);
    paths("/a/**/*.key", &[(r"/a/\xc3/\xff.key", true), (r"/a/\xff.ke\xff", false)]);
    paths("/a/?", &[(r"/a/\xff", true), (r"/a/\xff\xff", false)]);
}

#[test]
fn names_with_odd_characters_are_matched() {
    paths("/a/*", &[("/a/line\nbreak", true), ("/a/ ", true), ("/a/'\"$(x)", true), ("/a/*", true), ("/a/-rf", true)]);
    paths("/a/**/z", &[("/a/\n/z", true)]);
}

#[test]
fn slashes_in_a_row_count_as_one() {
    paths("//a///b", &[("/a/b", true), ("/a//b", false)]);
}

#[test]
fn long_paths_are_matched() {
    let deep = format!("/a{}/secret", "/d".repeat(2_000));
    paths("/a/**/secret", &[(&deep, true)]);
    paths("/b/**/secret", &[(&deep, false)]);
}

const ONE_RULE_FOR_EACH: &str = r#"
file_rules:
  - {name: read, paths: [/read], operations: [read], decision: deny}
  - {name: write, paths: [/write], operations: [write], decision: deny}
  - {name: create, paths: [/create], operations: [create], decision: deny}
  - {name: delete, paths: [/delete], operations: [delete], decision: deny}
  - {name: rename, paths: [/rename], operations: [rename], decision: deny}
  - {name: link, paths: [/link], operations: [link], decision: deny}
  - {name: symlink, paths: [/symlink], operations: [symlink], decision: deny}
  - {name: truncate, paths: [/truncate], operations: [truncate], decision: deny}
  - {name: chmod, paths: [/chmod], operations: [chmod], decision: deny}
  - {name: chown, paths: [/chown], operations: [chown], decision: deny}
  - {name: utimens, paths: [/utimens], operations: [utimens], decision: deny}
  - {name: xattr, paths: [/xattr], operations: [xattr], decision: deny}
  - {name: mkdir, paths: [/mkdir], operations: [mkdir], decision: deny}
  - {name: rmdir, paths: [/rmdir], operations: [rmdir], decision: deny}
  - {name: list, paths: [/list], operations: [list], decision: deny}
  - {name: star, paths: [/star], operations: ["*"], decision: deny}
"#;

/// Which words an operation needs; it must be allowed where any other word is denied.
#[track_caller]
fn needs(operation: &str, words: &[&str]) {
    let policy = policy(ONE_RULE_FOR_EACH);
    let all = [
        "read", "write", "create", "delete", "rename", "link", "symlink", "truncate", "chmod", "chown", "utimens", "xattr",
        "mkdir", "rmdir", "list",
    ];
    for word in all {
        let expected = if words.contains(&word) { format!("deny {word}") } else { "allow default".to_owned() };
        assert_eq!(verdict(&policy, &operation.replace("PATH", &format!("/{word}"))), expected, "{operation} with {word} denied");
    }
    assert_eq!(verdict(&policy, &operation.replace("PATH", "/star")), "deny star");
}

#[test]
fn each_operation_needs_its_own_words_and_no_other() {
    needs("read PATH", &["read"]);
    needs("write PATH", &["write"]);
    needs("append PATH", &["write"]);
    needs("readwrite PATH", &["read", "write"]);
    needs("overwrite PATH", &["write", "truncate"]);
    needs("empty PATH", &["read", "write", "truncate"]);
    needs("create PATH", &["create", "write"]);
    needs("mknod PATH", &["create"]);
    needs("delete PATH", &["delete"]);
    needs("symlink PATH", &["symlink", "create"]);
    needs("truncate PATH", &["truncate", "write"]);
    needs("chmod PATH", &["chmod"]);
    needs("chown PATH", &["chown"]);
    needs("utimens PATH", &["utimens"]);
    needs("setxattr PATH", &["xattr"]);
    needs("getxattr PATH", &["read"]);
    needs("mkdir PATH", &["mkdir"]);
    needs("rmdir PATH", &["rmdir"]);
    needs("list PATH", &["list"]);
}

#[test]
fn a_rename_is_judged_at_both_names() {
    needs("rename PATH -> /free", &["rename", "delete"]);
    needs("rename /free -> PATH", &["rename", "create"]);
    needs("exchange PATH <-> /free", &["rename", "delete", "create"]);
    needs("exchange /free <-> PATH", &["rename", "delete", "create"]);
}

#[test]
fn a_link_is_judged_at_both_names() {
    needs("link PATH -> /free", &["link"]);
    needs("link /free -> PATH", &["link", "create"]);
}

#[test]
fn the_strictest_verdict_of_the_parts_counts() {
    check(
        r#"
file_rules:
  - {name: reads, paths: ["/a/**"], operations: [read], decision: audit}
  - {name: writes, paths: ["/a/**"], operations: [write], decision: deny}
  - {name: out, paths: ["/out/**"], decision: audit}
  - {name: in, paths: ["/in/**"], decision: deny}
  - {name: fine, paths: ["/fine/**"], decision: allow}
"#,
        &[
            ("readwrite /a/x", "deny writes"),
            ("read /a/x", "audit reads"),
            ("overwrite /a/x", "deny writes"),
            ("rename /out/x -> /in/x", "deny in"),
            ("rename /in/x -> /out/x", "deny in"),
            ("rename /out/x -> /fine/x", "audit out"),
            ("rename /fine/x -> /out/x", "audit out"),
            ("rename /fine/x -> /fine/y", "allow fine"),
            ("rename /fine/x -> /elsewhere", "allow fine"),
            ("link /in/x -> /fine/x", "deny in"),
            ("link /fine/x -> /out/x", "audit out"),
        ],
    );
}

#[test]
fn the_default_counts_as_a_part_when_no_rule_lists_the_operation() {
    check(
        "defaults: {file: deny}\nfile_rules:\n  - {name: reads, paths: ['/a/**'], operations: [read], decision: allow}\n",
        &[
            ("read /a/x", "allow reads"),
            ("readwrite /a/x", "deny default"),
            ("empty /a/x", "deny default"),
            ("read /b", "deny default"),
        ],
    );
}

#[test]
fn a_higher_rule_shields_only_the_operations_that_it_lists() {
    check(
        r#"
file_rules:
  - {name: spared, paths: [/a/x], operations: [read], decision: allow, priority: 9}
  - {name: guarded, paths: ["/a/**"], decision: deny}
"#,
        &[
            ("read /a/x", "allow spared"),
            ("readwrite /a/x", "deny guarded"),
            ("rename /a/x -> /b", "deny guarded"),
            ("read /a/y", "deny guarded"),
        ],
    );
}
