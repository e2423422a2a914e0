//! Sysmon's events (Sysinternals, "Sysmon Events"), by their number.

use super::registry;
use super::{Fields, Header};
use crate::capture::import::record::Told;
use crate::capture::import::text;
use crate::event::{
    Actor, DnsQuery, FileCreate, FileDelete, ImageLoad, Interception, NetConnect, OsText, Payload, PipeConnect, PipeCreate,
    ProcessAccess, ProcessExec, ProcessExit, Protocol, RegistryCreateKey, RegistryDeleteKey, RegistryDeleteValue,
    RegistryRenameKey, RegistrySetValue,
};

/// What a record tells of; `None` where no kind fits it, or where what the kind is about is missing.
pub(super) fn translate(header: &Header<'_>, fields: &Fields<'_>) -> Option<Told> {
    let mut actor = actor(fields);
    let payload = match header.code {
        "1" => Payload::from(process(fields, &mut actor)?),
        "3" => connection(fields)?.into(),
        "5" => ProcessExit { path: fields.path("Image"), ..ProcessExit::default() }.into(),
        "6" | "7" => image(fields)?.into(),
        "10" => access(fields, &mut actor)?.into(),
        "11" => FileCreate { path: fields.path("TargetFilename")?, created_us: created(fields), ..FileCreate::default() }.into(),
        "12" | "13" | "14" => registry(header.code, fields)?,
        "15" => stream(fields)?.into(),
        "17" => PipeCreate { name: fields.path("PipeName")? }.into(),
        "18" => PipeConnect { name: fields.path("PipeName")? }.into(),
        "22" => query(fields)?.into(),
        "23" | "26" => FileDelete {
            path: fields.path("TargetFilename")?,
            hashes: fields.hashes("Hashes"),
            executable: fields.flag("IsExecutable"),
            archived: fields.flag("Archived"),
        }
        .into(),
        _ => return None,
    };
    Some(Told {
        host: header.host.to_owned(),
        provider: Some(header.provider.to_owned()),
        code: Some(header.code.to_owned()),
        tag: fields.owned("RuleName"),
        actor,
        ..Told::new(fields.time("UtcTime").unwrap_or(header.time), payload)
    })
}

/// Absent where the record says nothing about a process.
fn actor(fields: &Fields<'_>) -> Option<Actor> {
    let exe = fields.path("Image");
    let pid = fields.small("ProcessId");
    let user = fields.owned("User");
    if exe.is_none() && pid.is_none() && user.is_none() {
        return None;
    }
    let guid = fields.owned("ProcessGuid");
    Some(Actor { pid: pid.unwrap_or(0), exe, user, guid, logon_id: fields.owned("LogonId"), ..Actor::default() })
}

fn process(fields: &Fields<'_>, actor: &mut Option<Actor>) -> Option<ProcessExec> {
    let path = fields.path("Image")?;
    if let Some(actor) = actor {
        actor.ppid = fields.small("ParentProcessId");
        actor.cwd = fields.path("CurrentDirectory");
    }
    let line = fields.text("CommandLine");
    let argv = line.map(text::arguments).unwrap_or_default();
    Some(ProcessExec {
        requested: path.clone(),
        path,
        argc: u64::try_from(argv.len()).unwrap_or(u64::MAX),
        argv_bytes: u64::try_from(line.map_or(0, str::len)).unwrap_or(u64::MAX),
        argv,
        parent_exe: fields.path("ParentImage"),
        command_line: line.map(str::to_owned),
        parent_command_line: fields.owned("ParentCommandLine"),
        parent_user: fields.owned("ParentUser"),
        parent_guid: fields.owned("ParentProcessGuid"),
        terminal_session: fields.small("TerminalSessionId"),
        integrity_level: fields.owned("IntegrityLevel"),
        original_file_name: fields.owned("OriginalFileName"),
        product: fields.owned("Product"),
        company: fields.owned("Company"),
        description: fields.owned("Description"),
        file_version: fields.owned("FileVersion"),
        hashes: fields.hashes("Hashes"),
        ..ProcessExec::default()
    })
}

fn connection(fields: &Fields<'_>) -> Option<NetConnect> {
    Some(NetConnect {
        host: fields.owned("DestinationHostname"),
        address: fields.address("DestinationIp"),
        port: fields.port("DestinationPort")?,
        protocol: match fields.text("Protocol") {
            Some("udp") => Protocol::Udp,
            Some("icmp") => Protocol::Icmp,
            _ => Protocol::Tcp,
        },
        interception: Interception::Sensor,
        source_host: fields.owned("SourceHostname"),
        source_address: fields.address("SourceIp"),
        source_port: fields.port("SourcePort"),
        initiated: fields.flag("Initiated"),
    })
}

