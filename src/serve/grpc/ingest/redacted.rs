//! What a sensor tells, without its secrets (G-7): the same fields that our own layers redact.

use crate::event::{Header, OsText, Payload, redact};

/// The payload with arguments, URLs, headers and terminal text redacted.
pub(super) fn redacted(mut payload: Payload) -> Payload {
    match &mut payload {
        Payload::ProcessExec(exec) => exec.argv = redact::argv(&exec.argv),
        Payload::CommandStarted(command) => command.argv = redact::argv(&command.argv),
        Payload::HttpRequest(request) => {
            request.path = redact::path(&request.path).into_owned();
            request.query = request.query.as_deref().map(|query| redact::query(query).into_owned());
            headers(&mut request.headers);
        }
        Payload::HttpResponse(response) => headers(&mut response.headers),
        Payload::RegistrySetValue(set) => {
            set.data = set.data.as_deref().map(|data| redact::named_value(&set.value_name, data));
        }
        Payload::TerminalOutput(output) => bytes(&mut output.data),
        Payload::TerminalInput(input) => bytes(&mut input.data),
        Payload::FileOpen(_)
        | Payload::FileCreate(_)
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
    payload
}

fn headers(headers: &mut [Header]) {
    for header in headers {
        header.value = redact::header_value(&header.name, &header.value).into_owned();
    }
}

fn bytes(data: &mut OsText) {
    *data = OsText::from_bytes(redact::bytes(data.as_bytes()).into_owned());
}
