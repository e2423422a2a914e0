//! Tests: command rules: programs, and arguments as a list.

use super::check::check;

/// Verdicts of one rule, `rule`, that denies.
#[track_caller]
fn rule(conditions: &str, cases: &[(&str, bool)]) {
    let body = format!("command_rules:\n  - name: rule\n    decision: deny\n    {conditions}\n");
    let cases: Vec<(&str, &str)> =
        cases.iter().map(|(exec, matches)| (*exec, if *matches { "deny rule" } else { "allow default" })).collect();
    check(&body, &cases);
}

#[test]
fn a_name_is_the_last_segment_of_the_resolved_or_of_the_requested_path() {
    rule(
        "commands: [vi]",
        &[
            ("exec /usr/bin/vi", true),
            ("exec /usr/bin/vi => /usr/bin/vim.basic", true),
            ("exec ./editor => /usr/bin/vi", true),
            ("exec vi => /opt/x", true),
            ("exec /usr/bin/vim.basic", false),
            ("exec /usr/bin/vi/x", false),
            ("exec /vi/x", false),
            ("exec /usr/bin/VI", false),
        ],
    );
}

#[test]
fn a_pattern_with_a_slash_is_compared_with_the_resolved_path() {
    rule(
        "commands: ['/usr/bin/py*']",
        &[
            ("exec /usr/bin/python3", true),
            ("exec python3 => /usr/bin/python3.13", true),
            ("exec /usr/bin/python3 => /opt/python3", false),
            ("exec /opt/python3 => /usr/bin/python3", true),
            ("exec /usr/bin/x/python3", false),
        ],
    );
    rule("commands: ['**/node_modules/.bin/*']", &[("exec /w/node_modules/.bin/tsc", true), ("exec /w/.bin/tsc", false)]);
    rule("commands: ['${WORKSPACE}/tools/**']", &[("exec /work/space/tools/a/b", true), ("exec /work/tools/a", false)]);
}

#[test]
fn names_are_globs() {
    rule(
        "commands: ['mkfs.*', 'nc{,.openbsd}', 'python[23]']",
        &[
            ("exec /sbin/mkfs.ext4", true),
            ("exec /sbin/mkfs", false),
            ("exec /bin/nc", true),
            ("exec /bin/nc.openbsd", true),
            ("exec /bin/ncat", false),
            ("exec /bin/python3", true),
            ("exec /bin/python4", false),
        ],
    );
    rule("commands: ['*']", &[("exec /bin/ls", true), (r"exec /bin/\xff", true)]);
}

#[test]
fn any_argument_after_the_first_satisfies_args() {
    rule(
        "commands: [git]\n    args: [--force, '-f']",
        &[
            ("exec /bin/git | push | --force", true),
            ("exec /bin/git | -f | push", true),
            ("exec /bin/git | push", false),
            ("exec /bin/git | push | --force-with-lease", false),
            ("exec /bin/git", false),
            ("exec /bin/hg | --force", false),
            ("exec --force => /bin/git | push", false),
        ],
    );
}

#[test]
fn arguments_are_a_list_and_never_a_joined_text() {
    rule(
        "commands: [git]\n    args: ['push --force']",
        &[
            ("exec /bin/git | push | --force", false),
            ("exec /bin/git | push --force", true),
            ("exec /bin/git | commit | -m | push --force", true),
        ],
    );
    rule(
        "commands: [rm]\n    args: ['/']",
        &[
            ("exec /bin/rm | -rf | /", true),
            ("exec /bin/rm | -rf | / ", false),
            ("exec /bin/rm | -rf | /tmp", false),
            ("exec /bin/rm | -rf /", false),
            ("exec /bin/rm | '/'", false),
            ("exec /bin/rm | \"/\"", false),
        ],
    );
    rule(
        "commands: [sh]\n    args: ['a b', \"it's\", '']",
        &[
            ("exec /bin/sh | a b", true),
            ("exec /bin/sh | a | b", false),
            ("exec /bin/sh | it's", true),
            ("exec /bin/sh | its", false),
            ("exec /bin/sh | ", true),
        ],
    );
}

