//! What must hold for every recorded run: each exec and each exit once, linked to each other.

use std::collections::BTreeMap;

use agentsh::event::{EventId, OsText, Payload, ProcessExec};

use super::tape::Tape;

/// The recorded run holds together: ends are published once, and point to the last program that the process ran.
pub fn check_links(tape: &Tape) {
    let events = tape.events();
    assert!(matches!(events[0].payload, Payload::CommandStarted(_)), "command_started comes first: {:?}", events[0]);
    let failed: Vec<EventId> = tape.failures().iter().map(|(event, _)| event.cause.unwrap()).collect();
    let mut running: BTreeMap<u32, Option<EventId>> = BTreeMap::new();
    for event in &events {
        let pid = event.actor.as_ref().map(|actor| actor.pid);
        match &event.payload {
            Payload::ProcessExec(_) if !failed.contains(&event.id) => {
                running.insert(pid.unwrap(), Some(event.id));
            }
            Payload::ProcessExit(exit) => {
                let last = running.remove(&pid.unwrap());
                assert_eq!(event.cause, last.flatten(), "an exit's cause is the process's last exec: {exit:?}");
                running.insert(pid.unwrap(), None);
            }
            _ => {}
        }
    }
    let unended: Vec<_> = running.iter().filter(|(_, exec)| exec.is_some()).collect();
    assert!(unended.is_empty(), "processes without an end: {unended:?}");
}

/// The names of the programs that were run, in order.
pub fn names(tape: &Tape) -> Vec<String> {
    tape.execs().iter().map(|(_, exec)| name(&exec.path)).collect()
}

/// The last component of a program's path.
pub fn name(path: &OsText) -> String {
    path.as_path().file_name().unwrap().to_str().unwrap().to_owned()
}

/// The one exec of a program with this name.
pub fn the_exec(tape: &Tape, program: &str) -> (super::tape::Recorded, ProcessExec) {
    let all: Vec<_> = tape.execs().into_iter().filter(|(_, exec)| name(&exec.path) == program).collect();
    assert_eq!(all.len(), 1, "one exec of {program}: {:?}", names(tape));
    all.into_iter().next().unwrap()
}
