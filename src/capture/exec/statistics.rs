//! Statistics of processes: what is read when, and how the figures are put together.
//!
//! A process that calls `exit_group(2)` waits in the recorder's hands for a moment, with its memory still its own. Then its figures are
//! read, and they are its own alone: CPU time from its CPU clocks (exact to the nanosecond, threads that ended included), peak memory
//! and switches from `status` (switches of threads that had ended before are not in it; the kernel shows them nowhere else), faults
//! from `stat`, bytes from `io`. `io` also holds the bytes of the children that the process waited for, so these are taken off.
//!
//! A process that a signal ends passes no such point. If its parent is the launcher then `wait4(2)` tells (that figure includes the
//! descendants that it waited for, and at least the launcher's own size as peak memory, which it was forked from); else what is left
//! of it in `/proc` before its parent reaps it, and nothing once it has.

use std::time::Duration;

use super::procfs::{self, Bytes, Stat, Status};
use crate::event::{ExecStatistics, StatisticsSource};
use crate::runtime::sys::{self, CpuClock};

/// What was read of a process.
#[derive(Clone, Debug, Default)]
pub(super) struct Sample {
    /// The figures, without wall time.
    pub(super) statistics: ExecStatistics,
    /// Bytes with those of the children that it waited for.
    pub(super) bytes_with_children: Option<Bytes>,
    /// Since its start, as `/proc/<pid>/stat` has it: to a clock tick.
    pub(super) age: Option<Duration>,
}

/// Reads the figures of a process that waits in `exit_group(2)`.
pub(super) fn sample(status: &Status, tid: u32, children: Bytes) -> Sample {
    let pid = status.tgid;
    let (voluntary, involuntary) = switches(status, tid);
    let (user, system) = cpu_time(pid).map_or((None, None), |(user, system)| (Some(user), Some(system)));
    let stat = procfs::stat(pid);
    let with_children = procfs::io(pid);
    let own = with_children.map(|bytes| bytes.minus(children));
    Sample {
        statistics: ExecStatistics {
            wall_time_us: None,
            user_cpu_us: user.map(micros),
            system_cpu_us: system.map(micros),
            peak_memory_bytes: status.peak_memory,
            read_bytes: own.map(|bytes| bytes.read),
            written_bytes: own.map(|bytes| bytes.written),
            voluntary_switches: voluntary,
            involuntary_switches: involuntary,
            minor_faults: stat.map(|stat| stat.minor_faults),
            major_faults: stat.map(|stat| stat.major_faults),
            source: Some(StatisticsSource::Proc),
            io_source: own.map(|_| StatisticsSource::Proc),
        },
        bytes_with_children: with_children,
        age: stat.map(|stat| age(stat.start_ticks, sys::clock_ticks_per_second(), sys::time_since_boot())),
    }
}

/// Reads what is left of a process that has ended and that its parent has not waited for: times and faults.
pub(super) fn remains(pid: u32, stat: &Stat) -> ExecStatistics {
    let (user, system) = cpu_time(pid).unwrap_or_else(|| {
        let second = sys::clock_ticks_per_second();
        (ticks(stat.user_ticks, second), ticks(stat.system_ticks, second))
    });
    ExecStatistics {
        user_cpu_us: Some(micros(user)),
        system_cpu_us: Some(micros(system)),
        minor_faults: Some(stat.minor_faults),
        major_faults: Some(stat.major_faults),
        source: Some(StatisticsSource::Proc),
        ..ExecStatistics::default()
    }
}

fn age(start_ticks: u64, ticks_per_second: u64, since_boot: Duration) -> Duration {
    since_boot.saturating_sub(ticks(start_ticks, ticks_per_second))
}

fn ticks(count: u64, per_second: u64) -> Duration {
    Duration::from_micros(count.saturating_mul(1_000_000 / per_second.max(1)))
}

/// Switches of all live threads. `status` is that of `tid`.
fn switches(status: &Status, tid: u32) -> (Option<u64>, Option<u64>) {
    if status.threads == Some(1) {
        return (status.voluntary, status.involuntary);
    }
    let others = procfs::numbered(&format!("/proc/{}/task", status.tgid)).into_iter().filter(|other| *other != tid);
    others.filter_map(procfs::status).fold((status.voluntary, status.involuntary), |(voluntary, involuntary), other| {
        (sum(voluntary, other.voluntary), sum(involuntary, other.involuntary))
    })
}

fn sum(one: Option<u64>, other: Option<u64>) -> Option<u64> {
    Some(one?.saturating_add(other?))
}

/// User and kernel time of a process over all of its threads.
fn cpu_time(pid: u32) -> Option<(Duration, Duration)> {
    let clock = |clock| sys::process_cpu_time(pid, clock).ok();
    Some(split_cpu_time(clock(CpuClock::Exact)?, clock(CpuClock::Sampled)?, clock(CpuClock::SampledUser)?))
}

