//! Tests: detect: ids that ATT&CK has retired, in questions: the command line and gRPC find what is stored under the new id and answer with it.

use agentsh::encode::proto::{EventFilter, QueryRequest};
use agentsh::serve::auth::{KeyFile, Role};
use serde_json::Value;
use tonic::Code;

use super::rig::{Rig, about, at, starts};
use crate::grpc::rig::{Process, events, make_key, runtime};

/// A detection by a rule with an old tag, one of a technique that stayed, and one of a technique that moved out of another.
fn seen() -> Rig {
    let rig = Rig::new();
    rig.add("off.yml", &about("off", "setenforce", "tags: [attack.t1562.001]\n"));
    rig.add("shell.yml", &about("shell", "sh", "tags: [attack.t1059.004]\n"));
    rig.add("logs.yml", &about("logs", "shred", "tags: [attack.t1070.002]\n"));
    rig.import("a.jsonl", &starts(&[at(0.0, "setenforce 0"), at(1.0, "sh -c x"), at(2.0, "shred x"), at(3.0, "true")]));
    assert_eq!(rig.titles(), ["off", "shell", "logs"]);
    rig
}

/// Question and answer: the techniques of what is found.
const ASKED: &[(&str, &[&str])] = &[
    // `T1685` with its sub-techniques, as for any id.
    ("T1562.001", &["T1685", "T1685.006"]),
    ("t1562.001", &["T1685", "T1685.006"]),
    ("T1562", &["T1685", "T1685.006"]),
    ("T1685", &["T1685", "T1685.006"]),
    ("T1070.002", &["T1685.006"]),
    ("T1070", &["T1685.006"]),
    ("T1562.004", &[]),
    ("T1562.002", &[]),
    ("T1059", &["T1059.004"]),
    ("T1059.004", &["T1059.004"]),
    ("T1059.001", &[]),
];

const UNKNOWN: &[(&str, &str)] = &[
    ("T9999", "ATT&CK v19 has no technique T9999, and neither had v18"),
    ("T1562.0011", "ATT&CK v19 has no technique T1562.0011, and neither had v18; did you mean T1685 (Disable or Modify Tools)?"),
    ("T1059.40", "did you mean T1059.004 (Command and Scripting Interpreter: Bash)?"),
];

#[test]
fn the_command_line_takes_retired_ids_and_answers_with_todays() {
    let rig = seen();
    for (asked, expected) in ASKED {
        let out = rig.ok(&["events", "--technique", asked, "--format", "jsonl"]);
        let found: Vec<Value> = out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let of: Vec<&str> = found.iter().map(|event| event["attack"][0].as_str().unwrap()).collect();
        assert_eq!(of, *expected, "{asked}");
        assert!(found.iter().all(|event| event["payload"]["techniques"] == event["attack"]), "{asked}: {out}");
        let table = rig.ok(&["events", "--technique", asked]);
        assert!(expected.iter().all(|id| table.contains(id)) && !table.contains("T1562"), "{asked}: {table}");
    }
    for (asked, said) in UNKNOWN {
        let (code, out, err) = rig.agentsh(&["events", "--technique", asked]);
        assert_eq!((code, out.as_str()), (125, ""), "{asked}");
        assert!(err.starts_with("error: ") && err.contains("--technique") && err.contains(said), "{asked}: {err}");
    }
}

#[test]
fn grpc_takes_retired_ids_and_answers_with_todays() {
    let rig = seen();
    let key = make_key(&KeyFile::at(rig.data().join("keys/api.json")), "ann", &[Role::Auditor], None);
    let server = Process::start(&rig.data(), &[], &[("AGENTSH_DETECT__BUILT_IN", "false")]);
    let ask = |techniques: &[&str]| {
        let filter = EventFilter { techniques: techniques.iter().map(|id| (*id).to_owned()).collect(), ..EventFilter::default() };
        let request = QueryRequest { filter: Some(filter), ..QueryRequest::default() };
        runtime().block_on(async {
            let answer = events(server.grpc(), Some(&key)).await.query(request).await?.into_inner();
            Ok::<_, tonic::Status>(answer.events.into_iter().flat_map(|event| event.attack).collect::<Vec<String>>())
        })
    };
    for (asked, expected) in ASKED {
        assert_eq!(ask(&[asked]).unwrap(), *expected, "{asked}");
    }
    assert_eq!(ask(&["T1562.001", "T1059.004"]).unwrap(), ["T1685", "T1059.004", "T1685.006"], "an or of both");
    for (asked, said) in UNKNOWN {
        let status = ask(&["T1059", asked]).unwrap_err();
        assert_eq!(status.code(), Code::InvalidArgument, "{asked}");
        assert!(status.message().starts_with("filter.techniques: ") && status.message().contains(said), "{asked}: {status:?}");
    }
}