fn image(fields: &Fields<'_>) -> Option<ImageLoad> {
    Some(ImageLoad {
        path: fields.path("ImageLoaded")?,
        signed: fields.flag("Signed"),
        signature: fields.owned("Signature"),
        hashes: fields.hashes("Hashes"),
        signature_status: fields.owned("SignatureStatus"),
        original_file_name: fields.owned("OriginalFileName"),
        product: fields.owned("Product"),
        company: fields.owned("Company"),
        description: fields.owned("Description"),
        file_version: fields.owned("FileVersion"),
    })
}

/// Its process goes by other names.
fn access(fields: &Fields<'_>, actor: &mut Option<Actor>) -> Option<ProcessAccess> {
    *actor = Some(Actor {
        pid: fields.small("SourceProcessId")?,
        exe: fields.path("SourceImage"),
        user: fields.owned("SourceUser"),
        guid: fields.owned("SourceProcessGUID"),
        ..Actor::default()
    });
    Some(ProcessAccess {
        target_pid: fields.small("TargetProcessId")?,
        target_exe: fields.path("TargetImage"),
        access: fields.owned("GrantedAccess").unwrap_or_default(),
        call_trace: fields.owned("CallTrace"),
        target_guid: fields.owned("TargetProcessGUID"),
        target_user: fields.owned("TargetUser"),
    })
}

/// Some collectors drop `EventType`: 13 and 14 can be one thing only, and what a 12 was cannot be told then.
fn registry(code: &str, fields: &Fields<'_>) -> Option<Payload> {
    let object = fields.text("TargetObject")?;
    let by_code = match code {
        "13" => Some("SetValue"),
        "14" => Some("RenameKey"),
        _ => None,
    };
    Some(match fields.text("EventType").or(by_code)? {
        "CreateKey" => RegistryCreateKey { key: registry::key(object) }.into(),
        "DeleteKey" => RegistryDeleteKey { key: registry::key(object) }.into(),
        "DeleteValue" => {
            let (key, value_name) = registry::key_and_value(object);
            RegistryDeleteValue { key, value_name }.into()
        }
        "SetValue" => {
            let (key, value_name) = registry::key_and_value(object);
            let details = fields.raw("Details");
            let (value_type, data) = details.map(registry::details).unwrap_or_default();
            let details = details.map(str::to_owned);
            RegistrySetValue { key, value_name, value_type, data, size: None, details }.into()
        }
        "RenameKey" | "RenameValue" => {
            RegistryRenameKey { key: registry::key(object), new_key: registry::key(fields.text("NewName")?) }.into()
        }
        _ => return None,
    })
}

fn stream(fields: &Fields<'_>) -> Option<FileCreate> {
    let path = fields.text("TargetFilename")?;
    // The drive's colon is the first, the stream's stands in the file's name.
    let name = path.rsplit('\\').next().unwrap_or(path);
    Some(FileCreate {
        path: OsText::from(path),
        created_us: created(fields),
        stream: name.split_once(':').map(|(_, stream)| stream.to_owned()),
        hashes: fields.hashes("Hash"),
        contents: fields.owned("Contents"),
        ..FileCreate::default()
    })
}

fn created(fields: &Fields<'_>) -> Option<i64> {
    fields.time("CreationUtcTime").map(crate::event::Timestamp::as_micros)
}

fn query(fields: &Fields<'_>) -> Option<DnsQuery> {
    let status = fields.small("QueryStatus");
    let answers = fields.text("QueryResults").map(|results| {
        results.split(';').map(str::trim).filter(|answer| !answer.is_empty()).map(str::to_owned).collect::<Vec<_>>()
    });
    Some(DnsQuery {
        name: fields.text("QueryName")?.trim_end_matches('.').to_owned(),
        // Sysmon does not say what was asked for.
        record_type: String::new(),
        // Windows' DNS errors are 9000 and the rcode of RFC 1035; 9501: there is no such record.
        rcode: status.and_then(|status| match status {
            0 | 9_501 => Some("NOERROR".to_owned()),
            9_001 => Some("FORMERR".to_owned()),
            9_002 => Some("SERVFAIL".to_owned()),
            9_003 => Some("NXDOMAIN".to_owned()),
            9_004 => Some("NOTIMP".to_owned()),
            9_005 => Some("REFUSED".to_owned()),
            _ => None,
        }),
        answers: answers.unwrap_or_default(),
        status,
        ..DnsQuery::default()
    })
}
