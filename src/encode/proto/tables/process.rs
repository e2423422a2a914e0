//! Programs, their ends and what they used: numbers on the wire.

use super::super::form::{messages, words};
use crate::event::*;

words! {
    StatisticsSource { Rusage = Rusage, Proc = Proc, Taskstats = Taskstats, ProcessSum = ProcessSum }
}

messages! {
    ExecStatistics { wall_time_us: Option<u64> = 1, user_cpu_us: Option<u64> = 2, system_cpu_us: Option<u64> = 3, peak_memory_bytes: Option<u64> = 4, read_bytes: Option<u64> = 5, written_bytes: Option<u64> = 6, voluntary_switches: Option<u64> = 7, involuntary_switches: Option<u64> = 8, minor_faults: Option<u64> = 9, major_faults: Option<u64> = 10, source: Option<StatisticsSource> = 11, io_source: Option<StatisticsSource> = 12 }
    ProcessExec { path: OsText = 1, requested: OsText = 2, argv: Vec<OsText> = 3, argc: u64 = 4, argv_bytes: u64 = 5, interpreters: Vec<OsText> = 6, parent_exe: Option<OsText> = 7, depth: u32 = 8, command_line: Option<String> = 9, parent_command_line: Option<String> = 10, parent_user: Option<String> = 11, parent_guid: Option<String> = 12, terminal_session: Option<u32> = 13, integrity_level: Option<String> = 14, original_file_name: Option<String> = 15, product: Option<String> = 16, company: Option<String> = 17, description: Option<String> = 18, file_version: Option<String> = 19, hashes: Vec<String> = 20, signature: Option<String> = 21 }
    ProcessExit { path: Option<OsText> = 1, exit_code: Option<i32> = 2, signal: Option<String> = 3, statistics: ExecStatistics = 4 }
    SignalSent { signal: String = 1, target_pid: i64 = 2, target_exe: Option<OsText> = 3 }
    ImageLoad { path: OsText = 1, signed: Option<bool> = 2, signature: Option<String> = 3, hashes: Vec<String> = 4, signature_status: Option<String> = 5, original_file_name: Option<String> = 6, product: Option<String> = 7, company: Option<String> = 8, description: Option<String> = 9, file_version: Option<String> = 10 }
    ProcessAccess { target_pid: u32 = 1, target_exe: Option<OsText> = 2, access: String = 3, call_trace: Option<String> = 4, target_guid: Option<String> = 5, target_user: Option<String> = 6 }
    ProcessFork { child_pid: u32 = 1, child_guid: Option<String> = 2 }
}
