//! What `/proc` says about a process: pure readers of its text (`proc(5)`), and the thin calls that fetch it.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::PathBuf;

use crate::event::OsText;

/// The lines of `/proc/<tid>/status` that matter here.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Status {
    /// Short name of the thread.
    pub name: OsText,
    /// Process (thread group) of the thread.
    pub tgid: u32,
    /// Parent process.
    pub ppid: u32,
    /// Effective user, in the reader's user namespace.
    pub uid: Option<u32>,
    /// Effective group, in the reader's user namespace.
    pub gid: Option<u32>,
    /// Live threads of the process.
    pub threads: Option<u64>,
    /// Peak resident memory in bytes; absent once the process has given its memory back.
    pub peak_memory: Option<u64>,
    /// Voluntary context switches of this thread.
    pub voluntary: Option<u64>,
    /// Involuntary context switches of this thread.
    pub involuntary: Option<u64>,
}

/// Reads the text of `/proc/<tid>/status`. `None` when it names no process.
#[must_use]
pub fn parse_status(text: &[u8]) -> Option<Status> {
    let mut status = Status::default();
    for line in text.split(|byte| *byte == b'\n') {
        let Some(colon) = line.iter().position(|byte| *byte == b':') else { continue };
        let (key, value) = line.split_at(colon);
        let value = value.get(1..).unwrap_or_default().trim_ascii();
        match key {
            b"Name" => status.name = OsText::from_bytes(unescape(value)),
            b"Tgid" => status.tgid = number(value)?,
            b"PPid" => status.ppid = number(value)?,
            b"Uid" => status.uid = effective(value),
            b"Gid" => status.gid = effective(value),
            b"Threads" => status.threads = number(value),
            b"VmHWM" => status.peak_memory = value.strip_suffix(b" kB").and_then(number::<u64>).map(|kilobytes| kilobytes * 1024),
            b"voluntary_ctxt_switches" => status.voluntary = number(value),
            b"nonvoluntary_ctxt_switches" => status.involuntary = number(value),
            _ => {}
        }
    }
    (status.tgid != 0).then_some(status)
}

/// `Name:` escapes a newline and a backslash.
fn unescape(name: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(name.len());
    let mut rest = name;
    loop {
        match rest {
            [b'\\', b'n', tail @ ..] => (plain.push(b'\n'), rest = tail).1,
            [b'\\', b'\\', tail @ ..] => (plain.push(b'\\'), rest = tail).1,
            [byte, tail @ ..] => (plain.push(*byte), rest = tail).1,
            [] => return plain,
        }
    }
}

/// The second of the four ids: real, effective, saved, file system.
fn effective(value: &[u8]) -> Option<u32> {
    value.split(u8::is_ascii_whitespace).nth(1).and_then(number)
}

fn number<T: std::str::FromStr>(text: &[u8]) -> Option<T> {
    std::str::from_utf8(text).ok()?.parse().ok()
}

/// The fields of `/proc/<pid>/stat` that matter here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stat {
    /// State as one letter; `Z` for a process that has ended and was not waited for.
    pub state: u8,
    /// Parent process.
    pub ppid: u32,
    /// Page faults served without I/O, over all threads.
    pub minor_faults: u64,
    /// Page faults that needed I/O, over all threads.
    pub major_faults: u64,
    /// User CPU time, in clock ticks.
    pub user_ticks: u64,
    /// Kernel CPU time, in clock ticks.
    pub system_ticks: u64,
    /// Start, in clock ticks since the machine started.
    pub start_ticks: u64,
    /// Wait status of a process in state `Z`.
    pub exit_status: Option<i32>,
}

