//! How two sessions differ.

use agentsh::cli::output::Exit;
use agentsh::event::*;

use super::told::{Tale, ask, exec};
use crate::golden::assert_current;
use crate::readers::recorded::{Recorded, record};

/// A build in a folder of its own, with process ids and a file in `/tmp` of its own.
fn build(tale: &mut Tale<'_>, workspace: &str, pid: u32, temporary: &str) {
    tale.then(SessionCreated { workspace: workspace.into(), ..SessionCreated::default() });
    let out = format!("/tmp/{temporary}.o");
    tale.by(pid, 1, "/usr/bin/cc").judged(exec("/usr/bin/cc", &["cc", "-o", &out, &pid.to_string()]), Decision::Allow, "tools");
    tale.judged(FileCreate { path: format!("{workspace}/a.out").into(), ..FileCreate::default() }, Decision::Allow, "workspace");
    tale.judged(NetConnect { host: Some("mirror.test".into()), port: 443, ..NetConnect::default() }, Decision::Allow, "mirror");
}

fn two(other: impl FnOnce(&mut Tale<'_>)) -> Recorded {
    record(|scribe| {
        let mut first = Tale::new(scribe, "s-first");
        build(&mut first, "/home/one/work", 4_711, "ccAb12Xy");
        first.then(ProcessExit { exit_code: Some(0), ..ProcessExit::default() });
        let mut second = Tale::new(scribe, "s-second");
        // Ids follow from number and time: another session's are others.
        second.later(3_600_000);
        build(&mut second, "/home/two/elsewhere", 5_222, "cc9ZqP0k");
        other(&mut second);
    })
}

#[test]
fn what_always_differs_is_no_difference() {
    let recorded = two(|tale| {
        tale.then(ProcessExit { exit_code: Some(0), ..ProcessExit::default() });
    });
    let (text, exit) = ask(&recorded.data_dir, "--diff s-first s-second");
    assert_eq!((text.as_str(), exit), ("- s-first\n+ s-second\n\nboth did the same\n", Exit::Done));
    assert_eq!(ask(&recorded.data_dir, "--diff s-first s-first").1, Exit::Done);
}

#[test]
fn what_one_did_and_the_other_did_not_is_told_sorted_and_ends_with_1() {
    let recorded = two(|tale| {
        tale.then(ProcessExit { exit_code: Some(2), ..ProcessExit::default() });
        tale.by(5_300, 5_222, "/usr/bin/curl").then(exec("/usr/bin/curl", &["curl", "http://paste.test/"]));
        tale.judged(FileOpen { path: "/etc/shadow".into(), ..FileOpen::default() }, Decision::Deny, "no-secrets");
        tale.then(FileOpen { path: "/etc/hosts".into(), ..FileOpen::default() });
        let request = tale.then(HttpRequest {
            method: "GET".into(),
            scheme: "http".into(),
            host: "paste.test".into(),
            port: 80,
            path: "/x".into(),
            ..HttpRequest::default()
        });
        tale.answer(HttpResponse { status: Some(200), ..HttpResponse::default() }, Some(request));
        tale.then(FileDelete { path: "/home/two/elsewhere/notes".into(), ..FileDelete::default() });
        tale.then(Detection { title: "Odd upload".into(), level: "high".into(), ..Detection::default() });
    });
    let (text, exit) = ask(&recorded.data_dir, "--diff s-first s-second");
    assert_eq!(exit, Exit::NotInOrder);
    assert_current("tests/golden/replay/diff.txt", &text);
    let (json, exit) = ask(&recorded.data_dir, "--diff s-first s-second --json");
    assert_eq!(exit, Exit::NotInOrder);
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["same"], false);
    assert_eq!(json["differences"]["refusals"]["only_after"]["file_open /etc/shadow by no-secrets"], 1);
    assert_eq!(json["differences"]["reads_outside"]["only_after"]["/etc/hosts"], 1);
    assert_eq!(json["differences"]["reads_outside"]["only_after"]["/etc/shadow"], serde_json::Value::Null, "it was refused");
    let (turned, _) = ask(&recorded.data_dir, "--diff s-second s-first --json");
    let turned: serde_json::Value = serde_json::from_str(&turned).unwrap();
    assert_eq!(turned["differences"]["hosts"], json["differences"]["hosts"]);
    assert_eq!(turned["differences"]["processes"]["only_before"], json["differences"]["processes"]["only_after"]);
}
