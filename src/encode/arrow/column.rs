//! The columns: name, type and meaning of each. The order is the order in the file. Names and types are stable.

use std::sync::{Arc, OnceLock};

use arrow_schema::{DataType, Field, Schema, SchemaRef, TimeUnit};

/// What a column holds. Numbers are signed, since not every engine reads unsigned ones; a number beyond the type is null, and the
/// payload has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Data {
    /// A signed 64-bit integer.
    Integer,
    /// A time in microseconds since 1970, UTC.
    Time,
    /// Text, UTF-8.
    Text,
    /// `true` or `false`.
    Flag,
    /// Sixteen bytes: an event's id.
    Id,
    /// Thirty-two bytes: a SHA-256 hash.
    Hash,
    /// A list of texts.
    Texts,
    /// A list of signed 64-bit integers.
    Integers,
}

impl Data {
    /// The type in Arrow.
    #[must_use]
    pub fn data_type(self) -> DataType {
        let list = |item: DataType| DataType::List(Arc::new(Field::new("element", item, false)));
        match self {
            Data::Integer => DataType::Int64,
            Data::Time => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
            Data::Text => DataType::Utf8,
            Data::Flag => DataType::Boolean,
            Data::Id => DataType::FixedSizeBinary(16),
            Data::Hash => DataType::FixedSizeBinary(32),
            Data::Texts => list(DataType::Utf8),
            Data::Integers => list(DataType::Int64),
        }
    }

    /// The type in words, for the documentation.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Data::Integer => "int64",
            Data::Time => "timestamp (µs, UTC)",
            Data::Text => "string",
            Data::Flag => "boolean",
            Data::Id => "16 bytes",
            Data::Hash => "32 bytes",
            Data::Texts => "list of strings",
            Data::Integers => "list of int64",
        }
    }
}

macro_rules! columns {
    ($($variant:ident $name:literal $data:ident $about:literal,)*) => {
        /// A column of the row.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Column {
            $(#[doc = $about] $variant,)*
        }

        impl Column {
            /// Every column, in the order of the file.
            pub const ALL: &'static [Column] = &[$(Column::$variant,)*];

            /// The stable name.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Column::$variant => $name,)* }
            }

            /// What it holds.
            #[must_use]
            pub const fn data(self) -> Data {
                match self { $(Column::$variant => Data::$data,)* }
            }

            /// Its meaning and unit.
            #[must_use]
            pub const fn about(self) -> &'static str {
                match self { $(Column::$variant => $about,)* }
            }
        }
    };
}

