//! The table: which class and which activities each kind has.

use super::class::{Class, Mapping};
use crate::event::Kind;

/// `activity_id` of what a class has no word for; the record's `activity_name` says what it is.
pub(super) const OTHER: u8 = 99;

/// The class of a kind. Kinds without a class of their own have the nearest: see docs/ocsf.md.
#[must_use]
pub const fn class(kind: Kind) -> Mapping {
    Mapping::To(match kind {
        Kind::FileOpen
        | Kind::FileCreate
        | Kind::FileRead
        | Kind::FileWrite
        | Kind::FileClose
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
        | Kind::DirList => Class::File,
        Kind::DnsQuery => Class::Dns,
        Kind::NetConnect | Kind::NetClose | Kind::TlsHandshake => Class::Network,
        Kind::HttpRequest | Kind::HttpResponse => Class::Http,
        Kind::UnixSocketConnect
        | Kind::UnixSocketBind
        | Kind::UnixSocketListen
        | Kind::UnixSocketSendto
        | Kind::PipeCreate
        | Kind::PipeConnect => Class::Network,
        Kind::RegistryCreateKey | Kind::RegistryOpenKey | Kind::RegistryDeleteKey | Kind::RegistryRenameKey => Class::RegistryKey,
        Kind::RegistryQueryValue | Kind::RegistrySetValue | Kind::RegistryDeleteValue => Class::RegistryValue,
        Kind::ProcessExec | Kind::ProcessExit | Kind::SignalSent | Kind::ImageLoad | Kind::ProcessAccess | Kind::ProcessFork => {
            Class::Process
        }
        Kind::CommandStarted
        | Kind::CommandFinished
        | Kind::TerminalOutput
        | Kind::TerminalInput
        | Kind::TerminalResize
        | Kind::SessionCreated
        | Kind::SessionEnded
        | Kind::CapabilityReport
        | Kind::ResourceUsage => Class::Process,
        Kind::PolicyDecision | Kind::ApprovalRequested | Kind::OperationFailed => return Mapping::OfOperation,
        Kind::ApprovalResolved => Class::Process,
        Kind::Detection
        | Kind::ResourceLimitExceeded
        | Kind::EventsLost
        | Kind::SinkStalled
        | Kind::SinkRecovered
        | Kind::RecordUnread => Class::Finding,
        Kind::JournalOpened | Kind::JournalCheckpoint | Kind::PolicyLoaded => Class::Process,
    })
}

/// Every `activity_id` that a kind's records may have, first the one that is taken where the kind alone is known (in a decision
/// about it). Empty for a kind that has its operation's.
#[must_use]
pub const fn activities(kind: Kind) -> &'static [u8] {
    match kind {
        Kind::FileCreate | Kind::FileLink | Kind::FileSymlink | Kind::DirCreate => &[1],
        Kind::FileRead | Kind::DirList => &[2],
        Kind::FileWrite | Kind::FileTruncate => &[3],
        Kind::FileDelete | Kind::DirDelete => &[4],
        Kind::FileRename => &[5],
        Kind::FileUtimens => &[6],
        Kind::FileXattr => &[6, 8],
        Kind::FileChmod | Kind::FileChown => &[7],
        Kind::FileOpen => &[14],
        Kind::FileClose => &[OTHER],
        Kind::DnsQuery => &[1, 6],
        Kind::NetConnect => &[1],
        Kind::NetClose => &[2],
        Kind::TlsHandshake => &[OTHER],
        Kind::HttpRequest => &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, OTHER],
        Kind::HttpResponse => &[OTHER],
        Kind::ProcessExec | Kind::ProcessFork | Kind::CommandStarted => &[1],
        Kind::ProcessExit | Kind::CommandFinished => &[2],
        Kind::ProcessAccess => &[3],
        Kind::SignalSent | Kind::ImageLoad => &[OTHER],
        Kind::UnixSocketConnect | Kind::PipeConnect => &[1],
        Kind::UnixSocketBind => &[OTHER],
        Kind::UnixSocketListen | Kind::PipeCreate => &[7],
        Kind::UnixSocketSendto => &[6],
        Kind::RegistryCreateKey => &[1],
        Kind::RegistryOpenKey => &[6],
        Kind::RegistryDeleteKey => &[4],
        Kind::RegistryRenameKey => &[5],
        Kind::RegistryQueryValue => &[1],
        Kind::RegistrySetValue => &[2],
        Kind::RegistryDeleteValue => &[4],
        Kind::TerminalOutput
        | Kind::TerminalInput
        | Kind::TerminalResize
        | Kind::SessionCreated
        | Kind::SessionEnded
        | Kind::CapabilityReport
        | Kind::ResourceUsage
        | Kind::ApprovalResolved
        | Kind::JournalOpened
        | Kind::JournalCheckpoint
        | Kind::PolicyLoaded => &[OTHER],
        Kind::PolicyDecision | Kind::ApprovalRequested | Kind::OperationFailed => &[],
        Kind::Detection | Kind::ResourceLimitExceeded | Kind::EventsLost | Kind::SinkStalled | Kind::RecordUnread => &[1],
        Kind::SinkRecovered => &[3],
    }
}

/// The activity of a kind as far as the kind alone tells.
pub(super) fn usual(kind: Kind) -> u8 {
    activities(kind).first().copied().unwrap_or(OTHER)
}

/// A kind's name as a caption: `image_load` → `Image Load`.
pub(super) fn caption(kind: Kind) -> String {
    let words = kind.as_str().split('_').map(|word| {
        let mut letters = word.chars();
        letters.next().map(|first| first.to_uppercase().chain(letters).collect::<String>()).unwrap_or_default()
    });
    words.collect::<Vec<_>>().join(" ")
}
