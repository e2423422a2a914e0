//! The fields of each category, under the names that SigmaHQ's rules use.
//!
//! Three things differ: a field that the category does not have, or whose value nobody saw, is **missing**; one that is known to have
//! no value is **null**; an **empty** text is a value.

use std::borrow::Cow;
use std::net::IpAddr;

use rsigma_eval::EventValue;

use super::category::Category;
use super::registry;
use super::view::{Shown, text};
use crate::event::{FileAccess, Header, HttpRequest, OsText, Payload, Protocol};

type Value<'v> = Option<EventValue<'v>>;

fn string<'v>(text: impl Into<Cow<'v, str>>) -> Value<'v> {
    Some(EventValue::Str(text.into()))
}

fn bytes(of: &OsText) -> Value<'_> {
    string(text(of))
}

fn number<'v>(number: impl TryInto<i64>) -> Value<'v> {
    number.try_into().ok().map(EventValue::Int)
}

/// A value that is known to be there or not.
fn or_null<'v>(value: Value<'v>) -> Value<'v> {
    Some(value.unwrap_or(EventValue::Null))
}

/// The names that a keyword is looked for under, and that the documentation lists.
pub(super) const fn names(category: Category) -> &'static [&'static str] {
    match category {
        Category::ProcessCreation => {
            &["Image", "CommandLine", "CurrentDirectory", "User", "ParentImage", "ParentCommandLine", "OriginalFileName"]
        }
        Category::ProcessTermination => &["Image", "CommandLine", "User"],
        Category::ProcessAccess => &["SourceImage", "TargetImage", "GrantedAccess", "User"],
        Category::ImageLoad => &["Image", "ImageLoaded", "Hashes", "Signature", "User"],
        Category::FileEvent | Category::FileDelete => &["Image", "CommandLine", "TargetFilename", "User"],
        Category::FileRename => &["Image", "CommandLine", "SourceFilename", "TargetFilename", "User"],
        Category::FileAccess | Category::FileChange => &["Image", "CommandLine", "TargetFilename", "User"],
        Category::NetworkConnection => &["Image", "CommandLine", "DestinationHostname", "DestinationIp", "User"],
        Category::DnsQuery => &["Image", "CommandLine", "QueryName", "QueryResults", "User"],
        Category::Dns => &["query", "answers", "record_type"],
        Category::Proxy | Category::ProxyResponse => {
            &["c-uri", "cs-host", "cs-method", "c-useragent", "cs-cookie", "cs-referrer"]
        }
        Category::RegistrySet => &["Image", "TargetObject", "Details", "User"],
        Category::RegistryAdd | Category::RegistryDelete | Category::RegistryAccess => &["Image", "TargetObject", "User"],
        Category::RegistryRename => &["Image", "TargetObject", "NewName", "User"],
        Category::RegistryEvent => &["Image", "TargetObject", "Details", "NewName", "User"],
        Category::PipeCreated => &["Image", "CommandLine", "PipeName", "User"],
        Category::UnixSocket => &["Image", "CommandLine", "SocketPath", "User"],
        Category::Signal => &["Image", "CommandLine", "TargetImage", "Signal", "User"],
    }
}

/// The value of a field.
pub(super) fn field<'v>(shown: &'v Shown<'_>, category: Category, name: &str) -> Value<'v> {
    let own = match category {
        Category::ProcessCreation => process_creation(shown, name),
        Category::ProcessTermination => process_end(shown, name),
        Category::ProcessAccess => process_access(shown, name),
        Category::Signal => signal(shown, name),
        Category::ImageLoad => image_load(shown, name),
        Category::FileEvent | Category::FileDelete | Category::FileRename | Category::FileAccess | Category::FileChange => {
            file(shown, name)
        }
        Category::NetworkConnection => connection(shown, name),
        Category::DnsQuery | Category::Dns => dns(shown, name),
        Category::Proxy | Category::ProxyResponse => proxy(shown, name),
        Category::RegistrySet
        | Category::RegistryAdd
        | Category::RegistryDelete
        | Category::RegistryRename
        | Category::RegistryEvent
        | Category::RegistryAccess => registry_change(shown, name),
        Category::PipeCreated | Category::UnixSocket => ipc(shown, name),
    };
    own.or_else(|| of_actor(shown, category, name))
}

