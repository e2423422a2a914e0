//! The views' answers as the document describes them. They are made elsewhere (`query/session/`), where nothing knows of a document; a test
//! compares both.

use std::collections::BTreeMap;

use utoipa::openapi::schema::{ObjectBuilder, OneOfBuilder, Schema, Type};
use utoipa::openapi::{Ref, RefOr};

/// Stands for a field's own type, which is a component of the event's schema.
macro_rules! of_events {
    ($name:ident, $component:literal) => {
        fn $name() -> RefOr<Schema> {
            let none = ObjectBuilder::new().schema_type(Type::Null).build();
            Schema::OneOf(OneOfBuilder::new().item(Ref::from_schema_name($component)).item(none).build()).into()
        }
    };
}

of_events!(statistics, "Event.ExecStatistics");
of_events!(file_type, "Event.FileType");

/// How much happened when.
#[derive(utoipa::ToSchema)]
#[expect(dead_code, reason = "it is only described")]
pub(super) struct Timeline {
    /// Where it begins, µs since 1970.
    from_us: i64,
    /// Where it ends, µs since 1970.
    to_us: i64,
    /// Events in it.
    total: u64,
    /// Slices of one length, in order, the empty ones too.
    buckets: Vec<TimelineBucket>,
}

/// One slice of a timeline.
#[derive(utoipa::ToSchema)]
#[expect(dead_code, reason = "it is only described")]
pub(super) struct TimelineBucket {
    /// Where it begins, µs since 1970.
    from_us: i64,
    /// Position of its first event; 0 where there is none.
    first_seq: u64,
    /// Position of its last event; 0 where there is none.
    last_seq: u64,
    /// Events.
    events: u64,
    /// Verdicts that refused.
    refused: u64,
    /// Detections.
    detections: u64,
    /// Events of each family that has any.
    by_family: BTreeMap<String, u64>,
}

/// Where every so many of a session's events stand.
#[derive(utoipa::ToSchema)]
#[expect(dead_code, reason = "it is only described")]
pub(super) struct SessionIndex {
    /// Events.
    total: u64,
    /// From one named event to the next.
    every: u64,
    /// Positions of events 0, `every`, 2 · `every` …
    seqs: Vec<u64>,
    /// When each of those was seen, µs since 1970.
    times_us: Vec<i64>,
}

/// The processes of a session.
#[derive(utoipa::ToSchema)]
#[expect(dead_code, reason = "it is only described")]
pub(super) struct ProcessTree {
    /// Every process, in the order in which they were first seen.
    processes: Vec<TreeProcess>,
    /// Places of those whose parent was not seen.
    roots: Vec<u64>,
}

/// One process.
#[derive(utoipa::ToSchema)]
#[expect(dead_code, reason = "it is only described")]
pub(super) struct TreeProcess {
    /// Process id.
    pid: u32,
    /// The parent's process id when it was first seen.
    #[schema(required)]
    ppid: Option<u32>,
    /// The command that it belongs to.
    #[schema(required)]
    command_id: Option<String>,
    /// What it ran when it was first seen, where no `process_exec` of its own says so.
    #[schema(required)]
    forked_from: Option<String>,
    /// What it ran, in order.
    runs: Vec<TreeRun>,
    /// How it ended, where that was seen.
    #[schema(required)]
    exit: Option<TreeExit>,
    /// Positions of its first and its last event.
    #[schema(min_items = 2, max_items = 2)]
    seqs: Vec<u64>,
    /// Times of its first and its last event, µs since 1970.
    #[schema(min_items = 2, max_items = 2)]
    times_us: Vec<i64>,
    /// What it used.
    #[schema(schema_with = statistics, required)]
    statistics: (),
    /// Operations of its own that were seen.
    operations: u64,
    /// Operations that were refused.
    refused: u64,
    /// Operations that failed.
    failed: u64,
    /// What rules detected in it.
    detections: Vec<TreeDetection>,
    /// The processes that it started: their places in the list.
    children: Vec<u64>,
}

/// A program that a process ran, or was refused.
#[derive(utoipa::ToSchema)]
#[expect(dead_code, reason = "it is only described")]
pub(super) struct TreeRun {
    /// Position of its `process_exec`.
    seq: u64,
    /// The program.
    path: String,
    /// Its arguments, redacted.
    argv: Vec<String>,
    /// The arguments as one text, of a system where a process is given one.
    #[schema(required)]
    command_line: Option<String>,
    /// Policy's verdict, where it is not plain `allow`.
    #[schema(required)]
    decision: Option<String>,
    /// The rule that decided.
    #[schema(required)]
    rule: Option<String>,
    /// Why it failed.
    #[schema(required)]
    error: Option<String>,
}

/// How a process ended.
#[derive(utoipa::ToSchema)]
#[expect(dead_code, reason = "it is only described")]
pub(super) struct TreeExit {
    /// Position of its `process_exit`.
    seq: u64,
    /// Exit code.
    #[schema(required)]
    code: Option<i32>,
    /// The signal that ended it.
    #[schema(required)]
    signal: Option<String>,
}

