//! Programs, their ends, their statistics; signals, images and access to other processes.

use super::{payload, words};
use crate::event::OsText;

words! {
    /// Where a figure was read.
    pub enum StatisticsSource {
        /// `wait4(2)`: the process and the descendants that it waited for.
        #[default]
        Rusage => "rusage",
        /// `/proc/<pid>` while the process was in `exit_group(2)`.
        Proc => "proc",
        /// The kernel's taskstats record.
        Taskstats => "taskstats",
        /// The sum over the processes of a command.
        ProcessSum => "process_sum",
    }
}

payload! {
    /// What a process or a command used. A figure that could not be read is absent, never 0.
    pub struct ExecStatistics {
        /// From start to end, in microseconds.
        pub wall_time_us: Option<u64>,
        /// CPU time in user mode, in microseconds.
        pub user_cpu_us: Option<u64>,
        /// CPU time in the kernel, in microseconds.
        pub system_cpu_us: Option<u64>,
        /// Peak resident memory, in bytes.
        pub peak_memory_bytes: Option<u64>,
        /// Bytes that read calls returned.
        pub read_bytes: Option<u64>,
        /// Bytes that write calls took.
        pub written_bytes: Option<u64>,
        /// Context switches that the process asked for by waiting.
        pub voluntary_switches: Option<u64>,
        /// Context switches that the scheduler forced.
        pub involuntary_switches: Option<u64>,
        /// Page faults served without I/O.
        pub minor_faults: Option<u64>,
        /// Page faults that needed I/O.
        pub major_faults: Option<u64>,
        /// Where times, memory, switches and faults come from.
        pub source: Option<StatisticsSource>,
        /// Where the byte counts come from.
        pub io_source: Option<StatisticsSource>,
    }

    /// A process is about to run another program.
    pub struct ProcessExec {
        /// The program, as an absolute path with links resolved where the recorder could.
        pub path: OsText,
        /// The path as the process gave it.
        pub requested: OsText,
        /// Arguments as a list, redacted.
        pub argv: Vec<OsText>,
        /// Arguments of the call; more than `argv` holds when the list was cut.
        pub argc: u64,
        /// Bytes of all arguments, with their terminators.
        pub argv_bytes: u64,
        /// Programs named by `#!` lines, outermost first.
        pub interpreters: Vec<OsText>,
        /// The program that the parent runs.
        pub parent_exe: Option<OsText>,
        /// Execs between the session's command (0) and this one.
        pub depth: u32,
        /// The arguments as one text, redacted, of a system where a process is given one (Windows).
        pub command_line: Option<String>,
        /// The parent's arguments as one text, redacted.
        pub parent_command_line: Option<String>,
        /// Name of the parent's user.
        pub parent_user: Option<String>,
        /// The number that the source gives the parent for good (Sysmon's `ParentProcessGuid`).
        pub parent_guid: Option<String>,
        /// The terminal session (Windows).
        pub terminal_session: Option<u32>,
        /// How far Windows trusts the process: `Low`, `Medium`, `High`, `System`, or a SID of another level.
        pub integrity_level: Option<String>,
        /// The name that the program was built under, from its version resource.
        pub original_file_name: Option<String>,
        /// The product, from the version resource.
        pub product: Option<String>,
        /// The company, from the version resource.
        pub company: Option<String>,
        /// The description, from the version resource.
        pub description: Option<String>,
        /// The version, from the version resource.
        pub file_version: Option<String>,
        /// Hashes of the program as `NAME=hex`.
        pub hashes: Vec<String>,
        /// Who signed the program (macOS: team and signing identifier).
        pub signature: Option<String>,
    }

    /// A process ended; its cause is its last `process_exec`, if it had one.
    pub struct ProcessExit {
        /// The program that it ran.
        pub path: Option<OsText>,
        /// Exit code, 0 to 255; absent when a signal ended it or the code is not known.
        pub exit_code: Option<i32>,
        /// The signal that ended it, by its name (`SIGKILL`).
        pub signal: Option<String>,
        /// What it used.
        pub statistics: ExecStatistics,
    }

    /// A signal is sent to another process.
    pub struct SignalSent {
        /// The signal by its name (`SIGKILL`).
        pub signal: String,
        /// The receiving process; negative for a process group, as in `kill(2)`.
        pub target_pid: i64,
        /// The program that the receiver runs.
        pub target_exe: Option<OsText>,
    }

    /// A process maps a library or a driver is loaded.
    pub struct ImageLoad {
        /// The image.
        pub path: OsText,
        /// Whether it carries a signature.
        pub signed: Option<bool>,
        /// Who signed it.
        pub signature: Option<String>,
        /// Hashes as `NAME=hex`.
        pub hashes: Vec<String>,
        /// What the system says of the signature (`Valid`, `Expired` …).
        pub signature_status: Option<String>,
        /// The name that the image was built under, from its version resource.
        pub original_file_name: Option<String>,
        /// The product, from the version resource.
        pub product: Option<String>,
        /// The company, from the version resource.
        pub company: Option<String>,
        /// The description, from the version resource.
        pub description: Option<String>,
        /// The version, from the version resource.
        pub file_version: Option<String>,
    }

    /// A process opens another to read or change it.
    pub struct ProcessAccess {
        /// The process that is opened.
        pub target_pid: u32,
        /// The program that it runs.
        pub target_exe: Option<OsText>,
        /// The rights asked for, in hex (Windows) or by the call's name (Linux).
        pub access: String,
        /// The return addresses of the call, as the source writes them.
        pub call_trace: Option<String>,
        /// The number that the source gives the opened process for good (Sysmon's `TargetProcessGUID`).
        pub target_guid: Option<String>,
        /// Name of the opened process' user.
        pub target_user: Option<String>,
    }

    /// A process makes a copy of itself (`fork(2)`, `clone(2)`, `posix_spawn(2)`).
    pub struct ProcessFork {
        /// The new process.
        pub child_pid: u32,
        /// The number that the source gives the new process for good.
        pub child_guid: Option<String>,
    }
}

impl super::Absent for ExecStatistics {}
