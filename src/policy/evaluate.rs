//! Evaluation: one event, one verdict.
//!
//! A verdict costs no allocation: rules and reasons were made when the policy was compiled, and matching borrows the thread's memory.

use super::compile::Policy;
use super::judgement::{Judgement, stricter};
use super::operations::Operations;
use super::registry::KeyOperations;
use crate::event::{Event, FileAccess, FileCreate, FileLink, FileOpen, FileRename, Kind, Payload, XattrOperation};

/// `RENAME_EXCHANGE` of `renameat2(2)`: both names change places.
const RENAME_EXCHANGE: u32 = 2;

/// Whether operations of a kind can be refused, so that they must be judged before they happen.
#[must_use]
pub const fn is_gated(kind: Kind) -> bool {
    match kind {
        Kind::FileOpen
        | Kind::FileCreate
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
        | Kind::NetConnect
        | Kind::HttpRequest
        | Kind::ProcessExec
        | Kind::RegistryCreateKey
        | Kind::RegistryOpenKey
        | Kind::RegistryQueryValue
        | Kind::RegistrySetValue
        | Kind::RegistryDeleteValue
        | Kind::RegistryDeleteKey
        | Kind::RegistryRenameKey => true,
        Kind::FileRead
        | Kind::FileWrite
        | Kind::FileClose
        | Kind::DnsQuery
        | Kind::NetClose
        | Kind::HttpResponse
        | Kind::TlsHandshake
        | Kind::ProcessExit
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
        | Kind::CommandStarted
        | Kind::CommandFinished
        | Kind::TerminalOutput
        | Kind::TerminalInput
        | Kind::TerminalResize
        | Kind::SessionCreated
        | Kind::SessionEnded
        | Kind::CapabilityReport
        | Kind::ResourceUsage
        | Kind::ResourceLimitExceeded
        | Kind::PolicyDecision
        | Kind::ApprovalRequested
        | Kind::ApprovalResolved
        | Kind::Detection
        | Kind::OperationFailed
        | Kind::JournalOpened
        | Kind::JournalCheckpoint
        | Kind::EventsLost
        | Kind::PolicyLoaded
        | Kind::SinkStalled
        | Kind::SinkRecovered
        | Kind::RecordUnread => false,
    }
}

impl Policy {
    /// Judges an operation.
    ///
    /// A `net_connect` without an address gets the strictest verdict that any address could bring. An `http_request`, which has no
    /// address, is refused only if its connection would be refused whatever the address.
    #[must_use]
    pub fn decide(&self, event: &Event) -> Judgement {
        self.judge(&event.payload)
    }

    /// Judges a destination before its name is resolved, so that a name that is refused is not even asked for. `None` when the address
    /// may decide: then resolve the name and [`Policy::decide`] the `net_connect`.
    #[must_use]
    pub fn decide_by_name(&self, host: &str, port: u16) -> Option<Judgement> {
        self.network.judge_name(host, port).cloned()
    }

