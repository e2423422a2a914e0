//! The arguments of an exec: copied once from the caller's memory, so that what is judged is what is recorded.
//!
//! The kernel reads them again when the call goes on. A thread of the caller, or a process that shares its memory, may have changed
//! them by then: what a verdict was given on and what is run can differ. Only the kernel can close that.

use nix::errno::Errno;

use super::memory::Reader;
use crate::event::OsText;

/// Bytes of arguments that an event keeps.
pub const KEPT_BYTES: usize = 64 * 1024;
/// Arguments that an event keeps.
pub const KEPT_ARGUMENTS: usize = 4_096;

/// Longest single string of an exec, with its terminator (`MAX_ARG_STRLEN` of `linux/binfmts.h`: 32 pages).
const LONGEST_STRING: u64 = 32 * 4_096;
/// Most bytes of arguments that any kernel takes (three quarters of `_STK_LIM`, `fs/exec.c`); more is E2BIG before it is read.
const MOST_BYTES: u64 = 6 << 20;
/// Longest path with its terminator (`PATH_MAX`).
const LONGEST_PATH: u64 = 4_096;

/// The arguments of an exec.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Arguments {
    /// The first arguments whole, until they are more than an event keeps; [`cut`] makes them fit after redaction.
    pub(crate) kept: Vec<OsText>,
    /// How many there are.
    pub(crate) count: u64,
    /// Their bytes, with terminators.
    pub(crate) bytes: u64,
}

/// Reads the path of a call.
pub(super) fn path(reader: &mut Reader, address: u64) -> Result<Vec<u8>, Errno> {
    match reader.string(address, usize::MAX, LONGEST_PATH) {
        Ok((path, _)) => Ok(path),
        Err(Errno::E2BIG) => Err(Errno::ENAMETOOLONG),
        Err(errno) => Err(errno),
    }
}

/// Reads the arguments of a call. All are counted; only those that an event keeps are copied.
pub(super) fn read(reader: &mut Reader, strings: &mut Reader, address: u64) -> Result<Arguments, Errno> {
    let mut arguments = Arguments::default();
    if address == 0 {
        // Linux takes a null list as an empty one.
        return Ok(arguments);
    }
    let mut kept_bytes = 0_usize;
    loop {
        let slot = address.checked_add(arguments.count * u64::try_from(size_of::<u64>()).unwrap_or(8)).ok_or(Errno::EFAULT)?;
        let pointer = reader.pointer(slot)?;
        if pointer == 0 {
            return Ok(arguments);
        }
        // The one that goes over the limit is copied whole, since half a secret would not be recognised as one.
        let keeps = kept_bytes < KEPT_BYTES && arguments.kept.len() < KEPT_ARGUMENTS;
        let (text, length) = strings.string(pointer, if keeps { usize::MAX } else { 0 }, LONGEST_STRING)?;
        if keeps {
            kept_bytes += text.len();
            arguments.kept.push(OsText::from_bytes(text));
        }
        arguments.count += 1;
        arguments.bytes += length + 1;
        if arguments.bytes > MOST_BYTES {
            return Err(Errno::E2BIG);
        }
    }
}

/// Cuts a list of arguments, redacted by now, to what an event keeps: the last one that fits in part is cut, the rest is left out.
#[must_use]
pub fn cut(arguments: Vec<OsText>) -> Vec<OsText> {
    let mut room = KEPT_BYTES;
    let mut kept = Vec::new();
    for argument in arguments.into_iter().take(KEPT_ARGUMENTS) {
        let bytes = argument.as_bytes();
        if bytes.len() > room {
            if let Some(part) = bytes.get(..room).filter(|part| !part.is_empty()) {
                kept.push(OsText::from_bytes(part));
            }
            break;
        }
        room -= bytes.len();
        kept.push(argument);
    }
    kept
}
