//! The events that the benchmarks publish: what a build does, about 300 bytes of payload each.

use agentsh::channel::SessionChannel;
use agentsh::event::{
    Actor, CommandId, Event, EventId, FileAccess, FileClose, FileOpen, IoCounting, Payload, SessionId, Severity,
};
use agentsh::policy::{Policy, Variables};
use agentsh::runtime::{clock, ids};

pub fn actor() -> Actor {
    Actor {
        pid: 4242,
        ppid: Some(4241),
        exe: Some("/usr/lib/gcc/x86_64-linux-gnu/12/cc1".into()),
        comm: Some("cc1".into()),
        uid: Some(1000),
        gid: Some(1000),
        cwd: Some("/home/dev/project".into()),
        ..Actor::default()
    }
}

pub fn open(number: u64) -> Payload {
    FileOpen {
        path: format!("/home/dev/project/src/module_{number}.c").into(),
        access: FileAccess::Read,
        flags: 0,
        ..FileOpen::default()
    }
    .into()
}

pub fn close(number: u64) -> Payload {
    FileClose {
        path: format!("/home/dev/project/src/module_{number}.c").into(),
        counting: IoCounting::Summary,
        reads: 3,
        bytes_read: 12_288,
        writes: 0,
        bytes_written: 0,
        size_before: Some(12_288),
        size_after: Some(12_288),
        blake3: None,
    }
    .into()
}

pub fn event(payload: Payload, cause: Option<EventId>) -> Event {
    let time = clock::now();
    Event {
        id: ids::event_id(time),
        time,
        session_id: Some(SessionId::new("s06ab3kq2f7vx9m1t")),
        command_id: Some(CommandId::new("c06ab3kq2f7vx9m2u")),
        cause,
        actor: Some(actor()),
        sensor: None,
        attack: Vec::new(),
        severity: Severity::Informational,
        payload,
        imported: None,
    }
}

/// The policy that a user has who gives none.
pub fn policy() -> Policy {
    let variables = Variables::new().with("WORKSPACE", "/home/dev/project").with("HOME", "/home/dev");
    Policy::built_in(&variables).unwrap()
}

pub fn session(channel: &std::sync::Arc<agentsh::channel::EventChannel>) -> SessionChannel {
    let policy = std::sync::Arc::new(arc_swap::ArcSwap::from_pointee(policy()));
    SessionChannel::new(std::sync::Arc::clone(channel), policy, SessionId::new("s06ab3kq2f7vx9m1t"))
        .for_command(CommandId::new("c06ab3kq2f7vx9m2u"))
}