/// What a rule detected in a process.
#[derive(utoipa::ToSchema)]
#[expect(dead_code, reason = "it is only described")]
pub(super) struct TreeDetection {
    /// Position of the detection.
    seq: u64,
    /// The rule's title.
    title: String,
    /// The rule's level.
    level: String,
    /// ATT&CK techniques.
    techniques: Vec<String>,
}

/// What became of a session's files.
#[derive(utoipa::ToSchema)]
#[expect(dead_code, reason = "it is only described")]
pub(super) struct FileChanges {
    /// By path.
    changes: Vec<FileChange>,
    /// Files that were made and removed again.
    transient: u64,
}

/// What became of one file.
#[derive(utoipa::ToSchema)]
#[expect(dead_code, reason = "it is only described")]
pub(super) struct FileChange {
    /// `created`, `modified`, `renamed`, `metadata` or `deleted`.
    change: String,
    /// Its name now, or the one that it had when it was deleted.
    path: String,
    /// The name that it had when the session began, where that was another.
    #[schema(required)]
    from: Option<String>,
    /// What it is, where that was seen.
    #[schema(schema_with = file_type, required)]
    file_type: (),
    /// Size before its first change, in bytes.
    #[schema(required)]
    size_before: Option<u64>,
    /// Size after its last change, in bytes.
    #[schema(required)]
    size_after: Option<u64>,
    /// BLAKE3 of its content after its last change, in hex, where that is kept.
    #[schema(required)]
    blake3: Option<String>,
    /// Positions of the first and the last event that changed it.
    #[schema(min_items = 2, max_items = 2)]
    seqs: Vec<u64>,
    /// Events that changed it.
    steps: u64,
    /// The programs that changed it, in order of their first change; at most eight.
    programs: Vec<String>,
}

/// What a session had to do with others.
#[derive(utoipa::ToSchema)]
#[expect(dead_code, reason = "it is only described")]
pub(super) struct NetworkHosts {
    /// Those with the most bytes first.
    hosts: Vec<NetworkHost>,
}

/// What a session had to do with one host.
#[derive(utoipa::ToSchema)]
#[expect(dead_code, reason = "it is only described")]
pub(super) struct NetworkHost {
    /// Its name, or its address where no name was seen; empty for the sum of those behind the first 10,000.
    host: String,
    /// Ports that were connected to; the first eight.
    ports: Vec<u16>,
    /// Programs that had to do with it; the first eight.
    programs: Vec<String>,
    /// Names that were resolved.
    lookups: u64,
    /// Connections.
    connections: u64,
    /// Requests.
    requests: u64,
    /// Bytes that were sent.
    bytes_sent: u64,
    /// Bytes that were received.
    bytes_received: u64,
    /// Operations that were refused.
    refused: u64,
    /// Positions of the first and the last event.
    #[schema(min_items = 2, max_items = 2)]
    seqs: Vec<u64>,
}

/// What a terminal showed.
#[derive(utoipa::ToSchema)]
#[expect(dead_code, reason = "it is only described")]
pub(super) struct TerminalFrames {
    /// Screens, in order; the first is what was shown when the time that was asked for began.
    frames: Vec<TerminalFrame>,
    /// How runs look.
    styles: Vec<TerminalStyle>,
    /// Where the next page begins (`from_us`), where there is more.
    #[schema(required)]
    next_us: Option<i64>,
}

/// One screen: what is different from the one before.
#[derive(utoipa::ToSchema)]
#[expect(dead_code, reason = "it is only described")]
pub(super) struct TerminalFrame {
    /// When it was shown, µs since 1970.
    time_us: i64,
    /// Position of the event that showed it.
    seq: u64,
    /// The command that was at the terminal.
    #[schema(required)]
    command: Option<String>,
    /// Lines.
    rows: u16,
    /// Cells of a line.
    columns: u16,
    /// Line and cell of the cursor, from 0; absent while it is hidden.
    #[schema(required, min_items = 2, max_items = 2)]
    cursor: Option<Vec<u16>>,
    /// Whether it is whole, and not what is different.
    whole: bool,
    /// Lines that are different.
    lines: Vec<TerminalLine>,
}

/// One line.
#[derive(utoipa::ToSchema)]
#[expect(dead_code, reason = "it is only described")]
pub(super) struct TerminalLine {
    /// Which, from 0.
    row: u16,
    /// What it shows; what is behind the last run is blank.
    runs: Vec<TerminalRun>,
}

/// Cells of one look.
#[derive(utoipa::ToSchema)]
#[expect(dead_code, reason = "it is only described")]
pub(super) struct TerminalRun {
    /// Their text.
    text: String,
    /// Place of their look among `styles`.
    style: u32,
}

/// How cells look.
#[derive(utoipa::ToSchema)]
#[expect(dead_code, reason = "it is only described")]
pub(super) struct TerminalStyle {
    /// Colour of the text, `#rrggbb`; absent for the usual one.
    #[schema(required)]
    foreground: Option<String>,
    /// Colour behind it.
    #[schema(required)]
    background: Option<String>,
    bold: bool,
    dim: bool,
    italic: bool,
    underline: bool,
    /// Whether the two colours change places.
    inverse: bool,
}
