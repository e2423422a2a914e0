//! Programs, their ends and what they used: numbers on the wire.

use super::super::form::{messages, words};
use crate::event::*;

words! {
    StatisticsSource { Rusage = Rusage, Proc = Proc, Taskstats = Taskstats, ProcessSum = ProcessSum }
}

messages! {
    ExecStatistics { wall_time_us: Option<u64> = 1, user_cpu_us: Option<u64> = 2, system_cpu_us: Option<u64> = 3, peak_memory_bytes: Option<u64> = 4, read_bytes: Option<u64> = 5, written_bytes: Option<u64> = 6, voluntary_switches: Option<u64> = 7, involuntary_switches: Option<u64> = 8, minor_faults: Option<u64> = 9, major_faults: Option<u64> = 10, source: Option<StatisticsSource> = 11, io_source: Option<StatisticsSource> = 12 }
    ProcessExec { path: OsText = 1, requested: OsText = 2, argv: Vec<OsText> = 3, argc: u64 = 4, argv_bytes: u64 = 5, interpreters: Vec<OsText> = 6, parent_exe: Option<OsText> = 7, depth: u32 = 8 }
    ProcessExit { path: Option<OsText> = 1, exit_code: Option<i32> = 2, signal: Option<String> = 3, statistics: ExecStatistics = 4 }
    SignalSent { signal: String = 1, target_pid: i64 = 2, target_exe: Option<OsText> = 3 }
    ImageLoad { path: OsText = 1, signed: Option<bool> = 2, signature: Option<String> = 3, hashes: Vec<String> = 4 }
    ProcessAccess { target_pid: u32 = 1, target_exe: Option<OsText> = 2, access: String = 3 }
}
