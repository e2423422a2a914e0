//! From a message to what it tells of.

use super::message::{Event, Exec, File, Message, Process, Target};
use crate::capture::import::record::{Content, Failure, Told};
use crate::capture::import::text;
use crate::event::{
    Actor, FileAccess, FileClose, FileCreate, FileDelete, FileLink, FileOpen, FileRename, FileType, FileWrite, ImageLoad,
    IoCounting, OsText, Payload, ProcessExec, ProcessExit, ProcessFork, SignalSent, SocketNamespace, SocketType,
    UnixSocketConnect,
};

/// `PROT_EXEC` (sys/mman.h).
const PROT_EXEC: i64 = 4;
/// `FREAD` and `FWRITE` of `es_event_open_t.fflag` (sys/fcntl.h): the kernel's flags, not those of `open(2)`.
const FREAD: i64 = 1;
const FWRITE: i64 = 2;

/// What the message tells of.
///
/// # Errors
/// Why it cannot be read.
pub(super) fn translate(message: Message) -> Result<Content, String> {
    let time =
        text::time(&message.time).ok_or_else(|| format!("`{}` is no time", message.time.chars().take(64).collect::<String>()))?;
    let code = message.event.name().to_owned();
    let mut actor = actor(&message.process);
    let refused = message.action.and_then(|action| action.result?.result?.auth) == Some(1);
    let Some(payload) = payload(message.event, &message.process, &mut actor) else {
        return Ok(Content::Unmapped(format!("eslogger {code}").into()));
    };
    Ok(Content::Told(vec![Told {
        provider: Some("EndpointSecurity".to_owned()),
        code: Some(code),
        actor: Some(actor),
        failure: refused.then(|| Failure { errno: 1, error: "EPERM".to_owned() }),
        ..Told::new(time, payload)
    }]))
}

fn small(number: i64) -> u32 {
    u32::try_from(number).unwrap_or(0)
}

fn path(file: &File) -> OsText {
    OsText::from(file.path.as_str())
}

fn actor(process: &Process) -> Actor {
    // -2 and -1 as unsigned numbers are nobody and nothing.
    let id = |id: Option<i64>| id.and_then(|id| u32::try_from(id).ok()).filter(|id| *id != u32::MAX);
    Actor {
        pid: small(process.audit_token.pid),
        ppid: process.ppid.map(small),
        exe: process.executable.as_ref().map(path),
        uid: id(process.audit_token.euid),
        gid: id(process.audit_token.egid),
        auid: id(process.audit_token.auid),
        logon_id: process.session_id.map(|session| session.to_string()),
        ..Actor::default()
    }
}

fn payload(event: Event, process: &Process, actor: &mut Actor) -> Option<Payload> {
    Some(match event {
        Event::Exec(exec) => executed(*exec, process, actor).into(),
        Event::Fork { child } => ProcessFork { child_pid: small(child.audit_token.pid), child_guid: None }.into(),
        Event::Exit { stat } => exited(stat, process).into(),
        Event::Open { fflag, file } => {
            let access = match (fflag & FREAD != 0, fflag & FWRITE != 0) {
                (true, true) => FileAccess::ReadWrite,
                (false, true) => FileAccess::Write,
                (_, false) => FileAccess::Read,
            };
            // The numbers of Linux and macOS differ beyond these.
            FileOpen { path: path(&file), access, ..FileOpen::default() }.into()
        }
        Event::Create(target) => {
            let (path, mode) = destination(&target)?;
            let file_type = match mode.unwrap_or(0) & 0o170_000 {
                0o040_000 => FileType::Directory,
                0o120_000 => FileType::Symlink,
                0o010_000 => FileType::Fifo,
                0o140_000 => FileType::Socket,
                0o020_000 => FileType::CharDevice,
                0o060_000 => FileType::BlockDevice,
                _ => FileType::Regular,
            };
            FileCreate { path, file_type, mode: mode.unwrap_or(0) & 0o7777, ..FileCreate::default() }.into()
        }
        Event::Write { target } => FileWrite { path: path(&target), ..FileWrite::default() }.into(),
        Event::Rename { source, to } => FileRename { path: path(&source), to: destination(&to)?.0, flags: 0 }.into(),
        Event::Unlink { target } => FileDelete { path: path(&target), ..FileDelete::default() }.into(),
        Event::Close { modified, target } => FileClose {
            path: path(&target),
            counting: IoCounting::Passthrough,
            // How often is not known, that it was written to is.
            writes: u64::from(modified),
            size_after: target.stat.as_ref().and_then(|stat| stat.st_size),
            ..FileClose::default()
        }
        .into(),
        Event::Link { source, target_dir, target_filename } => {
            FileLink { path: path(&source), to: within(&target_dir, &target_filename) }.into()
        }
        Event::Mmap { protection, source } if protection & PROT_EXEC != 0 => {
            ImageLoad { path: path(&source), ..ImageLoad::default() }.into()
        }
        Event::Signal { sig, target } => SignalSent {
            signal: signal(sig),
            target_pid: target.audit_token.pid,
            target_exe: target.executable.as_ref().map(path),
        }
        .into(),
        Event::UipcConnect { file, kind } => UnixSocketConnect {
            address: path(&file),
            namespace: if file.path.is_empty() { SocketNamespace::Unnamed } else { SocketNamespace::Path },
            socket_type: match kind {
                1 => Some(SocketType::Stream),
                2 => Some(SocketType::Datagram),
                5 => Some(SocketType::SeqPacket),
                _ => None,
            },
        }
        .into(),
        Event::Mmap { .. } | Event::Other(_) => return None,
    })
}