/// What every category has.
fn of_actor<'v>(shown: &'v Shown<'_>, category: Category, name: &str) -> Value<'v> {
    let event = shown.event;
    let actor = || event.actor.as_ref();
    match name {
        "Image" => bytes(actor()?.exe.as_ref()?),
        "CommandLine" => string(shown.command_line()?),
        "CurrentDirectory" => bytes(actor()?.cwd.as_ref()?),
        "User" => string(shown.user()?),
        "ProcessId" => number(actor()?.pid),
        "ParentProcessId" => number(actor()?.ppid?),
        "ParentImage" => bytes(&shown.parent?.path),
        "ParentCommandLine" => string(shown.parent?.command_line.as_str()),
        "Comm" => bytes(actor()?.comm.as_ref()?),
        "SessionId" => string(event.session_id.as_ref()?.as_str()),
        "CommandId" => string(event.command_id.as_ref()?.as_str()),
        "EventKind" => string(event.kind().as_str()),
        "EventID" => number(event_id(shown, category)?),
        _ => None,
    }
}

/// Sysmon's number of an event, where Sysmon has one like it.
fn event_id(shown: &Shown<'_>, category: Category) -> Option<i64> {
    let number = match category {
        Category::ProcessCreation => 1,
        Category::NetworkConnection => 3,
        Category::ProcessTermination => 5,
        Category::ImageLoad => 7,
        Category::ProcessAccess => 10,
        Category::FileEvent => 11,
        Category::RegistryAdd
        | Category::RegistryDelete
        | Category::RegistrySet
        | Category::RegistryRename
        | Category::RegistryEvent => match registry::change(&shown.event.payload)?.event_type {
            "SetValue" => 13,
            "RenameKey" => 14,
            _ => 12,
        },
        Category::PipeCreated => 17,
        Category::DnsQuery => 22,
        Category::FileDelete => 23,
        Category::FileRename
        | Category::FileAccess
        | Category::FileChange
        | Category::Dns
        | Category::Proxy
        | Category::ProxyResponse
        | Category::RegistryAccess
        | Category::UnixSocket
        | Category::Signal => return None,
    };
    Some(number)
}

fn process_creation<'v>(shown: &'v Shown<'_>, name: &str) -> Value<'v> {
    let Payload::ProcessExec(exec) = &shown.event.payload else { return None };
    match name {
        "Image" => bytes(&exec.path),
        "RequestedImage" => bytes(&exec.requested),
        "ParentImage" => match &exec.parent_exe {
            Some(parent) => bytes(parent),
            None => bytes(&shown.parent?.path),
        },
        // What the process ran before: a shell that gives itself up for its last command.
        "PreviousImage" => bytes(&shown.process?.path),
        "Interpreter" => bytes(exec.interpreters.last()?),
        "ArgumentCount" => number(exec.argc),
        _ => None,
    }
}

fn process_end<'v>(shown: &'v Shown<'_>, name: &str) -> Value<'v> {
    let Payload::ProcessExit(exit) = &shown.event.payload else { return None };
    match name {
        "Image" => bytes(exit.path.as_ref()?),
        "ExitCode" => or_null(exit.exit_code.and_then(number)),
        "Signal" => or_null(exit.signal.as_deref().and_then(string)),
        _ => None,
    }
}

fn process_access<'v>(shown: &'v Shown<'_>, name: &str) -> Value<'v> {
    let Payload::ProcessAccess(access) = &shown.event.payload else { return None };
    match name {
        "SourceImage" => bytes(shown.event.actor.as_ref()?.exe.as_ref()?),
        "SourceProcessId" => number(shown.event.actor.as_ref()?.pid),
        "SourceUser" => string(shown.user()?),
        "TargetImage" => bytes(access.target_exe.as_ref()?),
        "TargetProcessId" => number(access.target_pid),
        "GrantedAccess" => string(access.access.as_str()),
        _ => None,
    }
}

fn signal<'v>(shown: &'v Shown<'_>, name: &str) -> Value<'v> {
    let Payload::SignalSent(sent) = &shown.event.payload else { return None };
    match name {
        "Signal" => string(sent.signal.as_str()),
        "TargetImage" => bytes(sent.target_exe.as_ref()?),
        "TargetProcessId" => number(sent.target_pid),
        _ => None,
    }
}

fn image_load<'v>(shown: &'v Shown<'_>, name: &str) -> Value<'v> {
    let Payload::ImageLoad(load) = &shown.event.payload else { return None };
    match name {
        "ImageLoaded" => bytes(&load.path),
        "Signed" => string(if load.signed? { "true" } else { "false" }),
        "Signature" => or_null(load.signature.as_deref().and_then(string)),
        "Hashes" => {
            if load.hashes.is_empty() {
                None
            } else {
                string(load.hashes.join(","))
            }
        }
        _ => None,
    }
}

/// What a file event is about: the path, and what a rename, a link or a symbolic link has besides.
fn file<'v>(shown: &'v Shown<'_>, name: &str) -> Value<'v> {
    let payload = &shown.event.payload;
    match name {
        "TargetFilename" => bytes(target(payload)?),
        // The name that kernel traces use for the same thing.
        "FileName" => bytes(target(payload)?),
        "SourceFilename" => bytes(source(payload)?),
        _ => change(payload, name),
    }
}