    fn judge(&self, payload: &Payload) -> Judgement {
        let registry = &self.registry;
        let judgement = match payload {
            Payload::FileOpen(open) => self.files.judge(open.path.as_bytes(), opening(open)),
            Payload::FileCreate(create) => self.files.judge(create.path.as_bytes(), creating(create)),
            Payload::FileDelete(p) => self.files.judge(p.path.as_bytes(), Operations::DELETE),
            Payload::FileRename(rename) => self.judge_rename(rename),
            Payload::FileLink(link) => self.judge_link(link),
            Payload::FileSymlink(p) => self.files.judge(p.path.as_bytes(), Operations::SYMLINK.and(Operations::CREATE)),
            Payload::FileTruncate(p) => self.files.judge(p.path.as_bytes(), Operations::TRUNCATE.and(Operations::WRITE)),
            Payload::FileChmod(p) => self.files.judge(p.path.as_bytes(), Operations::CHMOD),
            Payload::FileChown(p) => self.files.judge(p.path.as_bytes(), Operations::CHOWN),
            Payload::FileUtimens(p) => self.files.judge(p.path.as_bytes(), Operations::UTIMENS),
            Payload::FileXattr(p) => self.files.judge(p.path.as_bytes(), attribute(p.operation)),
            Payload::DirCreate(p) => self.files.judge(p.path.as_bytes(), Operations::MKDIR),
            Payload::DirDelete(p) => self.files.judge(p.path.as_bytes(), Operations::RMDIR),
            Payload::DirList(p) => self.files.judge(p.path.as_bytes(), Operations::LIST),
            Payload::NetConnect(p) => self.network.judge_connection(p.host.as_deref(), p.address, p.port),
            Payload::HttpRequest(p) => self.network.judge_request(&p.host, p.port),
            Payload::ProcessExec(exec) => self.commands.judge(exec),
            Payload::RegistryCreateKey(p) => return registry.judge_key(&p.key, KeyOperations::CREATE),
            Payload::RegistryOpenKey(p) => return registry.judge_key(&p.key, KeyOperations::OPEN),
            Payload::RegistryQueryValue(p) => return registry.judge_value(&p.key, &p.value_name, KeyOperations::QUERY),
            Payload::RegistrySetValue(p) => return registry.judge_value(&p.key, &p.value_name, KeyOperations::WRITE),
            Payload::RegistryDeleteValue(p) => return registry.judge_value(&p.key, &p.value_name, KeyOperations::DELETE),
            Payload::RegistryDeleteKey(p) => return registry.judge_key(&p.key, KeyOperations::DELETE),
            Payload::RegistryRenameKey(p) => return registry.judge_rename(&p.key, &p.new_key),
            Payload::FileRead(_)
            | Payload::FileWrite(_)
            | Payload::FileClose(_)
            | Payload::DnsQuery(_)
            | Payload::NetClose(_)
            | Payload::HttpResponse(_)
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
            | Payload::CommandStarted(_)
            | Payload::CommandFinished(_)
            | Payload::TerminalOutput(_)
            | Payload::TerminalInput(_)
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
            | Payload::SinkRecovered(_)
            | Payload::RecordUnread(_) => &self.not_gated,
        };
        judgement.clone()
    }

    /// Whoever renames takes a name away and makes one; an exchange does both at both ends.
    fn judge_rename(&self, rename: &FileRename) -> &Judgement {
        let (mut leaving, mut arriving) =
            (Operations::RENAME.and(Operations::DELETE), Operations::RENAME.and(Operations::CREATE));
        if rename.flags & RENAME_EXCHANGE != 0 {
            leaving = leaving.and(Operations::CREATE);
            arriving = arriving.and(Operations::DELETE);
        }
        stricter(self.files.judge(rename.path.as_bytes(), leaving), self.files.judge(rename.to.as_bytes(), arriving))
    }

    fn judge_link(&self, link: &FileLink) -> &Judgement {
        let existing = self.files.judge(link.path.as_bytes(), Operations::LINK);
        stricter(existing, self.files.judge(link.to.as_bytes(), Operations::LINK.and(Operations::CREATE)))
    }
}

fn opening(open: &FileOpen) -> Operations {
    let access = access(open.access);
    // The flags are Linux numbers of the machine's architecture, and so is the constant.
    let truncates = u32::try_from(libc::O_TRUNC).is_ok_and(|flag| open.flags & flag != 0);
    if truncates { access.and(Operations::WRITE).and(Operations::TRUNCATE) } else { access }
}

/// The handle that comes with a new file counts as an open one would, so that a rule against `write` cannot be evaded by creating.
fn creating(create: &FileCreate) -> Operations {
    create.access.map_or(Operations::CREATE, |handle| Operations::CREATE.and(access(handle)))
}

const fn access(access: FileAccess) -> Operations {
    match access {
        FileAccess::Read => Operations::READ,
        FileAccess::Write => Operations::WRITE,
        FileAccess::ReadWrite => Operations::READ.and(Operations::WRITE),
    }
}

/// Attributes are set under `xattr`, and read under `read` like the rest of a file.
const fn attribute(operation: XattrOperation) -> Operations {
    match operation {
        XattrOperation::Set | XattrOperation::Remove => Operations::XATTR,
        XattrOperation::Get | XattrOperation::List => Operations::READ,
    }
}