/// The actor is the process as it was; it gets the directory that the new program starts in.
fn executed(exec: Exec, process: &Process, actor: &mut Actor) -> ProcessExec {
    actor.cwd = exec.cwd.as_ref().map(path);
    let program = exec.target.executable.as_ref().map(path).unwrap_or_default();
    let signature = match (&exec.target.team_id, &exec.target.signing_id) {
        (Some(team), Some(id)) if !team.is_empty() => Some(format!("{team} {id}")),
        (_, Some(id)) if !id.is_empty() => Some(id.clone()),
        _ => None,
    };
    let argv: Vec<OsText> = exec.args.into_iter().map(OsText::from).collect();
    let bytes: usize = argv.iter().map(|argument| argument.as_bytes().len() + 1).sum();
    ProcessExec {
        requested: exec.script.as_ref().map_or_else(|| program.clone(), path),
        // A script's interpreter is the program that runs.
        interpreters: exec.script.as_ref().map(|_| program.clone()).into_iter().collect(),
        path: exec.script.as_ref().map_or(program, path),
        argc: u64::try_from(argv.len()).unwrap_or(u64::MAX),
        argv_bytes: u64::try_from(bytes).unwrap_or(u64::MAX),
        argv,
        parent_exe: process.executable.as_ref().map(path),
        hashes: exec.target.cdhash.filter(|hash| !hash.is_empty()).map(|hash| format!("CDHASH={hash}")).into_iter().collect(),
        signature,
        ..ProcessExec::default()
    }
}

/// A status as `wait(2)` gives it.
fn exited(stat: i64, process: &Process) -> ProcessExit {
    let path = process.executable.as_ref().map(path);
    let number = stat & 0x7f;
    let (exit_code, signal) =
        if number == 0 { (i32::try_from((stat >> 8) & 0xff).ok(), None) } else { (None, Some(signal(number))) };
    ProcessExit { path, exit_code, signal, ..ProcessExit::default() }
}

/// Where it is made, and its mode where that is said.
fn destination(target: &Target) -> Option<(OsText, Option<u32>)> {
    match (&target.destination.new_path, &target.destination.existing_file) {
        (Some(new), _) => Some((within(&new.dir, &new.filename), new.mode)),
        (None, Some(file)) => Some((path(file), file.stat.as_ref().and_then(|stat| stat.st_mode))),
        (None, None) => None,
    }
}

fn within(directory: &File, name: &str) -> OsText {
    OsText::from(format!("{}/{name}", directory.path.trim_end_matches('/')))
}

/// The name of one of macOS' signals (sys/signal.h), whose numbers are not those of Linux.
fn signal(number: i64) -> String {
    const NAMES: [&str; 31] = [
        "HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "EMT", "FPE", "KILL", "BUS", "SEGV", "SYS", "PIPE", "ALRM", "TERM", "URG",
        "STOP", "TSTP", "CONT", "CHLD", "TTIN", "TTOU", "IO", "XCPU", "XFSZ", "VTALRM", "PROF", "WINCH", "INFO", "USR1", "USR2",
    ];
    let name = usize::try_from(number).ok().and_then(|number| NAMES.get(number.checked_sub(1)?));
    name.map_or_else(|| number.to_string(), |name| format!("SIG{name}"))
}
