//! G-9: what a session's commands cannot do to the server.

use super::rig::Server;
use crate::run::support::{AGENTSH, text};
use crate::support::has_program;

#[test]
fn g9_a_command_cannot_read_the_data_directory() {
    let server = Server::start();
    let session = server.create();
    let data = server.place.data().display().to_string();
    let report = text(&server.shell(&session, "readlink /proc/self/ns/mnt").stdout);
    let own = std::fs::read_link("/proc/self/ns/mnt").unwrap().display().to_string();
    if report.trim() == own {
        eprintln!("skipped: the data directory's hiding: there is no mount namespace here");
        return;
    }
    let output =
        server.shell(&session, &format!("ls -A {data}; cat {data}/journal.db; cat {data}/keys/journal.key; touch {data}/x"));
    assert_eq!(text(&output.stdout), "", "{}", text(&output.stderr));
    assert_ne!(output.status.code(), Some(0));
    assert!(server.place.data().join("journal.db").exists() && !server.place.data().join("x").exists());
}

#[test]
fn g9_a_command_cannot_reach_the_api_by_itself_or_through_its_proxy() {
    let server = Server::start();
    let session = server.create();
    for transport in ["http", "grpc"] {
        let address = server.address(transport);
        let ask = format!("AGENTSH_TRANSPORT={transport} {AGENTSH} session list --server {address}");
        let output = server.shell(&session, &ask);
        assert_eq!(output.status.code(), Some(125), "{}", text(&output.stdout));
        // The counter-example: outside it is answered.
        assert!(server.cli(transport, &["session", "list"], &[] as &[&str]).output().unwrap().status.success());
    }
    if has_program("curl", "the API through the session's proxy") {
        let output = server.shell(&session, &format!("curl -s -m 10 http://{}/health/live", server.http()));
        assert!(!text(&output.stdout).contains("live"), "{}", text(&output.stdout));
    }
}

#[test]
fn g9_a_command_cannot_signal_or_trace_the_server_its_launcher_or_another_command() {
    if agentsh::runtime::sys::landlock_version() < agentsh::runtime::sys::LANDLOCK_SCOPES_SIGNALS {
        eprintln!("skipped: signals to the server: Landlock of this kernel does not confine them (Linux 6.12)");
        return;
    }
    let server = Server::start();
    let (session, other) = (server.create(), server.create());
    let script = "touch up; while ! test -e go; do sleep 0.02; done; exit 3";
    let victim = server.command("http", &other, &["sh", "-c", script]).spawn().unwrap();
    super::rig::until_there(&server, "up");
    let inside = server.info(&other)["commands"][0]["pid"].as_u64().unwrap();
    let script = format!(
        "for pid in {} {inside} $PPID; do kill -0 $pid 2>/dev/null && exit 1; kill -KILL $pid 2>/dev/null && exit 2; \
         readlink /proc/$pid/exe && exit 4; done; kill -KILL -1 2>/dev/null; \
         sleep 100 & kill -TERM $! || exit 5; wait $!; test $? = 143",
        server.pid()
    );
    let output = server.shell(&session, &script);
    assert_eq!(output.status.code(), Some(0), "1, 2: signalled; 4: looked into; 5: not even its own: {}", text(&output.stderr));
    std::fs::write(server.place.workspace().join("go"), "").unwrap();
    assert_eq!(victim.wait_with_output().unwrap().status.code(), Some(3));
    assert_eq!(server.info(&session)["state"], "running");
}

#[test]
fn g9_the_servers_environment_is_not_the_commands() {
    let server = Server::start_with(&[("SECRET_OF_THE_SERVER", "swordfish")]);
    let session = server.create();
    // The launcher's, which any process of its user could read, is empty.
    let output = server.shell(&session, "env; cat /proc/$PPID/environ 2>/dev/null; true");
    assert!(output.status.success());
    assert!(!text(&output.stdout).contains("swordfish") && text(&output.stdout).contains("PATH="), "{}", text(&output.stdout));
}
