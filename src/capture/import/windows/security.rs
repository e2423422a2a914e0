//! Events of Windows' own audit ("Advanced security audit policy settings"), by their number.

use std::collections::VecDeque;

use super::registry;
use super::{Fields, Header};
use crate::capture::import::record::{Failure, Told};
use crate::capture::import::text;
use crate::event::{
    Actor, FileAccess, FileDelete, FileOpen, Interception, NetConnect, OsText, Payload, ProcessAccess, ProcessExec, ProcessExit,
    Protocol, RegistryDeleteKey, RegistryDeleteValue, RegistryOpenKey, RegistrySetValue,
};

/// Handles that are remembered, so that an event about a handle alone can be told about its object. The oldest one is forgotten.
const HANDLES: usize = 4_096;
/// Bit of the keywords: the audit is of a failure (winmeta.h, `WINEVENT_KEYWORD_AUDIT_FAILURE`).
const AUDIT_FAILURE: u64 = 0x0010_0000_0000_0000;
/// `FILE_WRITE_DATA`, `FILE_APPEND_DATA`, `FILE_WRITE_EA` and `FILE_WRITE_ATTRIBUTES` (winnt.h).
const FILE_WRITES: u32 = 0x2 | 0x4 | 0x10 | 0x100;
/// `FILE_READ_DATA` and `FILE_EXECUTE` (winnt.h).
const FILE_READS: u32 = 0x1 | 0x20;

/// Objects behind open handles: 4660 says that an object was deleted and names only its handle.
#[derive(Debug, Default)]
pub(in crate::capture::import) struct Handles(VecDeque<((u64, u64), (bool, String))>);

impl Handles {
    fn remember(&mut self, process: u64, handle: u64, is_key: bool, object: &str) {
        self.0.retain(|(own, _)| *own != (process, handle));
        if self.0.len() == HANDLES {
            self.0.pop_front();
        }
        self.0.push_back(((process, handle), (is_key, object.to_owned())));
    }

    fn take(&mut self, process: u64, handle: u64) -> Option<(bool, String)> {
        let at = self.0.iter().position(|(own, _)| *own == (process, handle))?;
        self.0.remove(at).map(|(_, object)| object)
    }
}

/// What a record tells of; `None` where no kind fits it.
pub(super) fn translate(header: &Header<'_>, fields: &Fields<'_>, handles: &mut Handles) -> Option<Told> {
    let mut actor = subject(fields);
    let payload: Payload = match header.code {
        "4656" | "4663" => object(fields, handles)?,
        "4657" => value(fields)?,
        "4660" => deleted(fields, handles)?,
        "4688" => process(fields, &mut actor)?.into(),
        "4689" => ProcessExit {
            path: fields.path("ProcessName"),
            exit_code: fields.small("Status").map(u32::cast_signed),
            ..ProcessExit::default()
        }
        .into(),
        "5156" => connection(fields, &mut actor)?.into(),
        _ => return None,
    };
    let failed = text::number(header.keywords).is_some_and(|keywords| keywords & AUDIT_FAILURE != 0);
    Some(Told {
        host: header.host.to_owned(),
        provider: Some(header.provider.to_owned()),
        code: Some(header.code.to_owned()),
        actor: Some(actor),
        // What the audit calls a failure is an access that was not given.
        failure: failed.then(|| Failure { errno: 13, error: "EACCES".to_owned() }),
        ..Told::new(header.time, payload)
    })
}

fn user(fields: &Fields<'_>, of: &str) -> Option<String> {
    let name = fields.text(&format!("{of}UserName"))?;
    Some(match fields.text(&format!("{of}DomainName")) {
        Some(domain) => format!("{domain}\\{name}"),
        None => name.to_owned(),
    })
}

fn subject(fields: &Fields<'_>) -> Actor {
    Actor {
        pid: fields.small("ProcessId").unwrap_or(0),
        exe: fields.path("ProcessName"),
        user: user(fields, "Subject"),
        logon_id: fields.owned("SubjectLogonId"),
        ..Actor::default()
    }
}

