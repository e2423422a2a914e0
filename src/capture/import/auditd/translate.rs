//! From the records of an event to what it tells of.

use super::event::AuditEvent;
use super::line::{AuditLine, unhex};
use super::sockaddr::{self, Address};
use super::{files, syscalls};
use crate::capture::import::record::{Content, Failure, Told};
use crate::event::{
    Actor, ImageLoad, Interception, NetConnect, Payload, ProcessAccess, ProcessExec, ProcessExit, ProcessFork, Protocol,
    SignalSent, UnixSocketBind, UnixSocketConnect, UnixSocketSendto,
};

/// What the event tells of.
pub(super) fn translate(event: &AuditEvent) -> Content {
    let Some(first) = event.lines.first() else { return Content::Unmapped("auditd EOE".into()) };
    let Some(line) = event.line("SYSCALL") else { return Content::Unmapped(format!("auditd {}", first.kind).into()) };
    let call = syscalls::name(line);
    let Some(payload) = payload(&call, line, event) else { return Content::Unmapped(format!("auditd {call}").into()) };
    let failed = line.word("success").as_deref() == Some("no");
    Content::Told(vec![Told {
        host: first.node.clone(),
        provider: Some("auditd".to_owned()),
        code: Some(call),
        tag: line.text("key").map(|key| String::from_utf8_lossy(key.as_bytes()).replace('\u{1}', " ")),
        actor: Some(actor(line, event)),
        failure: failed.then(|| failure(line.number("exit"))),
        ..Told::new(first.time, payload)
    }])
}

fn actor(line: &AuditLine, event: &AuditEvent) -> Actor {
    Actor {
        pid: line.id("pid").unwrap_or(0),
        ppid: line.id("ppid"),
        exe: line.text("exe"),
        comm: line.text("comm"),
        uid: line.id("euid"),
        gid: line.id("egid"),
        cwd: event.cwd(),
        user: line.word("EUID").map(std::borrow::Cow::into_owned),
        auid: line.id("auid"),
        logon_id: line.id("ses").map(|session| session.to_string()),
        ..Actor::default()
    }
}

/// `exit=-13` is `EACCES`.
fn failure(exit: Option<i64>) -> Failure {
    let errno = exit.and_then(|exit| i32::try_from(exit.checked_neg()?).ok()).unwrap_or(0);
    Failure { errno, error: format!("{:?}", nix::errno::Errno::from_raw(errno)) }
}

fn payload(call: &str, line: &AuditLine, event: &AuditEvent) -> Option<Payload> {
    if let Some(payload) = files::translate(call, line, event) {
        return Some(payload);
    }
    Some(match call {
        "execve" | "execveat" => executed(line, event)?.into(),
        "exit" | "exit_group" => ProcessExit {
            path: line.text("exe"),
            exit_code: line.hex("a0").and_then(|code| i32::try_from(code & 0xff).ok()),
            ..ProcessExit::default()
        }
        .into(),
        "fork" | "vfork" | "clone" | "clone3" => {
            // In the child it returns 0, and the child's own record says nothing that the parent's does not.
            let child_pid = line.number("exit").and_then(|exit| u32::try_from(exit).ok()).filter(|pid| *pid != 0)?;
            ProcessFork { child_pid, child_guid: None }.into()
        }
        "kill" => signalled(line, event, 0)?,
        "tkill" => signalled(line, event, 0)?,
        "tgkill" => signalled(line, event, 1)?,
        "ptrace" => {
            let target = event.line("OBJ_PID");
            ProcessAccess {
                target_pid: target
                    .and_then(|target| target.id("opid"))
                    .or_else(|| line.hex("a1").and_then(|pid| u32::try_from(pid).ok()))?,
                target_exe: target.and_then(|target| target.text("ocomm")),
                access: "ptrace".to_owned(),
                ..ProcessAccess::default()
            }
            .into()
        }
        "init_module" | "finit_module" => {
            let module = event.line("KERN_MODULE").and_then(|line| line.text("name"));
            let file = event.paths().into_iter().next().map(|path| path.path);
            ImageLoad { path: file.or(module)?, ..ImageLoad::default() }.into()
        }
        "connect" | "bind" | "sendto" => socket(call, event)?,
        _ => return None,
    })
}

fn executed(line: &AuditLine, event: &AuditEvent) -> Option<ProcessExec> {
    let paths = event.paths();
    let requested = paths.first().map(|path| path.path.clone());
    let path = line.text("exe").filter(|_| line.word("success").as_deref() != Some("no")).or_else(|| requested.clone())?;
    let (mut argv, mut argc) = event.arguments();
    if argv.is_empty() {
        argv = event.title();
        argc = u64::try_from(argv.len()).unwrap_or(u64::MAX);
    }
    let bytes: usize = argv.iter().map(|argument| argument.as_bytes().len() + 1).sum();
    let requested = requested.unwrap_or_else(|| path.clone());
    // A script is what was asked for, its interpreter is what runs.
    let is_script = requested != path
        && requested.as_path().file_name() != path.as_path().file_name()
        && argv.iter().skip(1).any(|argument| *argument == requested);
    Some(ProcessExec {
        interpreters: is_script.then(|| path.clone()).into_iter().collect(),
        path: if is_script { requested.clone() } else { path },
        requested,
        argc,
        argv_bytes: u64::try_from(bytes).unwrap_or(u64::MAX),
        argv,
        ..ProcessExec::default()
    })
}

fn signalled(line: &AuditLine, event: &AuditEvent, place: usize) -> Option<Payload> {
    let argument = |place: usize| line.hex(["a0", "a1", "a2"].get(place).copied().unwrap_or("a2"));
    let target = event.line("OBJ_PID");
    // The kernel's int, of which the audit prints 64 bits.
    let asked = argument(place).map(|pid| i64::from(u32::try_from(pid & 0xffff_ffff).unwrap_or(0).cast_signed()));
    let signal = argument(place + 1).and_then(|number| i32::try_from(number).ok())?;
    let name =
        nix::sys::signal::Signal::try_from(signal).map_or_else(|_| signal.to_string(), |signal| signal.as_str().to_owned());
    Some(
        SignalSent {
            signal: name,
            target_pid: target.and_then(|target| target.number("opid")).or(asked)?,
            target_exe: target.and_then(|target| target.text("ocomm")),
        }
        .into(),
    )
}

fn socket(call: &str, event: &AuditEvent) -> Option<Payload> {
    let bytes = unhex(event.line("SOCKADDR")?.raw("saddr")?)?;
    Some(match (call, sockaddr::parse(&bytes)?) {
        ("bind", Address::Unix(address, namespace)) => UnixSocketBind { address, namespace, socket_type: None }.into(),
        ("sendto", Address::Unix(address, namespace)) => UnixSocketSendto { address, namespace, size: None }.into(),
        (_, Address::Unix(address, namespace)) => UnixSocketConnect { address, namespace, socket_type: None }.into(),
        ("bind", Address::Ip(..)) => return None,
        (_, Address::Ip(address, port)) => NetConnect {
            address: Some(address),
            port,
            // A datagram is sent without a connection.
            protocol: if call == "sendto" { Protocol::Udp } else { Protocol::Tcp },
            interception: Interception::Sensor,
            ..NetConnect::default()
        }
        .into(),
    })
}
