//! Which columns a kind's payload fills: one entry for each field, in the order that it is stored.

use super::column::Column;
use crate::event::Kind;

/// One field of a payload and where it goes.
pub type Field = (&'static str, Target);

/// Where a field of a payload goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// Into this column.
    Column(Column),
    /// Its own fields go into columns.
    Object(&'static [Field]),
    /// The envelope's column of this name holds it already.
    Envelope(Column),
    /// It has no column, for this reason; the column `payload` holds it.
    PayloadOnly(&'static str),
}

use Target::{Column as To, Envelope, Object, PayloadOnly};

/// The fields of the payload's `actor`.
#[must_use]
pub const fn actor_fields() -> &'static [Field] {
    &[
        ("pid", Envelope(Column::Pid)),
        ("ppid", To(Column::Ppid)),
        ("exe", To(Column::Exe)),
        ("comm", To(Column::Comm)),
        ("uid", To(Column::Uid)),
        ("gid", To(Column::Gid)),
        ("cwd", To(Column::Cwd)),
        ("user", To(Column::User)),
        ("guid", To(Column::Guid)),
        ("logon_id", To(Column::LogonId)),
        ("auid", To(Column::Auid)),
    ]
}

/// The fields of the payload's `sensor`.
#[must_use]
pub const fn sensor_fields() -> &'static [Field] {
    &[("name", To(Column::Sensor)), ("sequence", To(Column::SensorSequence))]
}

/// The fields of the payload's `imported`.
#[must_use]
pub const fn imported_fields() -> &'static [Field] {
    &[
        ("host", To(Column::ImportHost)),
        ("source", To(Column::ImportSource)),
        ("file", To(Column::ImportFile)),
        ("digest", To(Column::ImportDigest)),
        ("record", To(Column::ImportRecord)),
        ("provider", To(Column::ImportProvider)),
        ("code", To(Column::ImportCode)),
        ("tag", To(Column::ImportTag)),
        ("session", To(Column::ImportSession)),
    ]
}

const HEADERS: Target = PayloadOnly("a list of name and value, of which queries want single entries");

const STATISTICS: Field = (
    "statistics",
    Object(&[
        ("wall_time_us", To(Column::WallTimeUs)),
        ("user_cpu_us", To(Column::UserCpuUs)),
        ("system_cpu_us", To(Column::SystemCpuUs)),
        ("peak_memory_bytes", To(Column::PeakMemoryBytes)),
        ("read_bytes", To(Column::ReadBytes)),
        ("written_bytes", To(Column::WrittenBytes)),
        ("voluntary_switches", To(Column::VoluntarySwitches)),
        ("involuntary_switches", To(Column::InvoluntarySwitches)),
        ("minor_faults", To(Column::MinorFaults)),
        ("major_faults", To(Column::MajorFaults)),
        ("source", To(Column::StatisticsSource)),
        ("io_source", To(Column::IoSource)),
    ]),
);

const PATH: Field = ("path", To(Column::Path));
const HOST: Field = ("host", To(Column::Host));
const ADDRESS: Field = ("address", To(Column::Address));
const PORT: Field = ("port", To(Column::Port));
const ERROR: Field = ("error", To(Column::Error));
const SIGNAL: Field = ("signal", To(Column::Signal));
const SOCKET_ADDRESS: Field = ("address", To(Column::SocketAddress));
const NAMESPACE: Field = ("namespace", To(Column::Namespace));
const KEY: Field = ("key", To(Column::RegistryKey));
const VALUE_NAME: Field = ("value_name", To(Column::ValueName));
const SUBJECT: Field = ("subject", Envelope(Column::Subject));
const OPERATION: Field = ("operation", To(Column::Operation));
const RULE: Field = ("rule", Envelope(Column::Rule));