/// The actor becomes the new process, as Sysmon tells it; the record's own process is its parent.
fn process(fields: &Fields<'_>, actor: &mut Actor) -> Option<ProcessExec> {
    let path = fields.path("NewProcessName")?;
    let creator = std::mem::take(&mut actor.user);
    let own = user(fields, "Target");
    *actor = Actor {
        pid: fields.small("NewProcessId")?,
        ppid: fields.small("ProcessId"),
        exe: Some(path.clone()),
        user: own.or_else(|| creator.clone()),
        logon_id: fields.owned("TargetLogonId").filter(|id| id != "0x0").or_else(|| fields.owned("SubjectLogonId")),
        ..Actor::default()
    };
    let line = fields.text("CommandLine");
    let argv = line.map(text::arguments).unwrap_or_default();
    Some(ProcessExec {
        requested: path.clone(),
        path,
        argc: u64::try_from(argv.len()).unwrap_or(u64::MAX),
        argv_bytes: u64::try_from(line.map_or(0, str::len)).unwrap_or(u64::MAX),
        argv,
        parent_exe: fields.path("ParentProcessName"),
        command_line: line.map(str::to_owned),
        parent_user: creator,
        integrity_level: fields.text("MandatoryLabel").map(|sid| integrity(sid).to_owned()),
        ..ProcessExec::default()
    })
}

/// The level of a mandatory label (winnt.h, `SECURITY_MANDATORY_*_RID`).
fn integrity(sid: &str) -> &str {
    match sid {
        "S-1-16-0" => "Untrusted",
        "S-1-16-4096" => "Low",
        "S-1-16-8192" | "S-1-16-8448" => "Medium",
        "S-1-16-12288" => "High",
        "S-1-16-16384" => "System",
        other => other,
    }
}

/// A handle is asked for (4656) or used (4663).
fn object(fields: &Fields<'_>, handles: &mut Handles) -> Option<Payload> {
    let name = fields.text("ObjectName")?;
    let mask = fields.small("AccessMask");
    let kind = fields.text("ObjectType")?;
    if let (Some(process), Some(handle)) = (fields.number("ProcessId"), fields.number("HandleId").filter(|handle| *handle != 0)) {
        handles.remember(process, handle, kind == "Key", name);
    }
    Some(match kind {
        "File" => {
            let asks = |bits: u32| mask.is_some_and(|mask| mask & bits != 0);
            let access = match (asks(FILE_READS), asks(FILE_WRITES)) {
                (true, true) => FileAccess::ReadWrite,
                (false, true) => FileAccess::Write,
                (_, false) => FileAccess::Read,
            };
            FileOpen { path: OsText::from(name), access, flags: 0, rights: fields.owned("AccessMask") }.into()
        }
        "Key" => RegistryOpenKey { key: registry::key(name), access: mask.unwrap_or(0) }.into(),
        // The name is the program's; the audit does not say which of its processes it is.
        "Process" => ProcessAccess {
            target_exe: Some(OsText::from(name)),
            access: fields.owned("AccessMask").unwrap_or_default(),
            ..ProcessAccess::default()
        }
        .into(),
        _ => return None,
    })
}

fn deleted(fields: &Fields<'_>, handles: &mut Handles) -> Option<Payload> {
    let (is_key, object) = handles.take(fields.number("ProcessId")?, fields.number("HandleId")?)?;
    Some(if is_key {
        RegistryDeleteKey { key: registry::key(&object) }.into()
    } else {
        FileDelete { path: OsText::from(object), ..FileDelete::default() }.into()
    })
}

fn value(fields: &Fields<'_>) -> Option<Payload> {
    let key = registry::key(fields.text("ObjectName")?);
    let value_name = fields.owned("ObjectValueName").unwrap_or_default();
    // %%1904 made, %%1905 changed, %%1906 deleted.
    if fields.text("OperationType") == Some("%%1906") {
        return Some(RegistryDeleteValue { key, value_name }.into());
    }
    let value_type = fields.text("NewValueType").map(registry::value_type).unwrap_or_default();
    Some(RegistrySetValue { key, value_name, value_type, data: fields.owned("NewValue"), size: None, details: None }.into())
}

fn connection(fields: &Fields<'_>, actor: &mut Actor) -> Option<NetConnect> {
    actor.pid = fields.small("ProcessID").unwrap_or(0);
    actor.exe = fields.path("Application");
    // %%14592 inbound, %%14593 outbound. The destination of an inbound packet is this machine, as Sysmon has it too.
    Some(NetConnect {
        address: fields.address("DestAddress"),
        port: fields.port("DestPort")?,
        protocol: match fields.number("Protocol") {
            Some(17) => Protocol::Udp,
            Some(1 | 58) => Protocol::Icmp,
            Some(6) | None => Protocol::Tcp,
            Some(_) => Protocol::Raw,
        },
        interception: Interception::Sensor,
        source_address: fields.address("SourceAddress"),
        source_port: fields.port("SourcePort"),
        initiated: match fields.text("Direction") {
            Some("%%14592") => Some(false),
            Some("%%14593") => Some(true),
            _ => None,
        },
        ..NetConnect::default()
    })
}
