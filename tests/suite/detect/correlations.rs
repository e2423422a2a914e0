//! Tests: detect: correlations over the whole product: added with `detect rules add`, fed by an import or a sensor, over the past by a backfill.

use agentsh::encode::proto;
use agentsh::serve::auth::{KeyFile, Role};

use super::rig::{Found, Rig, Start, about, at, detections, starts};
use crate::grpc::ingest::Sensor;
use crate::grpc::rig::{Process, make_key, runtime};
use crate::support::{sqlite3, until};

/// Correlations of each kind over three rules, a minute each.
fn rules() -> String {
    let correlation = |title: &str, kind: &str, rules: &str, condition: &str| {
        format!(
            "---\ntitle: {title}\nid: corr-{title}\ncorrelation:\n  type: {kind}\n  rules: [{rules}]\n  group-by: [User]\n  \
             timespan: 1m\n{condition}level: high\n"
        )
    };
    [
        about("asks", "id", "name: asks\n"),
        "---\n".to_owned() + &about("fetches", "curl", "name: fetches\n"),
        "---\n".to_owned() + &about("makes-executable", "chmod", "name: makes\n"),
        correlation("count", "event_count", "asks", "  condition: {gte: 3}\n"),
        correlation("values", "value_count", "asks", "  condition: {gte: 3, field: CommandLine}\n"),
        correlation("together", "temporal", "fetches, makes", ""),
        correlation("in-order", "temporal_ordered", "fetches, makes", ""),
    ]
    .concat()
}

fn with_rules() -> Rig {
    let rig = Rig::new();
    let added = rig.add("several.yml", &rules());
    assert_eq!((&added["rules"], &added["faults"]), (&7.into(), &serde_json::json!([])), "{added}");
    rig
}

/// The titles of what fires on programs that are started in one session.
#[track_caller]
fn check(rig: &Rig, name: &str, programs: &[Start], expected: &[&str]) {
    let session = rig.import(&format!("{name}.jsonl"), &starts(programs));
    let of_session = rig.detections().into_iter().filter(|found| found.session == session);
    let mut titles: Vec<String> = of_session.map(|found| found.title).collect();
    titles.sort();
    assert_eq!(titles, expected, "{name}: {programs:?}");
}

#[test]
fn each_kind_fires_at_its_threshold_and_not_below_nor_out_of_its_time_nor_out_of_order() {
    let rig = with_rules();
    let is = |name: &str, programs: &[Start], expected: &[&str]| check(&rig, name, programs, expected);
    // event_count: the same command three times.
    is("two", &[at(0.0, "id"), at(1.0, "id")], &[]);
    is("three", &[at(0.0, "id"), at(1.0, "id"), at(2.0, "id")], &["count"]);
    is("just-in-time", &[at(0.0, "id"), at(1.0, "id"), at(59.0, "id")], &["count"]);
    is("too-late", &[at(0.0, "id"), at(1.0, "id"), at(61.5, "id")], &[]);
    is("sliding", &[at(0.0, "id"), at(30.0, "id"), at(61.5, "id"), at(62.0, "id")], &["count"]);
    let by_another = Start { user: 1001, ..at(2.0, "id") };
    is("of-two-users", &[at(0.0, "id"), at(1.0, "id"), by_another], &[]);
    // value_count: three commands that differ, which are three events too.
    is("values", &[at(0.0, "id -u"), at(1.0, "id -g"), at(2.0, "id -n")], &["count", "values"]);
    is("two-values", &[at(0.0, "id -u"), at(1.0, "id -g"), at(2.0, "id -u")], &["count"]);
    is("values-too-late", &[at(0.0, "id -u"), at(1.0, "id -g"), at(61.5, "id -n")], &[]);
    // temporal and temporal_ordered.
    is("in-order", &[at(0.0, "curl x"), at(1.0, "chmod +x x")], &["in-order", "together"]);
    is("out-of-order", &[at(0.0, "chmod +x x"), at(1.0, "curl x")], &["together"]);
    is("one-of-two", &[at(0.0, "curl x"), at(1.0, "curl x")], &[]);
    is("far-apart", &[at(0.0, "curl x"), at(61.5, "chmod +x x")], &[]);
    let by_another = Start { user: 1001, ..at(1.0, "chmod +x x") };
    is("together-of-two-users", &[at(0.0, "curl x"), by_another], &[]);
}

#[test]
fn sessions_do_not_add_up() {
    let rig = with_rules();
    check(&rig, "first", &[at(0.0, "id -u"), at(1.0, "id -g"), at(2.0, "curl x")], &[]);
    check(&rig, "second", &[at(3.0, "id -n"), at(4.0, "chmod +x x")], &[]);
    // The counter-example: the same in one session.
    let all = [at(0.0, "id -u"), at(1.0, "id -g"), at(2.0, "curl x"), at(3.0, "id -n"), at(4.0, "chmod +x x")];
    check(&rig, "both", &all, &["count", "in-order", "together", "values"]);
}