/// The fields of a kind's payload.
#[must_use]
pub const fn fields(kind: Kind) -> &'static [Field] {
    match kind {
        Kind::FileOpen => {
            &[PATH, ("access", To(Column::Access)), ("flags", To(Column::Flags)), ("rights", To(Column::FileRights))]
        }
        Kind::FileCreate => &[
            PATH,
            ("file_type", To(Column::FileType)),
            ("mode", To(Column::Mode)),
            ("access", To(Column::Access)),
            ("flags", To(Column::Flags)),
            ("created_us", To(Column::CreatedUs)),
            ("stream", To(Column::FileStream)),
            ("hashes", To(Column::Hashes)),
            ("contents", To(Column::Contents)),
        ],
        Kind::FileRead | Kind::FileWrite => {
            &[PATH, ("offset", To(Column::Offset)), ("requested", To(Column::Requested)), ("size", To(Column::Size))]
        }
        Kind::FileClose => &[
            PATH,
            ("counting", To(Column::Counting)),
            ("reads", To(Column::Reads)),
            ("bytes_read", To(Column::BytesRead)),
            ("writes", To(Column::Writes)),
            ("bytes_written", To(Column::BytesWritten)),
            ("size_before", To(Column::SizeBefore)),
            ("size_after", To(Column::SizeAfter)),
            ("blake3", To(Column::Blake3)),
        ],
        Kind::FileDelete => {
            &[PATH, ("hashes", To(Column::Hashes)), ("executable", To(Column::Executable)), ("archived", To(Column::Archived))]
        }
        Kind::DirDelete | Kind::DirList => &[PATH],
        Kind::FileRename => &[PATH, ("to", To(Column::To)), ("flags", To(Column::Flags))],
        Kind::FileLink => &[PATH, ("to", To(Column::To))],
        Kind::FileSymlink => &[PATH, ("target", To(Column::LinkTarget))],
        Kind::FileTruncate => &[PATH, ("size", To(Column::Size))],
        Kind::FileChmod | Kind::DirCreate => &[PATH, ("mode", To(Column::Mode))],
        Kind::FileChown => &[PATH, ("uid", To(Column::NewUid)), ("gid", To(Column::NewGid))],
        Kind::FileUtimens => &[PATH, ("atime_ns", To(Column::AtimeNs)), ("mtime_ns", To(Column::MtimeNs))],
        Kind::FileXattr => {
            &[PATH, ("operation", To(Column::XattrOperation)), ("name", To(Column::Xattr)), ("size", To(Column::Size))]
        }
        Kind::DnsQuery => &[
            ("name", To(Column::Host)),
            ("record_type", To(Column::RecordType)),
            ("rcode", To(Column::Rcode)),
            ("answers", To(Column::Answers)),
            ("latency_us", To(Column::LatencyUs)),
            ("upstream", To(Column::Upstream)),
            ERROR,
            ("status", To(Column::DnsStatus)),
        ],
        Kind::NetConnect => &[
            HOST,
            ADDRESS,
            PORT,
            ("protocol", To(Column::Protocol)),
            ("interception", To(Column::Interception)),
            ("source_host", To(Column::SourceHost)),
            ("source_address", To(Column::SourceAddress)),
            ("source_port", To(Column::SourcePort)),
            ("initiated", To(Column::Initiated)),
        ],
        Kind::NetClose => &[
            HOST,
            ADDRESS,
            PORT,
            ("bytes_sent", To(Column::BytesSent)),
            ("bytes_received", To(Column::BytesReceived)),
            ("duration_us", To(Column::DurationUs)),
            ERROR,
        ],
        Kind::HttpRequest => &[
            ("method", To(Column::Method)),
            ("scheme", To(Column::Scheme)),
            HOST,
            PORT,
            ("path", To(Column::UrlPath)),
            ("query", To(Column::Query)),
            ("version", To(Column::HttpVersion)),
            ("headers", HEADERS),
            ("body_size", To(Column::BodySize)),
            ("connection", To(Column::Connection)),
        ],
        Kind::HttpResponse => &[
            ("status", To(Column::Status)),
            ("version", To(Column::HttpVersion)),
            ("headers", HEADERS),
            ("request_bytes", To(Column::RequestBytes)),
            ("response_bytes", To(Column::ResponseBytes)),
            ("first_byte_us", To(Column::FirstByteUs)),
            ("duration_us", To(Column::DurationUs)),
            ("connection", To(Column::Connection)),
            ERROR,
        ],
        Kind::TlsHandshake => &[
            ("sni", To(Column::Sni)),
            ("alpn", To(Column::Alpn)),
            ("version", To(Column::TlsVersion)),
            ("ja4", To(Column::Ja4)),
            HOST,
            PORT,
            ("sni_mismatch", To(Column::SniMismatch)),
            ("connection", To(Column::Connection)),
        ],
        Kind::ProcessExec => &[
            PATH,
            ("requested", To(Column::Program)),
            ("argv", To(Column::Argv)),
            ("argc", To(Column::Argc)),
            ("argv_bytes", To(Column::ArgvBytes)),
            ("interpreters", To(Column::Interpreters)),
            ("parent_exe", To(Column::ParentExe)),
            ("depth", To(Column::Depth)),
            ("command_line", To(Column::CommandLine)),
            ("parent_command_line", To(Column::ParentCommandLine)),
            ("parent_user", To(Column::ParentUser)),
            ("parent_guid", To(Column::ParentGuid)),
            ("terminal_session", To(Column::TerminalSession)),
            ("integrity_level", To(Column::IntegrityLevel)),
            ("original_file_name", To(Column::OriginalFileName)),
            ("product", To(Column::Product)),
            ("company", To(Column::Company)),
            ("description", To(Column::Description)),
            ("file_version", To(Column::FileVersion)),
            ("hashes", To(Column::Hashes)),
            ("signature", To(Column::Signature)),
        ],
        Kind::ProcessExit => &[PATH, ("exit_code", To(Column::ExitCode)), SIGNAL, STATISTICS],
        Kind::SignalSent => &[SIGNAL, ("target_pid", To(Column::TargetPid)), ("target_exe", To(Column::TargetExe))],
        Kind::ImageLoad => &[
            PATH,
            ("signed", To(Column::Signed)),
            ("signature", To(Column::Signature)),
            ("hashes", To(Column::Hashes)),
            ("signature_status", To(Column::SignatureStatus)),
            ("original_file_name", To(Column::OriginalFileName)),
            ("product", To(Column::Product)),
            ("company", To(Column::Company)),
            ("description", To(Column::Description)),
            ("file_version", To(Column::FileVersion)),
        ],
        Kind::ProcessAccess => &[
            ("target_pid", To(Column::TargetPid)),
            ("target_exe", To(Column::TargetExe)),
            ("access", To(Column::AccessRights)),
            ("call_trace", To(Column::CallTrace)),
            ("target_guid", To(Column::TargetGuid)),
            ("target_user", To(Column::TargetUser)),
        ],
        Kind::ProcessFork => &[("child_pid", To(Column::TargetPid)), ("child_guid", To(Column::TargetGuid))],
        Kind::UnixSocketConnect | Kind::UnixSocketBind => &[SOCKET_ADDRESS, NAMESPACE, ("socket_type", To(Column::SocketType))],
        Kind::UnixSocketListen => &[SOCKET_ADDRESS, NAMESPACE, ("backlog", To(Column::Backlog))],
        Kind::UnixSocketSendto => &[SOCKET_ADDRESS, NAMESPACE, ("size", To(Column::Size))],
        Kind::PipeCreate | Kind::PipeConnect => &[("name", To(Column::Pipe))],
        Kind::RegistryCreateKey | Kind::RegistryDeleteKey => &[KEY],
        Kind::RegistryOpenKey => &[KEY, ("access", To(Column::RegistryAccess))],
        Kind::RegistryQueryValue | Kind::RegistryDeleteValue => &[KEY, VALUE_NAME],
        Kind::RegistrySetValue => &[
            KEY,
            VALUE_NAME,
            ("value_type", To(Column::ValueType)),
            ("data", To(Column::RegistryData)),
            ("size", To(Column::Size)),
            ("details", To(Column::RegistryDetails)),
        ],
        Kind::RegistryRenameKey => &[KEY, ("new_key", To(Column::RegistryNewKey))],
        Kind::CommandStarted => &[
            ("argv", To(Column::Argv)),
            ("cwd", To(Column::CommandCwd)),
            ("tty", To(Column::Tty)),
            ("traceparent", To(Column::Traceparent)),
        ],
        Kind::CommandFinished => &[
            ("program", To(Column::Program)),
            ("exit_code", To(Column::ExitCode)),
            SIGNAL,
            ERROR,
            ("processes", To(Column::Processes)),
            STATISTICS,
        ],
        Kind::TerminalOutput => &[("stream", To(Column::Stream)), TERMINAL_DATA, ("offset_us", To(Column::OffsetUs))],
        Kind::TerminalInput => &[TERMINAL_DATA, ("offset_us", To(Column::OffsetUs))],
        Kind::TerminalResize => {
            &[("rows", To(Column::TerminalRows)), ("columns", To(Column::TerminalColumns)), ("offset_us", To(Column::OffsetUs))]
        }
        Kind::SessionCreated => &[
            ("workspace", To(Column::Workspace)),
            ("policy", To(Column::Policy)),
            ("policy_digest", To(Column::PolicyDigest)),
            ("agentsh_version", To(Column::AgentshVersion)),
            ("hostname", To(Column::Hostname)),
            ("os", To(Column::Os)),
            ("uid", To(Column::SessionUid)),
            ("labels", To(Column::Labels)),
            ("traceparent", To(Column::Traceparent)),
        ],
        Kind::SessionEnded => &[
            ("reason", To(Column::Reason)),
            ("duration_us", To(Column::DurationUs)),
            ("processes_ended", To(Column::ProcessesEnded)),
        ],
        Kind::CapabilityReport => &[("layers", PayloadOnly("a list of layers with five texts each, once in a session"))],
        Kind::ResourceUsage => &[
            ("cpu_us", To(Column::CpuUs)),
            ("memory_bytes", To(Column::MemoryBytes)),
            ("processes", To(Column::Processes)),
            ("threads", To(Column::Threads)),
            ("read_bytes", To(Column::ReadBytes)),
            ("written_bytes", To(Column::WrittenBytes)),
        ],
        Kind::ResourceLimitExceeded => &[
            ("resource", To(Column::Resource)),
            ("limit", To(Column::ResourceLimit)),
            ("usage", To(Column::ResourceUsage)),
            ("action", To(Column::Action)),
        ],
        Kind::PolicyDecision => &[
            SUBJECT,
            OPERATION,
            ("decision", Envelope(Column::Decision)),
            RULE,
            ("reason", To(Column::Reason)),
            ("policy_digest", To(Column::PolicyDigest)),
            ("redirect_to", To(Column::RedirectTo)),
            ("enforced", To(Column::Enforced)),
        ],
        Kind::ApprovalRequested => &[SUBJECT, OPERATION, RULE, ("timeout_ms", To(Column::TimeoutMs))],
        Kind::ApprovalResolved => &[
            SUBJECT,
            ("outcome", To(Column::Outcome)),
            ("by", To(Column::AnsweredBy)),
            ("origin", To(Column::AnsweredFrom)),
            ("reason", To(Column::Reason)),
            ("waited_us", To(Column::WaitedUs)),
        ],
        Kind::Detection => &[
            ("rule_id", To(Column::RuleId)),
            ("title", To(Column::Title)),
            ("level", To(Column::Level)),
            ("techniques", To(Column::Techniques)),
            ("tactics", To(Column::Tactics)),
            ("attack_version", To(Column::AttackVersion)),
            ("events", To(Column::Events)),
        ],
        Kind::OperationFailed => &[SUBJECT, OPERATION, ("errno", To(Column::Errno)), ERROR],
        Kind::JournalOpened => &[
            ("events_before", To(Column::EventsBefore)),
            ("events_recovered", To(Column::EventsRecovered)),
            ("intakes_drained", To(Column::IntakesDrained)),
            ("torn_bytes", To(Column::TornBytes)),
            ("checkpoint_missing", To(Column::CheckpointMissing)),
            ("created", To(Column::Created)),
            ("agentsh_version", To(Column::AgentshVersion)),
        ],
        Kind::JournalCheckpoint => &[
            ("tree_size", To(Column::TreeSize)),
            ("root_hash", To(Column::RootHash)),
            ("note", PayloadOnly("a signed text that is verified, not queried")),
        ],
        Kind::EventsLost => &[
            ("hop", To(Column::Hop)),
            ("reason", To(Column::Reason)),
            ("count", To(Column::Count)),
            ("from_us", To(Column::FromUs)),
            ("to_us", To(Column::ToUs)),
            ("intake", To(Column::Intake)),
        ],
        Kind::PolicyLoaded => &[
            ("name", To(Column::Policy)),
            ("digest", To(Column::PolicyDigest)),
            ("source", To(Column::PolicySource)),
            ("text", PayloadOnly("the policy's whole text")),
            ("rules", To(Column::PolicyRules)),
        ],
        Kind::SinkStalled => &[("sink", To(Column::Sink)), ("delivered", To(Column::Delivered)), ("reason", To(Column::Reason))],
        Kind::SinkRecovered => {
            &[("sink", To(Column::Sink)), ("delivered", To(Column::Delivered)), ("stalled_us", To(Column::StalledUs))]
        }
        Kind::RecordUnread => &[
            ("file", Envelope(Column::Subject)),
            ("offset", To(Column::Offset)),
            ("reason", To(Column::Reason)),
            ("raw", To(Column::Raw)),
            ("raw_size", To(Column::RawSize)),
        ],
    }
}

const TERMINAL_DATA: Field = ("data", PayloadOnly("what a terminal showed, in pieces without meaning of their own"));
