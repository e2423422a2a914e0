//! What a file is that is about to be run: its interpreters, and whether the kernel will take it. The reading of headers is pure.

use std::ffi::OsStr;
use std::fs::File;
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::Path;

use nix::errno::Errno;
use nix::sys::stat::fstat;

use super::view::{self, Caller};
use crate::event::OsText;

/// Bytes at a file's start that tell the kernel what it is (`BINPRM_BUF_SIZE` of `linux/binfmts.h`).
const HEADER: usize = 256;
/// Interpreters of interpreters that the kernel follows before it says ELOOP (`exec_binprm`, `fs/exec.c`).
const MOST_INTERPRETERS: usize = 5;

/// What is about to be run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Program {
    /// The file, with links resolved where they could be.
    pub(crate) path: OsText,
    /// Programs named by `#!` lines, outermost first.
    pub(crate) interpreters: Vec<OsText>,
    /// Set when it is for another ABI, whose calls the filter refuses.
    pub(crate) foreign: bool,
    /// The error that the kernel is likely to give, should the call fail.
    pub(crate) likely_error: Option<Errno>,
}

impl Program {
    /// The file that the process will be found to run: the last interpreter, or the file itself.
    pub(crate) fn image(&self) -> &OsText {
        self.interpreters.last().unwrap_or(&self.path)
    }
}

/// Looks at the file that an exec names, and at its interpreters.
pub(super) fn examine(caller: &Caller<'_>, file: &OwnedFd, requested: &Path) -> Program {
    let place = view::path_of(file).unwrap_or_else(|| requested.to_owned());
    let mut program = Program { path: OsText::from(place.as_path()), ..Program::default() };
    let mut next = look(file);
    loop {
        match next {
            Look::Native => return program,
            Look::Foreign => return Program { foreign: true, ..program },
            Look::Fails(errno) => return Program { likely_error: Some(errno), ..program },
            Look::Unreadable => return program,
            Look::Script(_) if program.interpreters.len() >= MOST_INTERPRETERS => {
                return Program { likely_error: Some(Errno::ELOOP), ..program };
            }
            Look::Script(interpreter) => {
                let interpreter = Path::new(OsStr::from_bytes(&interpreter)).to_owned();
                match view::open(caller, caller.cwd, &interpreter) {
                    Ok(file) => {
                        let place = view::path_of(&file).unwrap_or(interpreter);
                        program.interpreters.push(OsText::from(place.as_path()));
                        next = look(&file);
                    }
                    Err(errno) => {
                        program.interpreters.push(OsText::from(interpreter.as_path()));
                        return Program { likely_error: Some(errno), ..program };
                    }
                }
            }
        }
    }
}

/// What a file's mode and first bytes say about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Look {
    /// A program for this machine, or one that an unknown loader may take.
    Native,
    /// A 32-bit program.
    Foreign,
    /// A script and its interpreter's path.
    Script(Vec<u8>),
    /// It cannot be run, for this reason.
    Fails(Errno),
    /// It may be run but not read.
    Unreadable,
}

fn look(file: &OwnedFd) -> Look {
    // Only a regular file is opened: opening anything else may wait or do something.
    match fstat(file) {
        Ok(stat) if stat.st_mode & libc::S_IFMT != libc::S_IFREG || stat.st_mode & 0o111 == 0 => {
            return Look::Fails(Errno::EACCES);
        }
        Ok(_) => {}
        Err(_) => return Look::Unreadable,
    }
    let by_number = format!("/proc/self/fd/{}", file.as_raw_fd());
    let opened = File::options().read(true).custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY).open(&by_number);
    let mut header = [0; HEADER];
    match opened.and_then(|file| file.read_at(&mut header, 0)) {
        Ok(count) => read_header(header.get(..count).unwrap_or_default()),
        Err(_) => Look::Unreadable,
    }
}

/// Reads the start of a program file.
#[must_use]
pub fn read_header(header: &[u8]) -> Look {
    match header {
        [b'#', b'!', line @ ..] => match interpreter(line) {
            Some(interpreter) => Look::Script(interpreter.to_vec()),
            None => Look::Fails(Errno::ENOEXEC),
        },
        [0x7f, b'E', b'L', b'F', class, ..] => {
            let machine = header.get(18..20).and_then(|bytes| bytes.first_chunk()).map(|bytes| u16::from_le_bytes(*bytes));
            if *class == ELF_CLASS_32 && machine.is_some_and(|machine| OTHER_ABI.contains(&machine)) {
                Look::Foreign
            } else {
                Look::Native
            }
        }
        _ => Look::Fails(Errno::ENOEXEC),
    }
}

/// `EI_CLASS` of a 32-bit file (`elf(5)`).
const ELF_CLASS_32: u8 = 1;
/// Machines (`e_machine`) whose 32-bit programs this machine's kernel would run: EM_386 and x32's EM_X86_64, or EM_ARM.
const OTHER_ABI: &[u16] = if cfg!(target_arch = "x86_64") {
    &[3, 62]
} else if cfg!(target_arch = "aarch64") {
    &[40]
} else {
    &[]
};

/// The interpreter of a `#!` line: the first word, cut off by a blank or the line's end (`load_script`, `fs/binfmt_script.c`).
fn interpreter(line: &[u8]) -> Option<&[u8]> {
    let line = line.split(|byte| *byte == b'\n').next()?;
    let start = line.iter().position(|byte| !matches!(byte, b' ' | b'\t'))?;
    let word = line.get(start..)?.split(|byte| matches!(byte, b' ' | b'\t' | 0)).next()?;
    (!word.is_empty()).then_some(word)
}
