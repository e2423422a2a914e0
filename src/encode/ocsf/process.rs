//! Programs, commands, sessions and the recorder itself: 1007 Process Activity.

use super::class::Class;
use super::entities::{FileKind, command_line, file, process, program, text};
use super::object::{Object, millis, timestamp};
use super::record::{Body, Status};
use crate::event::{
    CommandFinished, CommandStarted, Event, ExecStatistics, ImageLoad, Kind, ProcessAccess, ProcessExec, ProcessExit,
    ProcessFork, SessionCreated, SignalSent,
};

fn body(activity: u8, process: Object) -> Body {
    Body::new(Class::Process, activity).fields(Object::new().with("process", process))
}

fn pid(event: &Event) -> Option<u32> {
    event.actor.as_ref().map(|actor| actor.pid)
}

fn duration(statistics: &ExecStatistics) -> Object {
    Object::new().maybe("duration", statistics.wall_time_us.map(millis))
}

pub(super) fn executed(event: &Event, p: &ProcessExec) -> Body {
    let path = text(&p.path);
    let actor = event.actor.as_ref();
    let parent = actor.and_then(|actor| actor.ppid).map(|ppid| {
        let exe = p.parent_exe.as_ref().map(text);
        program(exe.as_deref(), Some(ppid), "").maybe("cmd_line", p.parent_command_line.as_deref())
    });
    // What the process is from now on: the actor's user, directory and number, with another program.
    let process = actor
        .map(process)
        .unwrap_or_default()
        .and(program(Some(&path), pid(event), &event.id.to_string()))
        .maybe("file", (!p.hashes.is_empty()).then(|| hashed(file(&path, FileKind::REGULAR), &p.hashes)))
        .maybe("cmd_line", p.command_line.clone().or_else(|| command_line(&p.argv)))
        .maybe("parent_process", parent);
    body(1, process)
}

/// The new process; its parent is the actor.
pub(super) fn forked(event: &Event, p: &ProcessFork) -> Body {
    let exe = event.actor.as_ref().and_then(|actor| actor.exe.as_ref()).map(text);
    let child = program(exe.as_deref(), Some(p.child_pid), "").maybe("parent_process", event.actor.as_ref().map(process));
    body(1, child)
}

pub(super) fn exited(event: &Event, p: &ProcessExit) -> Body {
    let path = p.path.as_ref().map(text);
    let process =
        program(path.as_deref(), pid(event), &event.id.to_string()).with("terminated_time", timestamp(event.time.as_micros()));
    body(2, process)
        .status(Status::Success)
        .fields(Object::new().maybe("exit_code", p.exit_code))
        .fields(duration(&p.statistics))
        .fields(Object::new().maybe("status_detail", p.signal.as_ref().map(|signal| format!("ended by {signal}"))))
}

pub(super) fn signalled(event: &Event, p: &SignalSent) -> Body {
    let exe = p.target_exe.as_ref().map(text);
    let process = program(exe.as_deref(), u32::try_from(p.target_pid).ok(), &event.id.to_string());
    body(99, process).named(Kind::SignalSent).fields(Object::new().with("status_detail", p.signal.as_str()))
}

pub(super) fn accessed(p: &ProcessAccess) -> Body {
    let exe = p.target_exe.as_ref().map(text);
    let permissions = p.access.strip_prefix("0x").and_then(|hex| u32::from_str_radix(hex, 16).ok());
    body(3, program(exe.as_deref(), Some(p.target_pid), "")).fields(Object::new().maybe("requested_permissions", permissions))
}

/// `fingerprint` from `NAME=hex`.
fn fingerprint(hash: &str) -> Object {
    let (name, value) = hash.split_once('=').unwrap_or(("Unknown", hash));
    let algorithm_id = match name {
        "MD5" => 1,
        "SHA1" => 2,
        "SHA256" => 3,
        "SHA512" => 4,
        "Unknown" => 0,
        _ => 99,
    };
    Object::new().with("algorithm_id", algorithm_id).with("algorithm", name).with("value", value)
}

/// A file with its hashes.
pub(super) fn hashed(file: Object, hashes: &[String]) -> Object {
    file.list("hashes", hashes.iter().map(|hash| fingerprint(hash)))
}

pub(super) fn loaded(event: &Event, p: &ImageLoad) -> Body {
    let image = hashed(file(&text(&p.path), FileKind::REGULAR), &p.hashes);
    // 1: loaded as a standard library or executable.
    let module = Object::new().with("file", image).with("load_type_id", 1).with("load_type", "Standard");
    of_actor(event, Kind::ImageLoad).fields(Object::new().with("module", module))
}

pub(super) fn started(event: &Event, p: &CommandStarted) -> Body {
    let path = p.argv.first().map(text);
    let process = program(path.as_deref(), pid(event), &event.id.to_string())
        .maybe("cmd_line", command_line(&p.argv))
        .with("working_directory", text(&p.cwd));
    body(1, process)
}

pub(super) fn finished(event: &Event, p: &CommandFinished) -> Body {
    let path = text(&p.program);
    let detail = p.error.clone().or_else(|| p.signal.as_ref().map(|signal| format!("ended by {signal}")));
    let status = Status::of(p.error.is_none());
    body(2, program(Some(&path), pid(event), &event.id.to_string()))
        .status(status)
        .fields(Object::new().with("exit_code", p.exit_code).maybe("status_detail", detail))
        .fields(duration(&p.statistics))
}

/// What a process does that OCSF has no word for: the actor's process, or the recorder's where there is none.
pub(super) fn of_actor(event: &Event, kind: Kind) -> Body {
    body(99, own(event)).named(kind)
}

fn own(event: &Event) -> Object {
    match &event.actor {
        Some(actor) => process(actor),
        None => Object::new().with("name", "agentsh").with("uid", event.id.to_string()),
    }
}

pub(super) fn session(event: &Event, p: &SessionCreated) -> Body {
    let workspace = Object::new().with("working_directory", text(&p.workspace));
    body(99, own(event).and(workspace)).named(Kind::SessionCreated).device(p)
}