#[test]
fn g6_a_backfill_finds_what_would_have_been_found_live_with_the_same_ids_and_only_once() {
    let programs =
        [at(0.0, "id -u"), at(1.0, "curl x"), at(2.0, "id -g"), at(3.0, "chmod +x x"), at(4.0, "id -n"), at(100.0, "id -a")];
    let live = with_rules();
    live.import("programs.jsonl", &starts(&programs));
    let late = Rig::new();
    // The same file: ids of imported events follow from it.
    let file = std::fs::read_to_string(live.folder.path().join("programs.jsonl")).unwrap();
    let session = late.import("programs.jsonl", &file);
    assert_eq!(late.detections(), []);
    late.add("several.yml", &rules());
    let backfill = |more: &[&str]| {
        let done = late.json(&[&["detect", "backfill", "--json"], more].concat());
        (done["found"].as_u64().unwrap(), done["appended"].as_u64().unwrap())
    };
    assert_eq!(backfill(&["--rule", "corr-count"]), (1, 1), "only the rule that was named");
    assert_eq!(backfill(&["--session", &session]), (4, 3));
    assert_eq!(backfill(&[]), (4, 0), "a second time adds nothing");
    let sorted = |rig: &Rig| {
        let mut found = rig.detections();
        found.sort();
        found
    };
    assert_eq!(sorted(&live).len(), 4);
    assert_eq!(sorted(&live), sorted(&late));
    assert_eq!(late.agentsh(&["verify"]).0, 0);
}

#[test]
fn a_backfill_for_a_rule_that_is_not_there_is_refused() {
    let rig = with_rules();
    rig.import("one.jsonl", &starts(&[at(0.0, "id")]));
    let (code, out, error) = rig.agentsh(&["detect", "backfill", "--rule", "corr-cuont"]);
    assert_eq!((code, out.as_str()), (125, ""));
    assert!(error.contains("`corr-cuont`") && error.contains("agentsh detect rules list"), "{error}");
}

/// A program that a sensor tells of.
fn told(session: &str, argv: &[&str], micros: i64) -> proto::Event {
    let exec = proto::ProcessExec {
        path: format!("/usr/bin/{}", argv[0]),
        argv: argv.iter().map(|word| (*word).to_owned()).collect(),
        ..proto::ProcessExec::default()
    };
    proto::Event {
        time_us: micros,
        session_id: Some(session.to_owned()),
        actor: Some(proto::Actor { pid: 77, uid: Some(1000), ..proto::Actor::default() }),
        kind: proto::Kind::ProcessExec.into(),
        payload: Some(proto::event::Payload::ProcessExec(exec)),
        ..proto::Event::default()
    }
}

#[test]
fn g5_what_was_counted_survives_a_kill_of_the_server_and_is_the_session_s_own() {
    let rig = with_rules();
    let key = make_key(&KeyFile::at(rig.data().join("keys/api.json")), "edge-7", &[Role::Sensor], None);
    let server = || Process::start(&rig.data(), &[], &[("AGENTSH_DETECT__BUILT_IN", "false")]);
    let tell = |server: &Process, first: u64, events: Vec<proto::Event>| {
        let last = first + u64::try_from(events.len()).unwrap() - 1;
        runtime().block_on(async {
            let (mut sensor, welcome) = Sensor::open(server.grpc(), &key).await.unwrap();
            assert_eq!(welcome.acked_sequence + 1, first);
            sensor.batch(first, events).await;
            sensor.acked(last).await.unwrap();
        });
    };
    let second = 1_000_000;
    let before = server();
    tell(
        &before,
        1,
        vec![
            told("build", &["id", "-u"], second),
            told("build", &["id", "-g"], 2 * second),
            told("build", &["curl", "x"], 3 * second),
            told("other", &["id", "-u"], second),
        ],
    );
    // The detector has looked at all of it and said so: nothing is looked at again after the kill.
    let journal = rig.data().join("journal.db");
    let last = || sqlite3(&journal, "SELECT max(seq) FROM events WHERE kind = 'process_exec'").parse::<u64>().unwrap();
    let cursor = || sqlite3(&journal, "SELECT coalesce(max(seq), 0) FROM cursors WHERE name = 'detect'").parse::<u64>().unwrap();
    until("the detector is done", || cursor() >= last());
    before.signal(nix::sys::signal::Signal::SIGKILL);
    drop(before);
    assert_eq!(detections(&rig.data()), []);

    let after = server();
    tell(
        &after,
        5,
        vec![
            told("other", &["id", "-n"], 4 * second),
            told("other", &["chmod", "+x", "x"], 5 * second),
            told("build", &["id", "-n"], 4 * second),
            told("build", &["chmod", "+x", "x"], 5 * second),
        ],
    );
    until("the four are found", || detections(&rig.data()).len() >= 4);
    until("the detector is done", || cursor() >= last());
    let mut found = detections(&rig.data());
    found.sort();
    let titles: Vec<&str> = found.iter().map(|found| found.title.as_str()).collect();
    assert_eq!(titles, ["count", "in-order", "together", "values"]);
    assert!(found.iter().all(|found: &Found| found.session == "edge-7/build"), "{found:?}");
    assert_eq!(found[0].events, 3, "also those before the kill are named");
}
