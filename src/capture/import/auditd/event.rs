//! The records of one event, joined.

use super::line::{AuditLine, unhex};
use crate::event::OsText;

/// Records that one event may have; what comes behind is an event of its own.
pub(super) const MOST_LINES: usize = 1_024;
/// Arguments that are kept, and the bytes of one.
const MOST_ARGUMENTS: usize = 4_096;

/// One event.
#[derive(Debug)]
pub(super) struct AuditEvent {
    /// Its records; there is at least one.
    pub(super) lines: Vec<AuditLine>,
    /// The kernel writes nothing of it any more.
    pub(super) complete: bool,
}

/// A name that a system call was about (`PATH`).
#[derive(Clone, Debug)]
pub(super) struct NamedPath {
    pub(super) path: OsText,
    /// `NORMAL`, `CREATE`, `DELETE`, `PARENT`, `UNKNOWN`.
    pub(super) nametype: String,
    /// File type and permission bits.
    pub(super) mode: u32,
}

impl AuditEvent {
    pub(super) fn new(line: AuditLine) -> Self {
        let mut event = Self { lines: Vec::new(), complete: false };
        event.add(line);
        event
    }

    pub(super) fn add(&mut self, line: AuditLine) {
        // The process title is the last record of a system call; what is no system call has one record.
        self.complete |=
            matches!(line.kind.as_str(), "PROCTITLE" | "EOE") || (self.lines.is_empty() && !is_of_syscall(&line.kind));
        if line.kind != "EOE" {
            self.lines.push(line);
        }
    }

    pub(super) fn line(&self, kind: &str) -> Option<&AuditLine> {
        self.lines.iter().find(|line| line.kind == kind)
    }

    /// The working directory.
    pub(super) fn cwd(&self) -> Option<OsText> {
        self.line("CWD")?.text("cwd")
    }

    /// The names in their order, absolute where the directory is known.
    pub(super) fn paths(&self) -> Vec<NamedPath> {
        let cwd = self.cwd();
        let mut paths: Vec<(i64, NamedPath)> = Vec::new();
        for line in self.lines.iter().filter(|line| line.kind == "PATH") {
            let Some(name) = line.text("name") else { continue };
            let nametype = line.word("nametype").or_else(|| line.word("objtype")).unwrap_or_default().into_owned();
            let mode = line.word("mode").and_then(|mode| u32::from_str_radix(&mode, 8).ok()).unwrap_or(0);
            paths.push((
                line.number("item").unwrap_or(i64::MAX),
                NamedPath { path: absolute(name, cwd.as_ref()), nametype, mode },
            ));
        }
        paths.sort_by_key(|(item, _)| *item);
        paths.into_iter().map(|(_, path)| path).collect()
    }

    /// The arguments: `a0="…"`, hex, or pieces (`a1_len=… a1[0]=…`), over as many records as they need.
    pub(super) fn arguments(&self) -> (Vec<OsText>, u64) {
        let lines: Vec<&AuditLine> = self.lines.iter().filter(|line| line.kind == "EXECVE").collect();
        let argc = lines.iter().find_map(|line| line.number("argc")).and_then(|argc| u64::try_from(argc).ok()).unwrap_or(0);
        let kept = usize::try_from(argc).unwrap_or(MOST_ARGUMENTS).min(MOST_ARGUMENTS);
        let mut arguments = Vec::new();
        for place in 0..kept {
            let whole = format!("a{place}");
            if let Some(argument) = lines.iter().find_map(|line| line.text(&whole)) {
                arguments.push(argument);
                continue;
            }
            let (mut bytes, mut piece) = (Vec::new(), 0);
            while let Some(value) = lines.iter().find_map(|line| line.raw(&format!("a{place}[{piece}]"))) {
                let unquoted = if let [b'"', inner @ .., b'"'] = value {
                    inner.to_vec()
                } else {
                    unhex(value).unwrap_or_else(|| value.to_vec())
                };
                bytes.extend(unquoted);
                piece += 1;
            }
            if piece == 0 && lines.iter().all(|line| line.raw(&whole).is_none()) {
                break;
            }
            arguments.push(OsText::from_bytes(bytes));
        }
        (arguments, argc)
    }

    /// The command line that the process shows (`PROCTITLE`), where the arguments themselves are not recorded.
    pub(super) fn title(&self) -> Vec<OsText> {
        let Some(title) = self.line("PROCTITLE").and_then(|line| line.text("proctitle")) else { return Vec::new() };
        title.as_bytes().split(|byte| *byte == 0).filter(|piece| !piece.is_empty()).map(OsText::from_bytes).collect()
    }
}

fn is_of_syscall(kind: &str) -> bool {
    matches!(
        kind,
        "SYSCALL"
            | "EXECVE"
            | "CWD"
            | "PATH"
            | "SOCKADDR"
            | "PROCTITLE"
            | "EOE"
            | "OBJ_PID"
            | "KERN_MODULE"
            | "MMAP"
            | "FD_PAIR"
            | "IPC"
            | "BPRM_FCAPS"
            | "CAPSET"
            | "SOCKETCALL"
            | "BPF"
            | "OPENAT2"
            | "NETFILTER_CFG"
            | "AVC"
            | "CONFIG_CHANGE"
    )
}

/// A name beneath the directory, unless it is absolute.
fn absolute(name: OsText, cwd: Option<&OsText>) -> OsText {
    match cwd {
        Some(cwd) if !name.as_bytes().starts_with(b"/") => {
            let name = name.as_bytes().strip_prefix(b"./").unwrap_or(name.as_bytes());
            let folder = cwd.as_bytes().strip_suffix(b"/").unwrap_or(cwd.as_bytes());
            OsText::from_bytes([folder, b"/", name].concat())
        }
        _ => name,
    }
}
