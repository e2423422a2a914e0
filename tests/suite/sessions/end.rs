//! How sessions end: by request, by timeout, with the server, and after it was killed.

use nix::sys::signal::Signal;

use super::rig::{Server, TRANSPORTS, ends, runs, until_there};
use crate::run::support::text;
use crate::support::until;

#[test]
fn a_session_without_a_command_ends_after_its_idle_timeout_counted_from_the_last_commands_end() {
    let server = Server::start();
    let session = server.create_with(&["--idle-timeout", "2s"]);
    // Longer than the timeout: a session in which a command runs is not idle.
    assert_eq!(server.shell(&session, "sleep 2.5; exit 4").status.code(), Some(4));
    until("the session has ended", || server.info(&session)["state"] == "ended");
    let info = server.info(&session);
    assert_eq!(info["end_reason"], "idle_timeout", "{info}");
    let lasted = info["ended_us"].as_i64().unwrap() - info["created_us"].as_i64().unwrap();
    assert!(lasted >= 4_500_000, "{lasted}");
}

#[test]
fn a_session_ends_after_its_hard_timeout_whatever_runs_in_it() {
    let server = Server::start_with(&[("AGENTSH_SESSIONS__GRACE", "300ms")]);
    let session = server.create_with(&["--hard-timeout", "3s"]);
    let output = server.shell(&session, "trap '' TERM; while :; do sleep 0.05; done");
    assert_eq!(output.status.code(), Some(137), "it did not listen to SIGTERM: {}", text(&output.stderr));
    until("the session has ended", || server.info(&session)["end_reason"] == "hard_timeout");
    let (place, _) = server.stop();
    place.check_whole();
    assert!(ends(&place).iter().any(|(id, ended)| *id == session && ended.reason == "hard_timeout" && ended.processes_ended > 0));
}

#[test]
fn ending_a_session_tells_its_commands_and_kills_what_does_not_listen() {
    let server = Server::start();
    let session = server.create();
    let polite = "trap 'exit 11' TERM; touch polite; while :; do sleep 0.02; done";
    let deaf = "trap '' TERM; touch deaf; while :; do sleep 0.02; done";
    let clients: Vec<_> = [("http", polite), ("grpc", deaf)]
        .into_iter()
        .map(|(transport, script)| server.command(transport, &session, &["sh", "-c", script]).spawn().unwrap())
        .collect();
    until_there(&server, "polite");
    until_there(&server, "deaf");
    let info = server.end(&session, &["--grace", "500ms"]);
    assert_eq!((info["state"].as_str(), info["end_reason"].as_str()), (Some("ended"), Some("ended")));
    let codes: Vec<_> = clients.into_iter().map(|client| client.wait_with_output().unwrap().status.code()).collect();
    assert_eq!(codes, [Some(11), Some(137)]);
    for transport in TRANSPORTS {
        let late = server.exec(transport, &session, &["true"]);
        assert_eq!(late.status.code(), Some(125));
        assert!(text(&late.stderr).contains("has ended (ended)"), "{}", text(&late.stderr));
    }
    assert!(server.cli("http", &["session", "end"], &[&session]).output().unwrap().status.code() == Some(125));
}

#[test]
fn a_server_that_is_told_to_stop_ends_its_sessions_on_record_and_tells_the_clients() {
    let server = Server::start();
    let (busy, idle) = (server.create(), server.create());
    let clients: Vec<_> = TRANSPORTS
        .into_iter()
        .map(|transport| {
            let script = format!("trap 'echo bye; exit 12' TERM; touch up-{transport}; while :; do sleep 0.02; done");
            server.command(transport, &busy, &["sh", "-c", &script]).spawn().unwrap()
        })
        .collect();
    for transport in TRANSPORTS {
        until_there(&server, &format!("up-{transport}"));
    }
    server.tell_to_stop();
    for client in clients {
        let output = client.wait_with_output().unwrap();
        assert_eq!((output.status.code(), text(&output.stdout).as_str()), (Some(12), "bye\n"), "{}", text(&output.stderr));
    }
    let (place, status) = server.wait();
    assert!(status.success());
    let ends = ends(&place);
    for session in [&busy, &idle] {
        assert_eq!(ends.iter().filter(|(id, ended)| id == session && ended.reason == "shutdown").count(), 1, "{ends:?}");
    }
    place.check_whole();
    let left = std::fs::read_dir(place.data().join("intakes")).unwrap().count();
    assert_eq!(left, 0, "the journal was closed");
    assert_eq!(std::fs::read_dir(place.data().join("sessions")).unwrap().count(), 0);
}