/// Reads the text of `/proc/<pid>/stat`. The name in brackets may hold anything, also brackets and spaces.
#[must_use]
pub fn parse_stat(text: &[u8]) -> Option<Stat> {
    let close = text.iter().rposition(|byte| *byte == b')')?;
    // Field 3 of proc(5) is the first one after the name.
    let fields: Vec<&[u8]> = text.get(close + 2..)?.trim_ascii_end().split(|byte| *byte == b' ').collect();
    let field = |number_in_manual: usize| fields.get(number_in_manual - 3).copied();
    Some(Stat {
        state: *field(3)?.first()?,
        ppid: number(field(4)?)?,
        minor_faults: number(field(10)?)?,
        major_faults: number(field(12)?)?,
        user_ticks: number(field(14)?)?,
        system_ticks: number(field(15)?)?,
        start_ticks: number(field(22)?)?,
        exit_status: field(52).and_then(number),
    })
}

/// Bytes that read calls returned and that write calls took (`rchar` and `wchar` of `/proc/<pid>/io`).
///
/// The kernel adds to a process what the children had used that it has waited for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Bytes {
    /// Bytes read.
    pub read: u64,
    /// Bytes written.
    pub written: u64,
}

impl Bytes {
    /// The sum of two figures.
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self { read: self.read.saturating_add(other.read), written: self.written.saturating_add(other.written) }
    }

    /// What is left of this figure without `other`, at least 0.
    #[must_use]
    pub const fn minus(self, other: Self) -> Self {
        Self { read: self.read.saturating_sub(other.read), written: self.written.saturating_sub(other.written) }
    }
}

/// Reads the text of `/proc/<pid>/io`.
#[must_use]
pub fn parse_io(text: &[u8]) -> Option<Bytes> {
    let field = |key: &[u8]| {
        let line = text.split(|byte| *byte == b'\n').find_map(|line| line.strip_prefix(key))?;
        number(line.trim_ascii())
    };
    Some(Bytes { read: field(b"rchar:")?, written: field(b"wchar:")? })
}

/// Process ids in a `/proc/<pid>/task/<tid>/children`.
pub fn parse_children(text: &[u8]) -> impl Iterator<Item = u32> {
    text.split(u8::is_ascii_whitespace).filter_map(number)
}

/// Longest text of a file that [`read_record`] fetches; `status` is the longest, at about 1,500 bytes.
const LONGEST_RECORD: usize = 8_192;

/// Fetches a file of `/proc` that is one record (`status`, `stat`, `io`): the kernel hands those out in one piece, so one call is enough.
/// This is on the way of every exec and every exit.
fn read_record<T>(path: &str, parse: impl FnOnce(&[u8]) -> Option<T>) -> Option<T> {
    let mut text = [0; LONGEST_RECORD];
    let count = File::open(path).ok()?.read(&mut text).ok()?;
    parse(text.get(..count)?)
}

/// Fetches a file of `/proc` that is a list, whole.
pub(super) fn read(path: &str) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    File::open(path)?.read_to_end(&mut text)?;
    Ok(text)
}

/// `/proc/<tid>/status`; `None` when the thread has ended.
pub(in crate::capture) fn status(tid: u32) -> Option<Status> {
    read_record(&format!("/proc/{tid}/status"), parse_status)
}

/// `/proc/<pid>/stat`; `None` when the process has been reaped.
/// The parent of a process, if that is there.
#[must_use]
pub fn parent(pid: u32) -> Option<u32> {
    stat(pid).map(|stat| stat.ppid)
}

pub(super) fn stat(pid: u32) -> Option<Stat> {
    read_record(&format!("/proc/{pid}/stat"), parse_stat)
}

/// `/proc/<pid>/io`; `None` when the process has been reaped or may not be looked at.
pub(super) fn io(pid: u32) -> Option<Bytes> {
    read_record(&format!("/proc/{pid}/io"), parse_io)
}

/// The numbers that name a directory of `/proc/<pid>/task`, or of `/proc` itself.
pub(super) fn numbered(directory: &str) -> Vec<u32> {
    let Ok(entries) = std::fs::read_dir(directory) else { return Vec::new() };
    entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok()).collect()
}

/// Where a link of `/proc/<pid>` points (`exe`, `cwd`, `root`, `fd/3`).
pub(in crate::capture) fn link(pid: u32, name: &str) -> io::Result<PathBuf> {
    std::fs::read_link(format!("/proc/{pid}/{name}"))
}
