//! A command's streams: every byte, in order, with back pressure; its exit code and signals.

use std::process::Stdio;

use nix::sys::signal::Signal;

use super::rig::{Server, TRANSPORTS, signal, until_there};
use crate::run::support::text;
use crate::support::until;

/// Bytes that compress badly and repeat never.
fn noise(length: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(length);
    bytes
}

#[test]
fn ten_mebibytes_pass_both_ways_unchanged_over_both_transports() {
    let server = Server::start();
    let session = server.create();
    let input = noise(10 << 20);
    for transport in TRANSPORTS {
        let output = server.exec_with(transport, &session, &["cat"], &input);
        assert_eq!(output.status.code(), Some(0), "{transport}: {}", text(&output.stderr));
        assert!(output.stdout == input, "{transport}: {} bytes of {}", output.stdout.len(), input.len());
        assert_eq!(text(&output.stderr), "", "{transport}");
    }
}

#[test]
fn standard_output_and_standard_error_keep_apart_and_in_order() {
    let server = Server::start();
    let session = server.create();
    let script = "i=0; while [ $i -lt 500 ]; do echo out $i; echo err $i >&2; i=$((i+1)); done";
    for transport in TRANSPORTS {
        let output = server.exec(transport, &session, &["sh", "-c", script]);
        let lines = |name: &str| (0..500).map(|i| format!("{name} {i}\n")).collect::<String>();
        assert!(text(&output.stdout) == lines("out") && text(&output.stderr) == lines("err"), "{transport}");
    }
}

#[test]
fn the_end_of_standard_input_reaches_the_command_and_a_command_may_not_care() {
    let server = Server::start();
    let session = server.create();
    for transport in TRANSPORTS {
        assert_eq!(text(&server.exec_with(transport, &session, &["wc", "-c"], b"12345").stdout).trim(), "5");
        assert_eq!(text(&server.exec_with(transport, &session, &["wc", "-c"], b"").stdout).trim(), "0");
        // More than the pipes and queues hold, and nobody reads it.
        let output = server.exec_with(transport, &session, &["sh", "-c", "exec <&-; echo done"], &noise(2 << 20));
        assert_eq!((output.status.code(), text(&output.stdout).as_str()), (Some(0), "done\n"), "{transport}");
    }
}

#[test]
fn exit_codes_are_the_commands_own_and_those_of_run() {
    let server = Server::start();
    let session = server.create();
    let check = |argv: &[&str], code: i32, says: &str| {
        for transport in TRANSPORTS {
            let output = server.exec(transport, &session, argv);
            assert_eq!(output.status.code(), Some(code), "{transport} {argv:?}: {}", text(&output.stderr));
            assert!(text(&output.stderr).contains(says), "{transport} {argv:?}: {}", text(&output.stderr));
        }
    };
    check(&["true"], 0, "");
    check(&["sh", "-c", "exit 3"], 3, "");
    check(&["sh", "-c", "kill -TERM $$"], 143, "");
    check(&["no-such-program"], 127, "not found");
    check(&["sh", "-c", "exit 255"], 255, "");
    for transport in TRANSPORTS {
        let refused = server.exec(transport, &session, &["su", "-c", "true"]);
        if refused.status.code() == Some(127) {
            eprintln!("skipped: the refusal of `su`: it is not installed");
        } else {
            assert_eq!(refused.status.code(), Some(126), "{}", text(&refused.stderr));
            assert!(text(&refused.stderr).contains("refused by rule"), "{}", text(&refused.stderr));
        }
    }
}

#[test]
fn a_signal_to_the_client_is_the_commands() {
    let server = Server::start();
    let session = server.create();
    for transport in TRANSPORTS {
        let script = format!("trap 'echo caught; exit 7' INT; touch ready-{transport}; while :; do sleep 0.05; done");
        let client = server.command(transport, &session, &["sh", "-c", &script]).spawn().unwrap();
        until_there(&server, &format!("ready-{transport}"));
        // The client learns of the command as it starts; what comes before that waits for it.
        signal(client.id(), Signal::SIGINT);
        let output = client.wait_with_output().unwrap();
        assert_eq!((output.status.code(), text(&output.stdout).as_str()), (Some(7), "caught\n"), "{transport}");
    }
}