#[test]
fn a_server_that_is_killed_takes_its_commands_with_it_and_the_next_one_ends_its_sessions() {
    let server = Server::start();
    let session = server.create_with(&["--label", "kept=yes"]);
    let mark = format!("mark-{}", server.pid());
    let script = format!("touch up; while :; do sleep 0.02; done # {mark}");
    let mut client = server.command("http", &session, &["sh", "-c", &script]).spawn().unwrap();
    until_there(&server, "up");
    let inside = server.info(&session)["commands"][0]["pid"].as_u64().unwrap();
    let place = server.kill();
    assert_eq!(client.wait().unwrap().code(), Some(125), "the client is told that the connection broke");
    until("the command is gone", || !std::path::Path::new(&format!("/proc/{inside}")).exists() && !runs(&mark));
    for start in 1..=2 {
        let server = Server::start_on(place.again(), &[]);
        let info = server.info(&session);
        assert_eq!((info["state"].as_str(), info["end_reason"].as_str()), (Some("ended"), Some("recorder_died")), "{start}");
        assert_eq!(info["labels"], serde_json::json!(["kept=yes"]));
        let listed = server.list("http", &[]);
        assert!(listed.as_array().unwrap().iter().any(|listed| listed["id"] == session.as_str()), "{listed}");
        assert_eq!(server.list("grpc", &["--running"]).as_array().unwrap().len(), 0);
        let (_, status) = server.stop();
        assert!(status.success());
    }
    assert_eq!(ends(&place).iter().filter(|(id, _)| *id == session).count(), 1);
    place.check_whole();
    place.check_accounted();
}

#[test]
fn sessions_are_listed_newest_first_and_found_by_the_start_of_their_ids() {
    let server = Server::start();
    let created: Vec<String> = (0..5).map(|_| server.create()).collect();
    server.end(&created[0], &[]);
    for transport in TRANSPORTS {
        let listed = server.list(transport, &["--limit", "3"]);
        let ids: Vec<_> = listed.as_array().unwrap().iter().map(|session| session["id"].as_str().unwrap().to_owned()).collect();
        assert_eq!(ids, [created[4].clone(), created[3].clone(), created[2].clone()], "{transport}");
        assert_eq!(server.list(transport, &["--running"]).as_array().unwrap().len(), 4);
        // Times sort first, so all of these start alike.
        let ambiguous = server.cli(transport, &["session", "info"], &["s"]).output().unwrap();
        assert!(text(&ambiguous.stderr).contains("is the start of several sessions"), "{}", text(&ambiguous.stderr));
        let found = server.cli(transport, &["session", "info"], &[&created[2][..16]]).output().unwrap();
        assert!(text(&found.stdout).contains("policy"), "{}", text(&found.stderr));
    }
}