#[test]
fn a_star_in_an_argument_matches_anything_slashes_too() {
    rule(
        "commands: [dd]\n    args: ['of=/dev/*']",
        &[
            ("exec /bin/dd | of=/dev/sda", true),
            ("exec /bin/dd | of=/dev/mapper/root", true),
            ("exec /bin/dd | if=/dev/sda", false),
            ("exec /bin/dd | of=/tmp/x", false),
        ],
    );
    rule(
        "commands: [curl]\n    args: ['*evil*']",
        &[
            ("exec /bin/curl | https://evil.test/x", true),
            ("exec /bin/curl | line\nevil\nline", true),
            (r"exec /bin/curl | \xffevil\xff", true),
            ("exec /bin/curl | https://good.test", false),
        ],
    );
    rule(
        "commands: [x]\n    args: ['{a,b}?', '[0-9]', '\\*']",
        &[
            ("exec /x | a1", true),
            ("exec /x | b/", true),
            ("exec /x | 7", true),
            ("exec /x | *", true),
            ("exec /x | c1", false),
            ("exec /x | 77", false),
        ],
    );
}

#[test]
fn args_prefix_compares_place_by_place() {
    rule(
        "commands: [git]\n    args_prefix: [remote, 'set-*']",
        &[
            ("exec /bin/git | remote | set-url | origin | x", true),
            ("exec /bin/git | remote | set-url", true),
            ("exec /bin/git | remote", false),
            ("exec /bin/git | remote | -v | set-url", false),
            ("exec /bin/git | -C | /x | remote | set-url", false),
            ("exec /bin/git | remote set-url", false),
            ("exec /bin/git", false),
        ],
    );
}

#[test]
fn args_and_args_prefix_hold_together() {
    rule(
        "commands: [docker]\n    args_prefix: ['{run,create}']\n    args: [--privileged]",
        &[
            ("exec /bin/docker | run | --rm | --privileged | x", true),
            ("exec /bin/docker | create | --privileged", true),
            ("exec /bin/docker | run | x", false),
            ("exec /bin/docker | ps | --privileged", false),
        ],
    );
}

#[test]
fn arguments_that_were_cut_do_not_evade_a_refusal_nor_earn_an_allowance() {
    rule(
        "commands: [git]\n    args: [--force]",
        &[("exec /bin/git | push | …", true), ("exec /bin/git | push", false), ("exec /bin/hg | push | …", false)],
    );
    rule(
        "commands: [git]\n    args_prefix: [push, origin]",
        &[("exec /bin/git | push | …", true), ("exec /bin/git | pull | …", false), ("exec /bin/git | push | origin | …", true)],
    );
    check(
        "defaults: {command: deny}\ncommand_rules:\n  - {name: safe, commands: [git], args: [--dry-run], decision: allow}\n",
        &[
            ("exec /bin/git | push | --dry-run", "allow safe"),
            ("exec /bin/git | push | …", "deny default"),
            ("exec /bin/git | push | --dry-run | …", "allow safe"),
        ],
    );
}

#[test]
fn the_interpreter_of_a_script_is_judged_too() {
    check(
        r#"
command_rules:
  - {name: no-netcat, commands: [nc], decision: deny}
  - {name: watched, commands: [perl], decision: audit}
  - {name: with-args, commands: [bash], args: [-c], decision: deny}
"#,
        &[
            ("exec /w/tool < /bin/nc", "deny no-netcat"),
            ("exec /w/tool < /usr/bin/perl", "audit watched"),
            ("exec /w/tool < /bin/bash | -c", "allow default"),
            ("exec /bin/nc < /usr/bin/perl", "deny no-netcat"),
            ("exec /w/tool < /bin/sh", "allow default"),
        ],
    );
    check(
        "defaults: {command: deny}\ncommand_rules:\n  - {name: tools, commands: ['/w/*'], decision: allow}\n",
        &[("exec /w/tool", "allow tools"), ("exec /w/tool < /bin/sh", "deny default")],
    );
}

#[test]
fn precedence_holds_across_patterns_for_paths_and_for_names() {
    check(
        r#"
command_rules:
  - {name: this-git, commands: [/opt/git/bin/git], decision: allow, priority: 5}
  - {name: any-git, commands: [git], decision: deny}
  - {name: push, commands: [git], args_prefix: [push], decision: audit, priority: 9}
"#,
        &[
            ("exec /opt/git/bin/git | status", "allow this-git"),
            ("exec /usr/bin/git | status", "deny any-git"),
            ("exec /opt/git/bin/git | push", "audit push"),
            ("exec git => /usr/bin/git | push", "audit push"),
        ],
    );
}