columns! {
    Seq "seq" Integer "Position in the journal.",
    Id "id" Id "Identity of the event: a UUID.",
    Time "time" Time "When it was seen.",
    SessionId "session_id" Text "The session.",
    CommandId "command_id" Text "The command within the session.",
    Cause "cause" Id "`id` of the event that it derives from or completes.",
    Kind "kind" Text "What happened.",
    Family "family" Text "The group of kinds that it belongs to.",
    Subject "subject" Text "The path, host, key or program that it is about.",
    Decision "decision" Text "Policy's verdict, of a `policy_decision`.",
    Rule "rule" Text "The policy rule that decided or asks.",
    Severity "severity" Integer "OCSF `severity_id`, 1 to 6.",
    Attack "attack" Texts "ATT&CK technique ids.",
    Pid "pid" Integer "Process that did it.",
    Ppid "ppid" Integer "Its parent.",
    Exe "exe" Text "Path of the program that it runs.",
    Comm "comm" Text "The kernel's short name of it.",
    Uid "uid" Integer "Its effective user id.",
    Gid "gid" Integer "Its effective group id.",
    Cwd "cwd" Text "Its working directory.",
    User "user" Text "Name of its user, where the source says it.",
    Guid "guid" Text "The number that the source gives it for good.",
    LogonId "logon_id" Text "The log-on that it belongs to.",
    Auid "auid" Integer "The user who logged on.",
    Sensor "sensor" Text "The sensor that told of it, where the recorder did not see it itself.",
    SensorSequence "sensor_sequence" Integer "Number of the event among those of the sensor.",
    ImportHost "import_host" Text "The machine that an imported event happened on.",
    ImportSource "import_source" Text "What kind of file it was imported from.",
    ImportFile "import_file" Text "The file.",
    ImportDigest "import_digest" Text "SHA-256 of the file, in hex.",
    ImportRecord "import_record" Integer "Number of the record in the file.",
    ImportProvider "import_provider" Text "Who wrote the record.",
    ImportCode "import_code" Text "What the source calls this kind of record.",
    ImportTag "import_tag" Text "The name of the source's own rule that recorded it.",
    ImportSession "import_session" Text "The session that it belonged to where agentsh recorded it.",
    Path "path" Text "The file, directory, program or image.",
    To "to" Text "The new name of a file.",
    LinkTarget "link_target" Text "What a symbolic link points to.",
    Access "access" Text "What a handle may do: `read`, `write`, `read_write`.",
    Flags "flags" Integer "Flags of the system call.",
    FileType "file_type" Text "What is made.",
    Mode "mode" Integer "Permission bits.",
    Offset "offset" Integer "Where in the file, in bytes.",
    Requested "requested" Integer "Bytes asked for or handed over.",
    Size "size" Integer "Bytes that went through, or the size that is set.",
    Counting "counting" Text "What the counts of a handle cover.",
    Reads "reads" Integer "Reads of a handle.",
    BytesRead "bytes_read" Integer "Bytes of the reads of a handle.",
    Writes "writes" Integer "Writes of a handle.",
    BytesWritten "bytes_written" Integer "Bytes of the writes of a handle.",
    SizeBefore "size_before" Integer "Size of the file when the handle was opened, in bytes.",
    SizeAfter "size_after" Integer "Size of the file when the handle was closed, in bytes.",
    Blake3 "blake3" Text "BLAKE3 of the content, in hex.",
    NewUid "new_uid" Integer "The new owner of a file.",
    NewGid "new_gid" Integer "The new group of a file.",
    AtimeNs "atime_ns" Integer "The new access time, in nanoseconds since 1970.",
    MtimeNs "mtime_ns" Integer "The new modification time, in nanoseconds since 1970.",
    FileRights "file_rights" Text "Rights to a file that are asked for, in hex.",
    CreatedUs "created_us" Integer "The creation time that a file has, in microseconds since 1970.",
    FileStream "file_stream" Text "An alternate data stream.",
    Contents "contents" Text "Short content of a file, redacted.",
    Executable "executable" Flag "Whether a deleted file is a program or a library.",
    Archived "archived" Flag "Whether the source kept a copy of a deleted file.",
    Xattr "xattr" Text "An extended attribute.",
    XattrOperation "xattr_operation" Text "What is done with the extended attribute.",
    Host "host" Text "The name that was asked for or connected to.",
    Address "address" Text "The peer's IP address.",
    Port "port" Integer "The peer's port.",
    Protocol "protocol" Text "The transport.",
    Interception "interception" Text "How a connection came to the recorder.",
    SourceHost "source_host" Text "Name of the other end.",
    SourceAddress "source_address" Text "IP address of the other end.",
    SourcePort "source_port" Integer "Port of the other end.",
    Initiated "initiated" Flag "Whether the process made the connection or took it.",
    RecordType "record_type" Text "Type of a DNS record.",
    Rcode "rcode" Text "DNS response code.",
    Answers "answers" Texts "The data of DNS answers.",
    DnsStatus "dns_status" Integer "The resolver's own status.",
    LatencyUs "latency_us" Integer "From query to answer, in microseconds.",
    Upstream "upstream" Text "The DNS server that was asked.",
    BytesSent "bytes_sent" Integer "Bytes that the session sent to the peer.",
    BytesReceived "bytes_received" Integer "Bytes that the peer sent to the session.",
    DurationUs "duration_us" Integer "From begin to end, in microseconds.",
    Method "method" Text "HTTP method.",
    Scheme "scheme" Text "`http` or `https`.",
    UrlPath "url_path" Text "Path of an HTTP request.",
    Query "query" Text "Query of an HTTP request.",
    HttpVersion "http_version" Text "HTTP version.",
    BodySize "body_size" Integer "Announced size of an HTTP body, in bytes.",
    Connection "connection" Id "`id` of the `net_connect` of the connection.",
    Status "status" Integer "HTTP status.",
    RequestBytes "request_bytes" Integer "Bytes of the HTTP request's body.",
    ResponseBytes "response_bytes" Integer "Bytes of the HTTP response's body.",
    FirstByteUs "first_byte_us" Integer "From request to the first byte of the response, in microseconds.",
    Sni "sni" Text "Server name indication.",
    Alpn "alpn" Texts "Protocols that a TLS client offers.",
    TlsVersion "tls_version" Text "Highest TLS version that a client offers.",
    Ja4 "ja4" Text "JA4 fingerprint of a TLS client.",
    SniMismatch "sni_mismatch" Flag "Whether name indication, DNS answer and destination disagree.",
    Program "program" Text "The program as it was asked for.",
    Argv "argv" Texts "Arguments, redacted.",
    Argc "argc" Integer "Arguments of the call.",
    ArgvBytes "argv_bytes" Integer "Bytes of all arguments.",
    Interpreters "interpreters" Texts "Programs named by `#!` lines.",
    ParentExe "parent_exe" Text "The program that the parent runs.",
    Depth "depth" Integer "Execs between the session's command and this one.",
    CommandLine "command_line" Text "Arguments as one text, redacted.",
    ParentCommandLine "parent_command_line" Text "The parent's arguments as one text, redacted.",
    ParentUser "parent_user" Text "Name of the parent's user.",
    ParentGuid "parent_guid" Text "The number that the source gives the parent for good.",
    TerminalSession "terminal_session" Integer "The terminal session.",
    IntegrityLevel "integrity_level" Text "How far Windows trusts the process.",
    OriginalFileName "original_file_name" Text "The name that a program or an image was built under.",
    Product "product" Text "The product that it belongs to.",
    Company "company" Text "The company that made it.",
    Description "description" Text "What it says it is.",
    FileVersion "file_version" Text "Its version.",
    ExitCode "exit_code" Integer "Exit code.",
    Signal "signal" Text "The signal that ended it or that is sent.",
    WallTimeUs "wall_time_us" Integer "From start to end of a process or command, in microseconds.",
    UserCpuUs "user_cpu_us" Integer "CPU time in user mode, in microseconds.",
    SystemCpuUs "system_cpu_us" Integer "CPU time in the kernel, in microseconds.",
    PeakMemoryBytes "peak_memory_bytes" Integer "Peak resident memory, in bytes.",
    ReadBytes "read_bytes" Integer "Bytes that read calls of a process, command or session returned.",
    WrittenBytes "written_bytes" Integer "Bytes that write calls of a process, command or session took.",
    VoluntarySwitches "voluntary_switches" Integer "Context switches by waiting.",
    InvoluntarySwitches "involuntary_switches" Integer "Context switches that the scheduler forced.",
    MinorFaults "minor_faults" Integer "Page faults served without I/O.",
    MajorFaults "major_faults" Integer "Page faults that needed I/O.",
    StatisticsSource "statistics_source" Text "Where times, memory, switches and faults come from.",
    IoSource "io_source" Text "Where the byte counts come from.",
    TargetPid "target_pid" Integer "The process that a signal or an access is for.",
    TargetExe "target_exe" Text "The program that it runs.",
    TargetGuid "target_guid" Text "The number that the source gives that process for good.",
    TargetUser "target_user" Text "Name of its user.",
    CallTrace "call_trace" Text "Return addresses of the call.",
    AccessRights "access_rights" Text "Rights to a process that are asked for.",
    Signed "signed" Flag "Whether an image carries a signature.",
    Signature "signature" Text "Who signed a program or an image.",
    SignatureStatus "signature_status" Text "What the system says of the signature.",
    Hashes "hashes" Texts "Hashes of a program, an image or a file, as `NAME=hex`.",
    SocketAddress "socket_address" Text "Address of a unix socket.",
    Namespace "namespace" Text "Name space of that address.",
    SocketType "socket_type" Text "Type of a unix socket.",
    Backlog "backlog" Integer "Connections that may wait.",
    Pipe "pipe" Text "Name of a pipe.",
    RegistryKey "registry_key" Text "A registry key.",
    RegistryNewKey "registry_new_key" Text "A registry key under its new name.",
    RegistryAccess "registry_access" Integer "Rights to a registry key that are asked for.",
    ValueName "value_name" Text "Name of a registry value.",
    ValueType "value_type" Text "Type of a registry value.",
    RegistryData "registry_data" Text "A registry value in text form.",
    RegistryDetails "registry_details" Text "A registry value as the source writes it.",
    CommandCwd "command_cwd" Text "Working directory of a command.",
    Tty "tty" Flag "Whether a command has a pseudo-terminal.",
    Traceparent "traceparent" Text "The caller's position in a distributed trace.",
    Processes "processes" Integer "Processes of a command that ended, or of a session that run.",
    Stream "stream" Text "Where terminal output came from.",
    OffsetUs "offset_us" Integer "Since the command started, in microseconds.",
    TerminalRows "terminal_rows" Integer "Rows of the terminal.",
    TerminalColumns "terminal_columns" Integer "Columns of the terminal.",
    Workspace "workspace" Text "The directory that is watched.",
    Policy "policy" Text "Name of a policy.",
    PolicyDigest "policy_digest" Text "SHA-256 of a policy's text, in hex.",
    PolicySource "policy_source" Text "Where a policy was read.",
    PolicyRules "policy_rules" Integer "Rules of a policy.",
    AgentshVersion "agentsh_version" Text "Version of agentsh.",
    Hostname "hostname" Text "Host name.",
    Os "os" Text "Operating system and its release.",
    SessionUid "session_uid" Integer "User who started the session.",
    Labels "labels" Texts "Labels of the session, as `key=value`.",
    ProcessesEnded "processes_ended" Integer "Processes that were ended with the session.",
    CpuUs "cpu_us" Integer "CPU time of the session, in microseconds.",
    MemoryBytes "memory_bytes" Integer "Resident memory of the session, in bytes.",
    Threads "threads" Integer "Threads of the session.",
    Resource "resource" Text "What is limited.",
    ResourceLimit "resource_limit" Integer "The limit, in the resource's unit.",
    ResourceUsage "resource_usage" Integer "What was used, in the resource's unit.",
    Action "action" Text "What was done about it.",
    Operation "operation" Text "Kind of the operation that was judged or failed.",
    Reason "reason" Text "Why.",
    RedirectTo "redirect_to" Text "Where the operation was sent.",
    Enforced "enforced" Flag "`false` where the verdict is what would have been decided.",
    TimeoutMs "timeout_ms" Integer "How long an approval waits, in milliseconds.",
    Outcome "outcome" Text "How an approval ended.",
    AnsweredBy "answered_by" Text "Who answered.",
    AnsweredFrom "answered_from" Text "From where.",
    WaitedUs "waited_us" Integer "How long the operation waited, in microseconds.",
    RuleId "rule_id" Text "Id of a detection rule.",
    Title "title" Text "Title of a detection rule.",
    Level "level" Text "Level of a detection rule.",
    Techniques "techniques" Texts "ATT&CK techniques of a detection.",
    Tactics "tactics" Texts "ATT&CK tactics of a detection.",
    AttackVersion "attack_version" Text "Version of ATT&CK.",
    Events "events" Integers "`seq` of the events that were recognised.",
    Errno "errno" Integer "An error's number on Linux.",
    Error "error" Text "Why it failed.",
    EventsBefore "events_before" Integer "Events that the journal held when it was opened.",
    EventsRecovered "events_recovered" Integer "Events of recorders that died, appended at the opening.",
    IntakesDrained "intakes_drained" Integer "Intakes of recorders that died.",
    TornBytes "torn_bytes" Integer "Bytes of unfinished records.",
    CheckpointMissing "checkpoint_missing" Flag "Whether the last checkpoint covers less than the journal held.",
    Created "created" Flag "Whether the recorder made the journal.",
    TreeSize "tree_size" Integer "Events that a checkpoint covers.",
    RootHash "root_hash" Text "Root of the tree that a checkpoint signs, in hex.",
    Hop "hop" Text "Where events were lost.",
    Count "count" Integer "How many events were lost.",
    FromUs "from_us" Integer "When the first was lost, in microseconds since 1970.",
    ToUs "to_us" Integer "When the last was lost, in microseconds since 1970.",
    Intake "intake" Text "The intake that the loss was counted in.",
    Sink "sink" Text "The sink that stalled or recovered.",
    Delivered "delivered" Integer "The last `seq` that the sink delivered.",
    StalledUs "stalled_us" Integer "How long the sink could not deliver, in microseconds.",
    Raw "raw" Text "A record that could not be read, redacted; its beginning, where it is long.",
    RawSize "raw_size" Integer "Bytes of the whole record.",
    Payload "payload" Text "The payload as the journal stores it: a JSON object.",
    Leaf "leaf" Hash "Hash of the event's leaf of the Merkle tree; null where the file keeps only the tree (`leaves: false`).",
}

