//! What is refused, and in which words.

use super::rig::{Server, TRANSPORTS, until_there};
use crate::run::support::text;

fn check(server: &Server, transport: &str, subcommand: &[&str], rest: &[&str], says: &str) {
    let output = server.cli(transport, subcommand, rest).output().unwrap();
    assert_eq!(output.status.code(), Some(125), "{transport} {subcommand:?} {rest:?}");
    assert!(text(&output.stderr).contains(says), "{transport} {rest:?}: {}", text(&output.stderr));
    assert_eq!(text(&output.stdout), "");
}

#[test]
fn a_session_that_cannot_be_is_refused_with_its_reason_and_leaves_no_trace() {
    let server = Server::start();
    let data = server.place.data().display().to_string();
    for transport in TRANSPORTS {
        let refused = |rest: &[&str], says: &str| check(&server, transport, &["session", "create"], rest, says);
        refused(&["--workspace", "/no/such/directory"], "workspace: /no/such/directory: No such file or directory");
        refused(&["--workspace", "/"], "the root of the file system cannot be a workspace");
        refused(&["--workspace", &data], "it lies in the recorder's data directory");
        refused(&["--workspace", "/etc/passwd"], "it is not a directory");
        refused(&["--policy", "nowhere"], "policy: `nowhere` is neither `built-in` nor a name in policies.dir");
        refused(&["--policy", "../../etc/passwd"], "policy:");
        refused(&["--label", "no-value"], "labels: `no-value` is not `key=value`");
        refused(&["--traceparent", "x"], "traceparent: `x`: it has not the form");
    }
    assert_eq!(server.list("http", &[]).as_array().unwrap().len(), 0);
}

#[test]
fn an_unknown_session_or_command_is_named() {
    let server = Server::start();
    let session = server.create();
    for transport in TRANSPORTS {
        check(&server, transport, &["session", "info"], &["s999"], "no session is named `s999`");
        check(&server, transport, &["session", "end"], &["s999"], "no session is named `s999`");
        check(&server, transport, &["exec"], &["s999", "--", "true"], "no session is named `s999`");
        check(&server, transport, &["exec"], &["--env", "=x", &session, "--", "true"], "env: `` is no name of a variable");
        check(&server, transport, &["exec"], &[&session, "--", ""], "argv: it names no program");
    }
}

#[test]
fn what_the_configuration_allows_is_the_most() {
    let server = Server::start_with(&[("AGENTSH_SESSIONS__MAX_SESSIONS", "2"), ("AGENTSH_SESSIONS__MAX_COMMANDS", "1")]);
    let (first, _second) = (server.create(), server.create());
    check(&server, "grpc", &["session", "create"], &[], "there are 2 sessions already: end one, or raise sessions.max_sessions");
    let mut running =
        server.command("http", &first, &["sh", "-c", "touch up; while ! test -e go; do sleep 0.02; done"]).spawn().unwrap();
    until_there(&server, "up");
    check(&server, "http", &["exec"], &[&first, "--", "true"], "there are 1 commands already");
    std::fs::write(server.place.workspace().join("go"), "").unwrap();
    assert!(running.wait().unwrap().success());
    server.end(&first, &[]);
    server.create();
}

#[test]
fn a_server_that_is_not_there_is_named_with_a_way_out() {
    let server = Server::start();
    for transport in TRANSPORTS {
        let mut command = std::process::Command::new(crate::run::support::AGENTSH);
        command.args(["session", "list", "--server", "127.0.0.1:1"]).env("AGENTSH_TRANSPORT", transport);
        command.env("AGENTSH_CONFIG", server.place.folder().join("config.yaml")).env("HOME", server.place.folder());
        let output = command.output().unwrap();
        assert_eq!(output.status.code(), Some(125));
        assert!(text(&output.stderr).contains("no server answers at 127.0.0.1:1"), "{transport}: {}", text(&output.stderr));
        assert!(text(&output.stderr).contains("agentsh server"), "{transport}: {}", text(&output.stderr));
    }
    check(&server, "pigeon", &["session", "list"], &[], "AGENTSH_TRANSPORT is `pigeon`: there are `http` and `grpc`");
}
