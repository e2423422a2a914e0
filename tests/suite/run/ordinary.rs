//! What an ordinary command leaves in the journal.

use agentsh::event::{Decision, Kind, LayerState, Payload};

use super::support::{Place, text};

#[test]
fn a_commands_output_and_exit_code_pass_through_and_it_is_recorded() {
    let place = Place::new();
    let output = place.shell("echo out; echo err >&2; echo text > made; cat made; mv made kept; rm kept; exit 42");
    assert_eq!(output.status.code(), Some(42));
    assert_eq!(text(&output.stdout), "out\ntext\n");
    assert!(text(&output.stderr).starts_with("err\n"), "{}", text(&output.stderr));

    let workspace = place.workspace();
    let path = |name: &str| workspace.join(name).display().to_string();
    let made = |kind| place.subjects(kind);
    let layers_with_files = fuse_is_enforcing(&place);
    if layers_with_files {
        assert_eq!(made(Kind::FileCreate), [path("made")]);
        assert_eq!(made(Kind::FileOpen), [path("made")]);
        assert_eq!(made(Kind::FileRename), [path("made")]);
        assert_eq!(made(Kind::FileDelete), [path("kept")]);
        let closes = place.events_of(Kind::FileClose);
        let written: u64 = closes
            .iter()
            .map(|event| if let Payload::FileClose(close) = &event.event.payload { close.bytes_written } else { 0 })
            .sum();
        assert_eq!(written, 5);
    } else {
        eprintln!("skipped: file events: the workspace cannot be mounted here");
    }
    let finished = place.events_of(Kind::CommandFinished);
    let Payload::CommandFinished(finished) = &finished[0].event.payload else { panic!("{finished:?}") };
    assert_eq!(finished.exit_code, 42);
    assert!(finished.statistics.wall_time_us.is_some_and(|time| time > 0));
    place.check_whole();
    place.check_accounted();
}

fn fuse_is_enforcing(place: &Place) -> bool {
    let reports = place.events_of(Kind::CapabilityReport);
    let Payload::CapabilityReport(report) = &reports[0].event.payload else { panic!("{reports:?}") };
    report.layers.iter().any(|layer| layer.layer.as_str() == "fuse" && layer.state == LayerState::Enforcing)
}

#[test]
fn g10_every_session_says_which_layer_does_what_before_its_command_starts() {
    let place = Place::new();
    place.run(&["true"]);
    let events = place.events();
    let position = |kind| events.iter().position(|event| event.kind == kind).unwrap_or_else(|| panic!("no {kind:?}"));
    assert!(position(Kind::SessionCreated) < position(Kind::CapabilityReport));
    assert!(position(Kind::CapabilityReport) < position(Kind::CommandStarted));
    let Payload::CapabilityReport(report) = &events[position(Kind::CapabilityReport)].event.payload else { panic!() };
    let mut layers: Vec<&str> = report.layers.iter().map(|layer| layer.layer.as_str()).collect();
    layers.sort_unstable();
    assert_eq!(
        layers,
        ["confinement", "dns", "exec", "fuse", "limits", "outside_files", "proxy", "registry", "transparent", "unix_socket"],
        "each layer is reported once"
    );
    for layer in report.layers.iter().filter(|layer| layer.state != LayerState::Enforcing) {
        assert!(layer.reason.is_some(), "{layer:?} does not say why");
    }
}

#[test]
fn a_refused_file_operation_gives_eacces_and_leaves_nothing_behind() {
    let place = Place::new();
    std::fs::create_dir(place.workspace().join(".ssh")).unwrap();
    std::fs::write(place.workspace().join(".ssh/id_rsa"), "key").unwrap();
    let output = place.shell("cat .ssh/id_rsa; echo x > .bashrc; ls -A");
    if !fuse_is_enforcing(&place) {
        eprintln!("skipped: refused file operations: the workspace cannot be mounted here");
        return;
    }
    assert_eq!(text(&output.stdout), ".ssh\n", "neither the key's content nor a new file");
    assert!(text(&output.stderr).contains("Permission denied"));
    assert!(!place.workspace().join(".bashrc").exists());
    let denied: Vec<String> = place
        .events_of(Kind::PolicyDecision)
        .iter()
        .filter_map(|event| match &event.event.payload {
            Payload::PolicyDecision(decision) if decision.decision == Decision::Deny => decision.subject.clone(),
            _ => None,
        })
        .collect();
    assert!(denied.contains(&place.workspace().join(".ssh/id_rsa").display().to_string()), "{denied:?}");
    assert!(denied.contains(&place.workspace().join(".bashrc").display().to_string()), "{denied:?}");
}

#[test]
fn a_refused_command_exits_with_126_and_says_which_rule() {
    let place = Place::new();
    let policy = place.folder().join("policy.yaml");
    std::fs::write(
        &policy,
        "version: 1\nname: no-ls\ncommand_rules:\n  - name: no-listing\n    commands: [ls]\n    decision: deny\n    message: not here\n",
    )
    .unwrap();
    let policy = policy.display().to_string();
    let output = place.command_with(&["--policy", &policy], &["ls"]).output().unwrap();
    assert_eq!(output.status.code(), Some(126));
    assert!(text(&output.stderr).contains("no-listing"), "{}", text(&output.stderr));
    let output = place.command_with(&["--policy", &policy], &["sh", "-c", "ls"]).output().unwrap();
    assert_eq!(output.status.code(), Some(126), "a shell passes the refusal of what it starts on");
    assert_eq!(text(&output.stdout), "");
    place.check_whole();
    place.check_accounted();
}

#[test]
fn a_web_request_goes_through_the_proxy_and_a_refused_one_gets_403_with_the_rule() {
    let place = Place::new();
    let site = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = site.local_addr().unwrap();
    let server = std::thread::spawn(move || {
        use std::io::{Read as _, Write as _};
        let (mut stream, _) = site.accept().unwrap();
        let mut request = [0; 4096];
        let _ = stream.read(&mut request).unwrap();
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello").unwrap();
    });
    let output =
        place.shell(&format!("curl -s http://{address}/x; curl -s -o /dev/null -w ' %{{http_code}}' http://collector.example/"));
    server.join().unwrap();
    assert_eq!(text(&output.stdout), "hello 403", "{}", text(&output.stderr));
    let statuses: Vec<_> = place
        .events_of(Kind::HttpResponse)
        .into_iter()
        .filter_map(|event| if let Payload::HttpResponse(response) = event.event.payload { response.status } else { None })
        .collect();
    assert!(statuses.contains(&200), "{statuses:?}");
    let closes = place.events_of(Kind::NetClose);
    let Payload::NetClose(close) = &closes[0].event.payload else { panic!() };
    assert_eq!((close.address, close.port), (Some(address.ip()), address.port()));
    assert!(place.events_of(Kind::DnsQuery).is_empty(), "a refused name is not resolved");
    place.check_accounted();
}

#[test]
fn the_json_summary_is_one_object_on_stderr() {
    let place = Place::new();
    let output = place.command_with(&["--json"], &["true"]).output().unwrap();
    let summary: serde_json::Value = serde_json::from_slice(&output.stderr).unwrap();
    assert_eq!(summary["exit_code"], 0);
    assert_eq!(summary["denied"], 0);
    assert!(summary["events"].as_u64().is_some_and(|events| events > 5));
    let output = place.command_with(&["--quiet"], &["true"]).output().unwrap();
    assert_eq!(text(&output.stderr), "");
}