impl Column {
    /// Its place in the row, from 0.
    #[must_use]
    pub const fn index(self) -> usize {
        self as usize
    }

    /// Whether a row may lack it.
    #[must_use]
    pub const fn nullable(self) -> bool {
        !matches!(
            self,
            Column::Seq | Column::Id | Column::Time | Column::Kind | Column::Family | Column::Severity | Column::Payload
        )
    }

    /// Its field of the row's schema.
    #[must_use]
    pub fn field(self) -> Field {
        Field::new(self.as_str(), self.data().data_type(), self.nullable())
    }

    /// The column of a name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|column| column.as_str() == name)
    }

    /// Whether its value stands in the stored payload alone, and not in a column of the journal's own.
    #[must_use]
    pub const fn is_in_payload(self) -> bool {
        !matches!(
            self,
            Column::Seq
                | Column::Id
                | Column::Time
                | Column::SessionId
                | Column::CommandId
                | Column::Cause
                | Column::Kind
                | Column::Family
                | Column::Subject
                | Column::Decision
                | Column::Rule
                | Column::Severity
                | Column::Attack
                | Column::Pid
                | Column::Payload
                | Column::Leaf
        )
    }
}

/// The row's schema.
#[must_use]
pub fn schema() -> SchemaRef {
    static SCHEMA: OnceLock<SchemaRef> = OnceLock::new();
    let make = || Arc::new(Schema::new(Column::ALL.iter().map(|column| column.field()).collect::<Vec<_>>()));
    Arc::clone(SCHEMA.get_or_init(make))
}
