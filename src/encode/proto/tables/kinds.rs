//! The envelope's table, and from a kind to the table, the number and the way back of its payload.

use std::sync::LazyLock;

use super::super::form::{Field, Form, Label, Message, OnWire, messages, words};
use super::super::from_wire::{FromWire, Place};
use super::super::{FromWireError, Kind as WireKind, event as wire};
use crate::event::{Actor, EventId, ImportOrigin, ImportSource, Kind, OsText, Payload, SensorOrigin};

words! {
    ImportSource { Evtx = Evtx, Eslogger = Eslogger, Auditd = Auditd, Jsonl = Jsonl }
}

messages! {
    Actor {
        pid: u32 = 1, ppid: Option<u32> = 2, exe: Option<OsText> = 3, comm: Option<OsText> = 4, uid: Option<u32> = 5,
        gid: Option<u32> = 6, cwd: Option<OsText> = 7, user: Option<String> = 8, guid: Option<String> = 9, logon_id: Option<String> = 10, auid: Option<u32> = 11,
    }
    SensorOrigin { name: String = 1, sequence: u64 = 2 }
    ImportOrigin { host: String = 1, source: ImportSource = 2, file: OsText = 3, digest: String = 4, record: u64 = 5, provider: Option<String> = 6, code: Option<String> = 7, tag: Option<String> = 8, session: Option<String> = 9 }
}

/// The fields of `Event` beside the payload.
pub(in super::super) const ENVELOPE: &Message = &Message {
    fields: &[
        Field::of::<u64>("seq", 1),
        Field::of::<EventId>("id", 2),
        Field::of::<i64>("time_us", 3),
        Field::of::<Option<String>>("session_id", 4),
        Field::of::<Option<String>>("command_id", 5),
        Field::of::<Option<EventId>>("cause", 6),
        Field::of::<Option<Actor>>("actor", 7),
        Field::of::<Option<SensorOrigin>>("sensor", 8),
        Field::of::<Kind>("kind", 9),
        Field { name: "severity", number: 10, form: Form::I32, label: Label::Plain },
        Field::of::<Vec<String>>("attack", 11),
        Field::of::<Option<String>>("subject", 12),
        Field::of::<Option<ImportOrigin>>("imported", 13),
    ],
};

/// What is known of a kind's payload on the wire.
#[derive(Clone, Copy, Debug)]
pub(in super::super) struct KindTable {
    /// Number of the payload's field, and of the kind in the enum `Kind`.
    pub(in super::super) number: u32,
    /// The payload's form.
    pub(in super::super) form: Form,
}

macro_rules! kinds {
    ($($name:ident),* $(,)?) => {
        /// Where the payload of a kind stands and what it is made of.
        pub(in super::super) const fn table(kind: Kind) -> KindTable {
            match kind {
                $(Kind::$name => KindTable { number: WireKind::$name as u32, form: <crate::event::$name as OnWire>::FORM },)*
            }
        }

        /// The kind that a number of the enum `agentsh.v1.Kind` stands for.
        #[must_use]
        pub fn kind_of_number(number: i32) -> Option<Kind> {
            match WireKind::try_from(number) {
                Ok(WireKind::Unspecified) | Err(_) => None,
                $(Ok(WireKind::$name) => Some(Kind::$name),)*
            }
        }

        /// The payload of the vocabulary.
        pub(in super::super) fn payload_from_wire(payload: wire::Payload) -> Result<Payload, FromWireError> {
            match payload {
                $(wire::Payload::$name(message) => {
                    crate::event::$name::from_wire(message, &Place::root(Kind::$name.as_str())).map(Payload::$name)
                })*
            }
        }
    };
}

kinds! {
    FileOpen, FileCreate, FileRead, FileWrite, FileClose, FileDelete, FileRename, FileLink, FileSymlink, FileTruncate,
    FileChmod, FileChown, FileUtimens, FileXattr, DirCreate, DirDelete, DirList, DnsQuery, NetConnect, NetClose,
    HttpRequest, HttpResponse, TlsHandshake, ProcessExec, ProcessExit, SignalSent, ImageLoad, ProcessAccess,
    ProcessFork,    UnixSocketConnect, UnixSocketBind, UnixSocketListen, UnixSocketSendto, PipeCreate, PipeConnect, RegistryCreateKey,
    RegistryOpenKey, RegistryQueryValue, RegistrySetValue, RegistryDeleteValue, RegistryDeleteKey, RegistryRenameKey,
    CommandStarted, CommandFinished, TerminalOutput, TerminalInput, TerminalResize, SessionCreated, SessionEnded,
    CapabilityReport, ResourceUsage, ResourceLimitExceeded, PolicyDecision, ApprovalRequested, ApprovalResolved, Detection,
    OperationFailed, JournalOpened, JournalCheckpoint, EventsLost, PolicyLoaded, SinkStalled, SinkRecovered, RecordUnread,
}

/// Slots of the table of names: a power of two, at least twice the kinds.
const SLOTS: usize = 256;

/// Names by a hash of their length and three letters: every event asks, and a chain of comparisons would cost more than its ids.
static NAMES: LazyLock<Vec<Option<Kind>>> = LazyLock::new(|| {
    let mut slots = vec![None; SLOTS];
    for kind in Kind::ALL {
        let mut at = slot(kind.as_str().as_bytes());
        while let Some(taken) = slots.get_mut(at % SLOTS) {
            if taken.is_none() {
                *taken = Some(*kind);
                break;
            }
            at += 1;
        }
    }
    slots
});

fn slot(name: &[u8]) -> usize {
    let letter = |at: usize| name.get(at).copied().map_or(0, usize::from);
    let len = name.len();
    (len * 3 + letter(len / 2) * 5 + letter(len.wrapping_sub(2)) * 11 + letter(len.wrapping_sub(4)) * 29) % SLOTS
}

/// The kind of a name.
pub(in super::super) fn kind_named(name: &[u8]) -> Option<Kind> {
    let mut at = slot(name);
    // Ends: at most half of the slots are taken.
    loop {
        let kind = (*NAMES.get(at % SLOTS)?)?;
        if kind.as_str().as_bytes() == name {
            return Some(kind);
        }
        at += 1;
    }
}
