//! `agentsh events --format ocsf`: a record a line, with the machine that the session ran on.

use agentsh::encode::ocsf::to_json_on;
use agentsh::event::{JournaledEvent, SessionCreated};
use serde_json::Value;

use super::records::read_back;
use super::schemas::Schemas;
use crate::readers::recorded::{RECORDED, ask, record};

fn records(lines: &str) -> Vec<Value> {
    lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn the_command_line_prints_a_record_for_each_event() {
    let schemas = Schemas::load("the_command_line_prints_a_record_for_each_event (against the schemas)");
    let records = records(&ask(&RECORDED.data_dir, "--format ocsf").unwrap());
    let events = ask(&RECORDED.data_dir, "--format jsonl").unwrap();
    assert_eq!(records.len(), events.lines().count());
    for (place, record) in (1..).zip(&records) {
        assert_eq!(record["metadata"]["sequence"], place, "one gapless order");
        let event: JournaledEvent = read_back(record);
        let host = record["device"]["hostname"].as_str().unwrap();
        assert_eq!(&to_json_on(&event, host), record);
        if let Some(schemas) = &schemas {
            assert_eq!(schemas.errors(record), Vec::<String>::new(), "{record:#}");
        }
    }
    let denied = ask(&RECORDED.data_dir, "--format ocsf --kind policy_decision --decision deny").unwrap();
    for line in denied.lines() {
        assert_eq!(serde_json::from_str::<Value>(line).unwrap()["disposition"], "Blocked");
    }
    assert!(!denied.is_empty());
    assert_eq!(ask(&RECORDED.data_dir, "--format ocsf --pid 1").unwrap(), "");
}

#[test]
fn every_record_of_a_session_names_the_machine_that_it_ran_on() {
    let recorded = record(|scribe| {
        scribe.session(Some("s1"));
        scribe.observe(SessionCreated { hostname: "build-7.test".to_owned(), ..SessionCreated::default() }, None);
        scribe.observe(agentsh::event::FileDelete { path: "/a".into(), ..agentsh::event::FileDelete::default() }, None);
        scribe.session(Some("s2"));
        scribe.observe(SessionCreated { hostname: "build-8.test".to_owned(), ..SessionCreated::default() }, None);
        scribe.observe(agentsh::event::FileDelete { path: "/a".into(), ..agentsh::event::FileDelete::default() }, None);
    });
    // Also where the event that says it is not among those that are printed.
    let deleted = records(&ask(&recorded.data_dir, "--format ocsf --kind file_delete").unwrap());
    let hosts: Vec<_> = deleted.iter().map(|record| record["device"]["hostname"].as_str().unwrap()).collect();
    assert_eq!(hosts, ["build-7.test", "build-8.test"]);
    let opened = records(&ask(&recorded.data_dir, "--format ocsf --kind journal_opened").unwrap());
    assert_eq!(opened[0]["device"]["hostname"], "localhost", "nobody said it");
}
