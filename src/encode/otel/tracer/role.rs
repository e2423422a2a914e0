//! What each kind is to a trace.

use crate::event::{Kind, Payload};

/// What an event is to a trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// Begins the session's span.
    SessionBegins,
    /// Ends the session's span, and whatever is open in it.
    SessionEnds,
    /// Begins a command's span.
    CommandBegins,
    /// Ends a command's span.
    CommandEnds,
    /// Begins a process's span, or is one more program of the process.
    Executes,
    /// Ends a process's span.
    Exits,
    /// Begins an operation that another event ends.
    Begins,
    /// Ends the operation that is its cause.
    Ends,
    /// An operation without duration.
    Happens,
    /// A remark on the span of its cause.
    Remarks,
    /// A remark on the session.
    Notes,
    /// A log record only.
    Nothing,
}

/// What an event is to a trace.
pub(super) fn role(payload: &Payload) -> Role {
    // Only a regular file is opened when it is made; nothing closes the others.
    if let Payload::FileCreate(create) = payload {
        return if create.access.is_some() { Role::Begins } else { Role::Happens };
    }
    match payload.kind() {
        Kind::SessionCreated => Role::SessionBegins,
        Kind::SessionEnded => Role::SessionEnds,
        Kind::CommandStarted => Role::CommandBegins,
        Kind::CommandFinished => Role::CommandEnds,
        Kind::ProcessExec => Role::Executes,
        Kind::ProcessExit => Role::Exits,
        Kind::FileOpen | Kind::NetConnect | Kind::HttpRequest => Role::Begins,
        Kind::FileClose | Kind::NetClose | Kind::HttpResponse => Role::Ends,
        Kind::FileCreate
        | Kind::FileRead
        | Kind::FileWrite
        | Kind::FileDelete
        | Kind::FileRename
        | Kind::FileLink
        | Kind::FileSymlink
        | Kind::FileTruncate
        | Kind::FileChmod
        | Kind::FileChown
        | Kind::FileUtimens
        | Kind::FileXattr
        | Kind::DirCreate
        | Kind::DirDelete
        | Kind::DirList
        | Kind::DnsQuery
        | Kind::TlsHandshake
        | Kind::SignalSent
        | Kind::ImageLoad
        | Kind::ProcessAccess
        | Kind::ProcessFork
        | Kind::UnixSocketConnect
        | Kind::UnixSocketBind
        | Kind::UnixSocketListen
        | Kind::UnixSocketSendto
        | Kind::PipeCreate
        | Kind::PipeConnect
        | Kind::RegistryCreateKey
        | Kind::RegistryOpenKey
        | Kind::RegistryQueryValue
        | Kind::RegistrySetValue
        | Kind::RegistryDeleteValue
        | Kind::RegistryDeleteKey
        | Kind::RegistryRenameKey => Role::Happens,
        Kind::PolicyDecision | Kind::ApprovalRequested | Kind::ApprovalResolved | Kind::Detection | Kind::OperationFailed => {
            Role::Remarks
        }
        Kind::ResourceLimitExceeded | Kind::EventsLost | Kind::PolicyLoaded | Kind::CapabilityReport => Role::Notes,
        Kind::TerminalOutput
        | Kind::TerminalInput
        | Kind::TerminalResize
        | Kind::ResourceUsage
        | Kind::JournalOpened
        | Kind::JournalCheckpoint
        | Kind::SinkStalled
        | Kind::SinkRecovered
        | Kind::RecordUnread => Role::Nothing,
    }
}

/// Whether an event of the kind can change what a tracer knows; the others need not be read again after a restart.
pub(super) fn changes_spans(kind: Kind) -> bool {
    let payload = Payload::from_json(kind, "{}");
    // A kind whose empty payload could not be read would be read again, to be sure.
    payload.map_or(true, |payload| role(&payload) != Role::Nothing)
}
