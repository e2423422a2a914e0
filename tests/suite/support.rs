//! What several tests need: events to publish, a journal in a temporary folder.

use agentsh::event::{Actor, Event, FileAccess, FileOpen, Payload, ProcessExit, SessionId, Severity};
use agentsh::runtime::{clock, ids};

pub fn event(payload: impl Into<Payload>) -> Event {
    let time = clock::now();
    Event {
        id: ids::event_id(time),
        time,
        session_id: Some(SessionId::new("s-test")),
        command_id: None,
        cause: None,
        actor: Some(Actor {
            pid: 4242,
            ppid: Some(1),
            exe: Some("/usr/bin/cc1".into()),
            comm: Some("cc1".into()),
            uid: Some(1000),
            gid: Some(1000),
            cwd: Some("/home/dev/project".into()),
        }),
        attack: Vec::new(),
        severity: Severity::Informational,
        payload: payload.into(),
    }
}

pub fn open_event(number: u64) -> Event {
    event(FileOpen { path: format!("/home/dev/project/src/module_{number}.c").into(), access: FileAccess::Read, flags: 0 })
}

pub fn exit_event(number: u64) -> Event {
    event(ProcessExit { path: Some(format!("/bin/{number}").into()), exit_code: Some(0), ..ProcessExit::default() })
}

/// A session of the built-in policy on a channel.
pub fn session(channel: &std::sync::Arc<agentsh::channel::EventChannel>) -> agentsh::channel::SessionChannel {
    let variables = agentsh::policy::Variables::new().with("WORKSPACE", "/home/dev/project").with("HOME", "/home/dev");
    let policy = agentsh::policy::Policy::built_in(&variables).unwrap();
    let policy = std::sync::Arc::new(arc_swap::ArcSwap::from_pointee(policy));
    agentsh::channel::SessionChannel::new(std::sync::Arc::clone(channel), policy, SessionId::new("s-test"))
}