fn target(payload: &Payload) -> Option<&OsText> {
    if let Payload::FileOpen(p) = payload {
        Some(&p.path)
    } else if let Payload::FileCreate(p) = payload {
        Some(&p.path)
    } else if let Payload::FileRead(p) = payload {
        Some(&p.path)
    } else if let Payload::FileWrite(p) = payload {
        Some(&p.path)
    } else if let Payload::FileDelete(p) = payload {
        Some(&p.path)
    } else if let Payload::FileRename(p) = payload {
        Some(&p.to)
    } else if let Payload::FileLink(p) = payload {
        Some(&p.to)
    } else if let Payload::FileSymlink(p) = payload {
        Some(&p.path)
    } else if let Payload::FileTruncate(p) = payload {
        Some(&p.path)
    } else if let Payload::FileChmod(p) = payload {
        Some(&p.path)
    } else if let Payload::FileChown(p) = payload {
        Some(&p.path)
    } else if let Payload::FileUtimens(p) = payload {
        Some(&p.path)
    } else if let Payload::FileXattr(p) = payload {
        Some(&p.path)
    } else if let Payload::DirCreate(p) = payload {
        Some(&p.path)
    } else if let Payload::DirDelete(p) = payload {
        Some(&p.path)
    } else if let Payload::DirList(p) = payload {
        Some(&p.path)
    } else {
        None
    }
}

fn source(payload: &Payload) -> Option<&OsText> {
    if let Payload::FileRename(p) = payload {
        Some(&p.path)
    } else if let Payload::FileLink(p) = payload {
        Some(&p.path)
    } else if let Payload::FileSymlink(p) = payload {
        Some(&p.target)
    } else {
        None
    }
}

/// What is done with a file, beyond its name.
fn change<'v>(payload: &'v Payload, name: &str) -> Value<'v> {
    if let Payload::FileOpen(p) = payload {
        return match name {
            "Access" => string(p.access.as_str()),
            "Write" => string(if p.access == FileAccess::Read { "false" } else { "true" }),
            _ => None,
        };
    }
    if let Payload::FileCreate(p) = payload {
        return match name {
            "Mode" => string(format!("{:04o}", p.mode)),
            "FileType" => string(p.file_type.as_str()),
            _ => None,
        };
    }
    if let Payload::FileTruncate(p) = payload {
        return if name == "Size" { number(p.size) } else { None };
    }
    if let Payload::FileChmod(p) = payload {
        return match name {
            "Mode" => string(format!("{:04o}", p.mode)),
            "SetUid" => string(if p.mode & 0o4000 == 0 { "false" } else { "true" }),
            "SetGid" => string(if p.mode & 0o2000 == 0 { "false" } else { "true" }),
            "Executable" => string(if p.mode & 0o111 == 0 { "false" } else { "true" }),
            _ => None,
        };
    }
    if let Payload::FileChown(p) = payload {
        return match name {
            "Owner" => or_null(p.uid.and_then(number)),
            "Group" => or_null(p.gid.and_then(number)),
            _ => None,
        };
    }
    if let Payload::FileUtimens(p) = payload {
        return match name {
            "ModificationTime" => or_null(p.mtime_ns.map(|ns| EventValue::Int(ns.div_euclid(1_000_000_000)))),
            "AccessTime" => or_null(p.atime_ns.map(|ns| EventValue::Int(ns.div_euclid(1_000_000_000)))),
            _ => None,
        };
    }
    if let Payload::FileXattr(p) = payload {
        return match name {
            "Attribute" => bytes(&p.name),
            "Operation" => string(p.operation.as_str()),
            _ => None,
        };
    }
    None
}

fn connection<'v>(shown: &'v Shown<'_>, name: &str) -> Value<'v> {
    let Payload::NetConnect(connect) = &shown.event.payload else { return None };
    match name {
        "DestinationHostname" => or_null(connect.host.as_deref().and_then(string)),
        "DestinationIp" => string(connect.address.or_else(|| literal(connect.host.as_deref()?))?.to_string()),
        "DestinationIsIpv6" => string(if connect.address?.is_ipv6() { "true" } else { "false" }),
        "DestinationPort" => number(connect.port),
        "Protocol" => string(match connect.protocol {
            Protocol::Tcp => "tcp",
            Protocol::Udp => "udp",
            Protocol::Icmp => "icmp",
            Protocol::Raw => "raw",
        }),
        "Initiated" => string("true"),
        _ => None,
    }
}