#[test]
fn environment_working_directory_and_trace_reach_the_command_and_the_record() {
    let server = Server::start();
    let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let session = server.create_with(&["--traceparent", trace]);
    std::fs::create_dir(server.place.workspace().join("sub")).unwrap();
    for transport in TRANSPORTS {
        let rest = ["--env", "A=b c", "--cwd", "sub", "--traceparent", trace, &session, "--", "sh", "-c"];
        let mut command = server.cli(transport, &["exec"], &rest);
        let output =
            command.arg("echo \"$A|$TRACEPARENT|$(basename \"$PWD\")|$AGENTSH_API_KEY\"").env("AGENTSH_API_KEY", "").output();
        let output = output.unwrap();
        let said = text(&output.stdout);
        let parts: Vec<&str> = said.trim_end().split('|').collect();
        assert_eq!((parts[0], parts[2], parts[3]), ("b c", "sub", ""), "{transport}: {said} {}", text(&output.stderr));
        // The command's own span, in the caller's trace.
        assert!(parts[1].starts_with(&trace[..36]) && parts[1] != trace, "{said}");
    }
    let (place, status) = server.stop();
    assert!(status.success());
    let with_trace = |kind| {
        let events = place.events_of(kind).into_iter();
        events.filter(|event| serde_json::to_string(&event.event.payload).unwrap().contains(trace)).count()
    };
    assert_eq!(with_trace(agentsh::event::Kind::SessionCreated), 1);
    assert_eq!(with_trace(agentsh::event::Kind::CommandStarted), 2);
}

/// Resident memory of a process in bytes.
fn resident(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().strip_suffix(" kB").unwrap().parse::<u64>().unwrap() * 1_024
}

#[test]
fn a_client_that_does_not_read_stops_its_command_and_nothing_else() {
    let server = Server::start();
    let (stopped, other) = (server.create(), server.create());
    for transport in TRANSPORTS {
        let counter = server.place.folder().join(format!("count-{transport}"));
        let script = format!("i=0; while :; do head -c 65536 /dev/zero; i=$((i+1)); echo $i > {}; done", counter.display());
        let before = resident(server.pid());
        let mut client = server.command(transport, &stopped, &["sh", "-c", &script]).stdout(Stdio::piped()).spawn().unwrap();
        let written = || std::fs::read_to_string(&counter).ok().and_then(|count| count.trim().parse::<u64>().ok()).unwrap_or(0);
        // It stands still once the same number is seen while another session's commands come and go.
        until("the command waits for its reader", || {
            let seen = written();
            let others: Vec<String> = (0..3).map(|_| text(&server.exec(transport, &other, &["echo", "x"]).stdout)).collect();
            assert_eq!(others, ["x\n", "x\n", "x\n"]);
            seen > 0 && written() == seen
        });
        assert!(written() < 256, "{transport}: {} times 64 KiB went nowhere", written());
        let grown = resident(server.pid()).saturating_sub(before);
        assert!(grown < 64 << 20, "{transport}: the server has grown by {grown} bytes");
        client.kill().unwrap();
        client.wait().unwrap();
        until("the command of a client that is gone has ended", || server.is_idle(&stopped));
    }
}

#[test]
fn a_client_that_goes_away_takes_its_command_with_it() {
    let server = Server::start();
    let session = server.create();
    for transport in TRANSPORTS {
        let script = format!("touch here-{transport}; exec sleep 1000");
        let mut client = server.command(transport, &session, &["sh", "-c", &script]).spawn().unwrap();
        until_there(&server, &format!("here-{transport}"));
        assert!(!server.is_idle(&session));
        client.kill().unwrap();
        client.wait().unwrap();
        until("the command has ended", || server.is_idle(&session));
    }
}
