//! G-9: nothing that a session runs gets an answer.

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Output};

use super::rig::Process;
use crate::support::has_program;

/// Asks for the server's health by way of bash's own sockets, and prints the answer.
fn ask(addr: SocketAddr) -> String {
    let (ip, port) = (addr.ip(), addr.port());
    format!(
        "exec 3<>/dev/tcp/{ip}/{port} && printf 'GET /health/live HTTP/1.1\\r\\nHost: localhost\\r\\nConnection: close\\r\\n\\r\\n' >&3; \
         timeout 10 cat <&3"
    )
}

/// The same through the session's proxy.
fn ask_through_the_proxy(addr: SocketAddr) -> String {
    format!(
        "p=${{HTTP_PROXY#http://}}; p=${{p#*@}}; p=${{p%/}}; exec 3<>/dev/tcp/${{p%:*}}/${{p##*:}} && \
         printf 'GET http://{addr}/health/live HTTP/1.1\\r\\nHost: {addr}\\r\\nConnection: close\\r\\n\\r\\n' >&3; timeout 10 cat <&3"
    )
}

fn in_session(root: &Path, script: &str) -> Output {
    let policy = root.join("open.yaml");
    std::fs::write(&policy, "version: 1\nname: open\ndefaults: { file: allow, network: allow, command: allow }\n").unwrap();
    let workspace = root.join("workspace");
    std::fs::create_dir_all(&workspace).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_agentsh"));
    command.env("HOME", root).arg("--data-dir").arg(root.join("data")).args(["run", "--quiet", "--policy"]).arg(policy);
    command.arg("--workspace").arg(&workspace).args(["--", "bash", "-c", script]).current_dir(&workspace).output().unwrap()
}

#[test]
fn g9_nothing_that_a_session_runs_gets_an_answer_from_the_server() {
    if !has_program("bash", "grpc::sessions::g9") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let process = Process::start(&folder.path().join("data"), &[], &[]);
    // Anybody else does, also while a session runs.
    let outside = Command::new("bash").args(["-c", &ask(process.http)]).output().unwrap();
    assert!(String::from_utf8_lossy(&outside.stdout).contains("\"live\""), "{outside:?}");
    for addr in [process.http, process.grpc()] {
        let inside = in_session(folder.path(), &ask(addr));
        assert!(inside.stdout.is_empty(), "{inside:?}");
        // A grandchild that has let go of its session and group belongs to it all the same.
        let detached = in_session(folder.path(), &format!("setsid bash -c {}", shell_quoted(&ask(addr))));
        assert!(detached.stdout.is_empty(), "{detached:?}");
    }
    let proxied = in_session(folder.path(), &ask_through_the_proxy(process.http));
    let answer = String::from_utf8_lossy(&proxied.stdout);
    assert!(!answer.contains("\"live\"") && answer.contains("502"), "{proxied:?}");
}

fn shell_quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}