fn literal(host: &str) -> Option<IpAddr> {
    host.trim_start_matches('[').trim_end_matches(']').parse().ok()
}

fn dns<'v>(shown: &'v Shown<'_>, name: &str) -> Value<'v> {
    let Payload::DnsQuery(query) = &shown.event.payload else { return None };
    let answers = || query.answers.join(";");
    match name {
        "QueryName" | "query" => string(query.name.as_str()),
        "QueryResults" => string(answers()),
        "answer" | "answers" => string(answers()),
        "QueryStatus" => string(query.rcode.as_deref().map(|rcode| if rcode == "NOERROR" { "0" } else { rcode })?),
        "rcode" | "response_code" => or_null(query.rcode.as_deref().and_then(string)),
        "record_type" | "QueryType" => string(query.record_type.as_str()),
        _ => None,
    }
}

fn proxy<'v>(shown: &'v Shown<'_>, name: &str) -> Value<'v> {
    if let (Payload::HttpResponse(response), "sc-status") = (&shown.event.payload, name) {
        return or_null(response.status.and_then(number));
    }
    if let (Payload::HttpResponse(response), "sc-bytes") = (&shown.event.payload, name) {
        return number(response.response_bytes);
    }
    let Payload::HttpRequest(request) = &shown.web().payload else { return None };
    match name {
        "c-uri" | "cs-uri" => string(shown.url(|| url(request))),
        "c-uri-path" | "c-uri-stem" | "cs-uri-stem" => string(request.path.as_str()),
        "c-uri-query" | "cs-uri-query" => or_null(request.query.as_deref().and_then(string)),
        "c-uri-extension" => or_null(extension(&request.path).and_then(string)),
        "cs-host" | "r-dns" | "c-uri-host" => string(request.host.as_str()),
        "cs-method" => string(request.method.as_str()),
        "cs-version" => string(request.version.as_str()),
        "c-uri-scheme" => string(request.scheme.as_str()),
        "c-useragent" | "cs-user-agent" => or_null(header(&request.headers, "user-agent")),
        "cs-cookie" => or_null(header(&request.headers, "cookie")),
        "cs-referrer" | "cs-referer" => or_null(header(&request.headers, "referer")),
        "cs-content-type" => or_null(header(&request.headers, "content-type")),
        "cs-bytes" => or_null(request.body_size.and_then(number)),
        "dst_port" => number(request.port),
        "dst_ip" => string(literal(&request.host)?.to_string()),
        _ => None,
    }
}

/// The address as a proxy's log has it; the port stands there when it is not the scheme's own.
fn url(request: &HttpRequest) -> String {
    let usual = matches!((request.scheme.as_str(), request.port), ("http", 80) | ("https", 443));
    let port = if usual { String::new() } else { format!(":{}", request.port) };
    let (mark, query) = request.query.as_deref().map_or(("", ""), |query| ("?", query));
    format!("{}://{}{port}{}{mark}{query}", request.scheme, request.host, request.path)
}

fn extension(path: &str) -> Option<&str> {
    let name = path.rsplit('/').next()?;
    name.rsplit_once('.').map(|(_, extension)| extension)
}

fn header<'v>(headers: &'v [Header], name: &str) -> Value<'v> {
    headers.iter().find(|header| header.name == name).and_then(|header| string(header.value.as_str()))
}

fn registry_change<'v>(shown: &'v Shown<'_>, name: &str) -> Value<'v> {
    match name {
        "EventType" => string(registry::change(&shown.event.payload)?.event_type),
        "TargetObject" => string(registry::change(&shown.event.payload)?.target_object),
        "NewName" => string(registry::change(&shown.event.payload)?.new_name?),
        "Details" => or_null(registry::details(&shown.event.payload)?.and_then(string)),
        _ => None,
    }
}

fn ipc<'v>(shown: &'v Shown<'_>, name: &str) -> Value<'v> {
    let payload = &shown.event.payload;
    let (address, event_type) = if let Payload::PipeCreate(p) = payload {
        (&p.name, "CreatePipe")
    } else if let Payload::PipeConnect(p) = payload {
        (&p.name, "ConnectPipe")
    } else if let Payload::UnixSocketConnect(p) = payload {
        (&p.address, "connect")
    } else if let Payload::UnixSocketBind(p) = payload {
        (&p.address, "bind")
    } else if let Payload::UnixSocketListen(p) = payload {
        (&p.address, "listen")
    } else if let Payload::UnixSocketSendto(p) = payload {
        (&p.address, "sendto")
    } else {
        return None;
    };
    match name {
        "PipeName" | "SocketPath" => bytes(address),
        "EventType" | "Operation" => string(event_type),
        _ => None,
    }
}
