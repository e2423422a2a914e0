//! A payload that was told by someone else: the same fields without their secrets that our own layers redact.

use std::borrow::Cow;

use super::{argv, bytes, command_line, header_value, named_value, path, query, text};
use crate::event::{Header, OsText, Payload, RegistrySetValue};

/// The payload with arguments, URLs, headers, registry data, contents and terminal text redacted.
#[must_use]
pub fn payload(mut payload: Payload) -> Payload {
    payload_in_place(&mut payload);
    payload
}

/// As [`payload`], where it stands.
pub fn payload_in_place(payload: &mut Payload) {
    match payload {
        Payload::ProcessExec(exec) => {
            exec.argv = argv(&exec.argv);
            in_place(&mut exec.command_line, command_line);
            in_place(&mut exec.parent_command_line, command_line);
        }
        Payload::CommandStarted(command) => command.argv = argv(&command.argv),
        Payload::HttpRequest(request) => {
            request.path = path(&request.path).into_owned();
            request.query = request.query.as_deref().map(|it| query(it).into_owned());
            headers(&mut request.headers);
        }
        Payload::HttpResponse(response) => headers(&mut response.headers),
        Payload::TerminalOutput(output) => os_text(&mut output.data),
        Payload::TerminalInput(input) => os_text(&mut input.data),
        Payload::FileCreate(create) => in_place(&mut create.contents, text),
        Payload::RegistrySetValue(set) => registry_value(set),
        Payload::RecordUnread(record) => os_text(&mut record.raw),
        Payload::FileOpen(_)
        | Payload::FileRead(_)
        | Payload::FileWrite(_)
        | Payload::FileClose(_)
        | Payload::FileDelete(_)
        | Payload::FileRename(_)
        | Payload::FileLink(_)
        | Payload::FileSymlink(_)
        | Payload::FileTruncate(_)
        | Payload::FileChmod(_)
        | Payload::FileChown(_)
        | Payload::FileUtimens(_)
        | Payload::FileXattr(_)
        | Payload::DirCreate(_)
        | Payload::DirDelete(_)
        | Payload::DirList(_)
        | Payload::DnsQuery(_)
        | Payload::NetConnect(_)
        | Payload::NetClose(_)
        | Payload::TlsHandshake(_)
        | Payload::ProcessExit(_)
        | Payload::SignalSent(_)
        | Payload::ImageLoad(_)
        | Payload::ProcessAccess(_)
        | Payload::ProcessFork(_)
        | Payload::UnixSocketConnect(_)
        | Payload::UnixSocketBind(_)
        | Payload::UnixSocketListen(_)
        | Payload::UnixSocketSendto(_)
        | Payload::PipeCreate(_)
        | Payload::PipeConnect(_)
        | Payload::RegistryCreateKey(_)
        | Payload::RegistryOpenKey(_)
        | Payload::RegistryQueryValue(_)
        | Payload::RegistryDeleteValue(_)
        | Payload::RegistryDeleteKey(_)
        | Payload::RegistryRenameKey(_)
        | Payload::CommandFinished(_)
        | Payload::TerminalResize(_)
        | Payload::SessionCreated(_)
        | Payload::SessionEnded(_)
        | Payload::CapabilityReport(_)
        | Payload::ResourceUsage(_)
        | Payload::ResourceLimitExceeded(_)
        | Payload::PolicyDecision(_)
        | Payload::ApprovalRequested(_)
        | Payload::ApprovalResolved(_)
        | Payload::Detection(_)
        | Payload::OperationFailed(_)
        | Payload::JournalOpened(_)
        | Payload::JournalCheckpoint(_)
        | Payload::EventsLost(_)
        | Payload::PolicyLoaded(_)
        | Payload::SinkStalled(_)
        | Payload::SinkRecovered(_) => {}
    }
}

fn in_place(value: &mut Option<String>, redact: impl Fn(&str) -> Cow<'_, str>) {
    if let Some(Cow::Owned(redacted)) = value.as_deref().map(redact) {
        *value = Some(redacted);
    }
}

fn headers(headers: &mut [Header]) {
    for header in headers {
        header.value = header_value(&header.name, &header.value).into_owned();
    }
}

fn os_text(data: &mut OsText) {
    if let Cow::Owned(redacted) = bytes(data.as_bytes()) {
        *data = OsText::from_bytes(redacted);
    }
}

/// The data of a registry value: a secret by its name too (`DefaultPassword`).
fn registry_value(set: &mut RegistrySetValue) {
    let name = set.value_name.as_str();
    for data in [&mut set.data, &mut set.details].into_iter().flatten() {
        *data = named_value(name, data);
    }
}