#[test]
fn a_signal_reaches_one_command_or_all_of_a_session() {
    let server = Server::start();
    let session = server.create();
    let spawn = |name: &str| {
        let script = format!("trap 'exit 21' USR1; touch {name}; while :; do sleep 0.02; done");
        server.command("http", &session, &["sh", "-c", &script]).spawn().unwrap()
    };
    let (mut first, mut second) = (spawn("first"), spawn("second"));
    until_there(&server, "first");
    until_there(&server, "second");
    let commands = server.info(&session)["commands"].clone();
    let find = |name: &str| {
        let mut all = commands.as_array().unwrap().iter();
        let found = all.find(|command| command["argv"][2].as_str().unwrap().contains(&format!("touch {name};"))).unwrap();
        found["id"].as_str().unwrap().to_owned()
    };
    let number = Signal::SIGUSR1 as i32;
    let body = format!("{{\"signal\":{number},\"command_id\":\"{}\"}}", find("first"));
    let send = |body: &str| {
        let length = body.len();
        server.raw(&format!(
            "POST /api/v1/sessions/{session}/signal HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
        ))
    };
    assert!(send(&body).1.contains("\"commands\":1"));
    assert_eq!(first.wait().unwrap().code(), Some(21));
    assert!(send(&format!("{{\"signal\":{number}}}")).1.contains("\"commands\":1"));
    assert_eq!(second.wait().unwrap().code(), Some(21));
    assert!(send("{\"signal\":0}").0.starts_with("HTTP/1.1 400"));
    assert!(send("{\"signal\":1,\"command_id\":\"c0\"}").0.starts_with("HTTP/1.1 404"));
}

#[test]
fn a_server_that_stops_does_not_wait_for_the_grace_that_a_client_gave_before() {
    let server = Server::start();
    let session = server.create();
    let deaf = "trap '' TERM; touch up; while :; do sleep 0.02; done";
    let command = server.command("http", &session, &["sh", "-c", deaf]).spawn().unwrap();
    until_there(&server, "up");
    let patient = server.cli("grpc", &["session", "end"], &[session.as_str(), "--grace", "1h"]).spawn().unwrap();
    until("the session is ending", || server.exec("grpc", &session, &["true"]).status.code() == Some(125));
    let (place, status) = server.stop();
    assert!(status.success());
    assert_eq!(command.wait_with_output().unwrap().status.code(), Some(137));
    patient.wait_with_output().unwrap();
    assert!(ends(&place).iter().any(|(id, ended)| *id == session && ended.reason == "ended"), "its end is on record");
    assert_eq!(std::fs::read_dir(place.data().join("intakes")).unwrap().count(), 0, "the journal was closed");
    place.check_whole();
}

#[test]
fn a_timeout_of_nothing_is_never_and_a_grace_of_nothing_kills_at_once_over_both_transports() {
    let server = Server::start_with(&[("AGENTSH_SESSIONS__HARD_TIMEOUT", "2h"), ("AGENTSH_SESSIONS__GRACE", "10m")]);
    for transport in TRANSPORTS {
        let create = |options: &[&str]| {
            let output = server.cli(transport, &["session", "create"], options).output().unwrap();
            assert!(output.status.success(), "{}", text(&output.stderr));
            text(&output.stdout).trim().to_owned()
        };
        let never = server.info(&create(&["--idle-timeout", "0s", "--hard-timeout", "0s"]));
        assert_eq!((&never["idle_timeout_ms"], &never["hard_timeout_ms"]), (&0.into(), &0.into()), "{transport}");
        let usual = server.info(&create(&[]));
        assert_eq!((&usual["idle_timeout_ms"], &usual["hard_timeout_ms"]), (&1_800_000.into(), &7_200_000.into()));
        let session = create(&[]);
        let mark = format!("deaf-{transport}");
        let deaf = format!("trap '' TERM; touch {mark}; while :; do sleep 0.02; done");
        let command = server.command(transport, &session, &["sh", "-c", &deaf]).spawn().unwrap();
        until_there(&server, &mark);
        let ended = server.cli(transport, &["session", "end"], &[session.as_str(), "--grace", "0s"]).output().unwrap();
        assert!(ended.status.success(), "{}", text(&ended.stderr));
        assert_eq!(command.wait_with_output().unwrap().status.code(), Some(137), "{transport}");
    }
}
