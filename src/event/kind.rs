//! The closed list of event kinds: one table from which names, families and the payload enum are made.
//!
//! A kind that is added here does not compile until every encoding matches it, since nothing matches kinds with `_`.

use serde::{Deserialize, Serialize};

use super::payload::*;

/// A group of kinds that share a policy rule list, a view in the journal and a shape in every encoding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Family {
    /// Files and directories.
    File,
    /// Names, connections, HTTP and TLS.
    Network,
    /// Programs, signals, images.
    Process,
    /// Unix sockets and pipes.
    Ipc,
    /// The Windows registry.
    Registry,
    /// The commands that a user asked for, and their terminals.
    Command,
    /// The life of a session.
    Session,
    /// What was decided or detected about other events.
    Derived,
    /// How an operation that was let through ended, where no other kind says so.
    Outcome,
    /// The recorder's own state.
    Pipeline,
}

impl Family {
    /// Every family, in the order of the documentation.
    pub const ALL: [Family; 10] = [
        Family::File,
        Family::Network,
        Family::Process,
        Family::Ipc,
        Family::Registry,
        Family::Command,
        Family::Session,
        Family::Derived,
        Family::Outcome,
        Family::Pipeline,
    ];

    /// The stable name, as it stands in filters and view names (`file` → `file_events`).
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Family::File => "file",
            Family::Network => "network",
            Family::Process => "process",
            Family::Ipc => "ipc",
            Family::Registry => "registry",
            Family::Command => "command",
            Family::Session => "session",
            Family::Derived => "derived",
            Family::Outcome => "outcome",
            Family::Pipeline => "pipeline",
        }
    }
}

/// A name that is not an event kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{name}` is not an event kind")]
pub struct UnknownKind {
    /// The name as it was given.
    pub name: String,
}

macro_rules! kinds {
    ($($family:ident { $($variant:ident => $name:literal,)* })*) => {
        /// What happened. The names are stable and never renamed.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema)]
        #[serde(rename_all = "snake_case")]
        pub enum Kind {
            $($(
                #[doc = concat!("`", $name, "`: see [`", stringify!($variant), "`].")]
                $variant,
            )*)*
        }

        impl Kind {
            /// Every kind, in the order of the documentation.
            pub const ALL: &'static [Kind] = &[$($(Kind::$variant,)*)*];

            /// The stable name, as it stands in the journal's `kind` column.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $($(Kind::$variant => $name,)*)* }
            }

            /// The family that the kind belongs to.
            #[must_use]
            pub const fn family(self) -> Family {
                match self { $($(Kind::$variant => Family::$family,)*)* }
            }
        }

        impl std::str::FromStr for Kind {
            type Err = UnknownKind;

            fn from_str(name: &str) -> Result<Self, UnknownKind> {
                match name {
                    $($($name => Ok(Kind::$variant),)*)*
                    other => Err(UnknownKind { name: other.to_owned() }),
                }
            }
        }

        /// The typed content of an event: one variant for each kind.
        #[derive(Clone, Debug, PartialEq, Serialize, schemars::JsonSchema)]
        #[serde(untagged)]
        pub enum Payload {
            $($(
                #[doc = concat!("Content of `", $name, "`.")]
                $variant($variant),
            )*)*
        }

        impl Payload {
            /// The kind of the event that carries this payload.
            #[must_use]
            pub const fn kind(&self) -> Kind {
                match self { $($(Payload::$variant(_) => Kind::$variant,)*)* }
            }

            /// Reads the payload of a known kind from its stored JSON object. Keys that the kind does not have are ignored,
            /// so that the envelope's keys may stand beside them; a field that is not there (an older version did not have it)
            /// takes its type's default.
            ///
            /// # Errors
            /// When the text is no JSON or holds a field of another type.
            pub fn from_json(kind: Kind, json: &str) -> Result<Self, serde_json::Error> {
                // Read from a list, a struct would take what stands first as its first field.
                if !json.trim_ascii_start().starts_with('{') {
                    return Err(serde::de::Error::custom("a payload is a JSON object"));
                }
                match kind {
                    $($(Kind::$variant => serde_json::from_str(json).map(Payload::$variant),)*)*
                }
            }
        }

        $($(
            impl From<$variant> for Payload {
                fn from(payload: $variant) -> Self { Payload::$variant(payload) }
            }
        )*)*
    };
}

kinds! {
    File {
        FileOpen => "file_open",
        FileCreate => "file_create",
        FileRead => "file_read",
        FileWrite => "file_write",
        FileClose => "file_close",
        FileDelete => "file_delete",
        FileRename => "file_rename",
        FileLink => "file_link",
        FileSymlink => "file_symlink",
        FileTruncate => "file_truncate",
        FileChmod => "file_chmod",
        FileChown => "file_chown",
        FileUtimens => "file_utimens",
        FileXattr => "file_xattr",
        DirCreate => "dir_create",
        DirDelete => "dir_delete",
        DirList => "dir_list",
    }
    Network {
        DnsQuery => "dns_query",
        NetConnect => "net_connect",
        NetClose => "net_close",
        HttpRequest => "http_request",
        HttpResponse => "http_response",
        TlsHandshake => "tls_handshake",
    }
    Process {
        ProcessExec => "process_exec",
        ProcessExit => "process_exit",
        SignalSent => "signal_sent",
        ImageLoad => "image_load",
        ProcessAccess => "process_access",
        ProcessFork => "process_fork",
    }
    Ipc {
        UnixSocketConnect => "unix_socket_connect",
        UnixSocketBind => "unix_socket_bind",
        UnixSocketListen => "unix_socket_listen",
        UnixSocketSendto => "unix_socket_sendto",
        PipeCreate => "pipe_create",
        PipeConnect => "pipe_connect",
    }
    Registry {
        RegistryCreateKey => "registry_create_key",
        RegistryOpenKey => "registry_open_key",
        RegistryQueryValue => "registry_query_value",
        RegistrySetValue => "registry_set_value",
        RegistryDeleteValue => "registry_delete_value",
        RegistryDeleteKey => "registry_delete_key",
        RegistryRenameKey => "registry_rename_key",
    }
    Command {
        CommandStarted => "command_started",
        CommandFinished => "command_finished",
        TerminalOutput => "terminal_output",
        TerminalInput => "terminal_input",
        TerminalResize => "terminal_resize",
    }
    Session {
        SessionCreated => "session_created",
        SessionEnded => "session_ended",
        CapabilityReport => "capability_report",
        ResourceUsage => "resource_usage",
        ResourceLimitExceeded => "resource_limit_exceeded",
    }
    Derived {
        PolicyDecision => "policy_decision",
        ApprovalRequested => "approval_requested",
        ApprovalResolved => "approval_resolved",
        Detection => "detection",
    }
    Outcome {
        OperationFailed => "operation_failed",
    }
    Pipeline {
        JournalOpened => "journal_opened",
        JournalCheckpoint => "journal_checkpoint",
        EventsLost => "events_lost",
        PolicyLoaded => "policy_loaded",
        SinkStalled => "sink_stalled",
        SinkRecovered => "sink_recovered",
        RecordUnread => "record_unread",
    }
}