/// Divides the exact CPU time in the ratio that the timer tick sampled, as the kernel does for `getrusage(2)`
/// (`cputime_adjust` in `kernel/sched/cputime.c`).
#[must_use]
pub fn split_cpu_time(exact: Duration, sampled: Duration, sampled_user: Duration) -> (Duration, Duration) {
    let sampled_system = sampled.saturating_sub(sampled_user);
    if sampled_system.is_zero() {
        return (exact, Duration::ZERO);
    }
    if sampled_user.is_zero() {
        return (Duration::ZERO, exact);
    }
    let system = exact.as_nanos() * sampled_system.as_nanos() / sampled.as_nanos().max(1);
    let system = Duration::from_nanos(u64::try_from(system).unwrap_or(u64::MAX)).min(exact);
    (exact.saturating_sub(system), system)
}

/// What `wait4(2)` said, in a form that travels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(super) struct Usage {
    /// User CPU time, in microseconds.
    pub(super) user_us: u64,
    /// Kernel CPU time, in microseconds.
    pub(super) system_us: u64,
    /// Peak resident memory, in bytes.
    pub(super) peak_memory: u64,
    /// Context switches asked for.
    pub(super) voluntary: u64,
    /// Context switches forced.
    pub(super) involuntary: u64,
    /// Page faults without I/O.
    pub(super) minor_faults: u64,
    /// Page faults with I/O.
    pub(super) major_faults: u64,
}

impl From<libc::rusage> for Usage {
    fn from(usage: libc::rusage) -> Self {
        let count = |number: libc::c_long| u64::try_from(number).unwrap_or(0);
        let time = |time: libc::timeval| count(time.tv_sec) * 1_000_000 + count(time.tv_usec);
        Self {
            user_us: time(usage.ru_utime),
            system_us: time(usage.ru_stime),
            peak_memory: count(usage.ru_maxrss) * 1024,
            voluntary: count(usage.ru_nvcsw),
            involuntary: count(usage.ru_nivcsw),
            minor_faults: count(usage.ru_minflt),
            major_faults: count(usage.ru_majflt),
        }
    }
}

impl Usage {
    /// The figures as an event has them.
    pub(super) fn statistics(&self, bytes: Option<Bytes>, io_source: StatisticsSource) -> ExecStatistics {
        ExecStatistics {
            wall_time_us: None,
            user_cpu_us: Some(self.user_us),
            system_cpu_us: Some(self.system_us),
            // The kernel counts pages in batches for each CPU and may say 0 for a process that ended at once; none has no memory.
            peak_memory_bytes: Some(self.peak_memory).filter(|bytes| *bytes > 0),
            read_bytes: bytes.map(|bytes| bytes.read),
            written_bytes: bytes.map(|bytes| bytes.written),
            voluntary_switches: Some(self.voluntary),
            involuntary_switches: Some(self.involuntary),
            minor_faults: Some(self.minor_faults),
            major_faults: Some(self.major_faults),
            source: Some(StatisticsSource::Rusage),
            io_source: bytes.map(|_| io_source),
        }
    }
}

/// What the children of the launcher used together: the command, and the orphans of its tree, each with the descendants that it waited
/// for. So every process that has been waited for is in it once.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Totals {
    usage: Usage,
    bytes: Option<Bytes>,
    count: u64,
    bytes_missing: bool,
}

impl Totals {
    /// Adds one child of the launcher.
    pub(super) fn add(&mut self, usage: &Usage, bytes: Option<Bytes>) {
        let sum = &mut self.usage;
        sum.user_us += usage.user_us;
        sum.system_us += usage.system_us;
        sum.peak_memory = sum.peak_memory.max(usage.peak_memory);
        sum.voluntary += usage.voluntary;
        sum.involuntary += usage.involuntary;
        sum.minor_faults += usage.minor_faults;
        sum.major_faults += usage.major_faults;
        self.count += 1;
        match bytes {
            Some(bytes) => self.bytes = Some(self.bytes.unwrap_or_default().plus(bytes)),
            None => self.bytes_missing = true,
        }
    }

    /// The sum, or nothing but absent figures when no child has ended.
    ///
    /// `peak_of_processes` is the largest peak among processes that were read one by one. It is preferred to `wait4(2)`'s, which
    /// counts the launcher that the command was forked from.
    pub(super) fn statistics(&self, peak_of_processes: Option<u64>) -> ExecStatistics {
        if self.count == 0 {
            return ExecStatistics::default();
        }
        let bytes = self.bytes.filter(|_| !self.bytes_missing);
        let mut statistics = self.usage.statistics(bytes, StatisticsSource::ProcessSum);
        statistics.peak_memory_bytes = peak_of_processes.or(statistics.peak_memory_bytes);
        statistics
    }
}

pub(super) fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}
