//! Reading the memory of a process that waits for an answer.

use std::fs::File;
use std::io::IoSliceMut;
use std::os::unix::fs::FileExt as _;

use nix::errno::Errno;
use nix::sys::uio::{RemoteIoVec, process_vm_readv};
use nix::unistd::Pid;

/// Bytes fetched at once at first: what a usual command line fits in.
const SMALL_WINDOW: usize = 4_096;
/// Fetches of that size, after which it is known not to be a usual one.
const SMALL_FETCHES: u32 = 8;
/// Bytes fetched at once after that.
const LARGE_WINDOW: usize = 65_536;

/// Copies from the memory of a thread's process; fewer bytes than asked for where a mapping ends.
///
/// # Errors
/// `EFAULT` when nothing is mapped there, `ESRCH` when the thread has ended, `EPERM` when the process may not be read.
pub(crate) fn read(tid: u32, address: u64, buffer: &mut [u8]) -> Result<usize, Errno> {
    let pid = Pid::from_raw(i32::try_from(tid).map_err(|_| Errno::ESRCH)?);
    let base = usize::try_from(address).map_err(|_| Errno::EFAULT)?;
    let remote = [RemoteIoVec { base, len: buffer.len() }];
    match process_vm_readv(pid, &mut [IoSliceMut::new(buffer)], &remote) {
        // A kernel without CONFIG_CROSS_MEMORY_ATTACH, or a filter around us that forbids the call.
        Err(Errno::ENOSYS | Errno::EPERM) => read_file(tid, address, buffer),
        other => other,
    }
}

/// The same through `/proc`, which asks for the same right.
fn read_file(tid: u32, address: u64, buffer: &mut [u8]) -> Result<usize, Errno> {
    let errno = |error: std::io::Error| error.raw_os_error().map_or(Errno::EIO, Errno::from_raw);
    let memory = File::open(format!("/proc/{tid}/mem")).map_err(errno)?;
    match memory.read_at(buffer, address) {
        // The file says EIO for what is not mapped, and reads nothing once the process has given its memory back.
        Ok(0) => Err(Errno::EFAULT),
        Err(error) if error.raw_os_error() == Some(libc::EIO) => Err(Errno::EFAULT),
        other => other.map_err(errno),
    }
}

/// A reader that fetches a window at a time, since strings of one command line lie side by side.
#[derive(Default)]
pub(super) struct Reader {
    tid: u32,
    base: u64,
    window: Vec<u8>,
    fetches: u32,
}

impl Reader {
    /// Turns to another thread's memory. What it has allocated is used again.
    pub(super) fn turn_to(&mut self, tid: u32) -> &mut Self {
        self.tid = tid;
        self.window.clear();
        self.fetches = 0;
        self
    }

    /// What is mapped from `address` on, at least one byte.
    fn at(&mut self, address: u64) -> Result<&[u8], Errno> {
        let within = |base: u64, length: usize| {
            let offset = usize::try_from(address.checked_sub(base)?).ok()?;
            (offset < length).then_some(offset)
        };
        let offset = match within(self.base, self.window.len()) {
            Some(offset) => offset,
            None => {
                self.fetch(address)?;
                0
            }
        };
        self.window.get(offset..).filter(|bytes| !bytes.is_empty()).ok_or(Errno::EFAULT)
    }

    fn fetch(&mut self, address: u64) -> Result<(), Errno> {
        let size = if self.fetches < SMALL_FETCHES { SMALL_WINDOW } else { LARGE_WINDOW };
        self.fetches = self.fetches.saturating_add(1);
        self.window.resize(size, 0);
        self.base = address;
        // An unmapped page within a range cuts the answer short, so whole windows may be asked for.
        match read(self.tid, address, &mut self.window) {
            Ok(count) => {
                self.window.truncate(count);
                Ok(())
            }
            Err(errno) => {
                self.window.clear();
                Err(errno)
            }
        }
    }

    /// The string at `address` without its terminator. Its first `keep` bytes are given back, and its whole length.
    ///
    /// `longest` counts the terminator; a longer string is `E2BIG`.
    pub(super) fn string(&mut self, address: u64, keep: usize, longest: u64) -> Result<(Vec<u8>, u64), Errno> {
        let mut kept = Vec::new();
        let mut length: u64 = 0;
        loop {
            let bytes = self.at(address.checked_add(length).ok_or(Errno::EFAULT)?)?;
            let end = bytes.iter().position(|byte| *byte == 0);
            let part = bytes.get(..end.unwrap_or(bytes.len())).unwrap_or_default();
            let wanted = keep.saturating_sub(kept.len()).min(part.len());
            kept.extend_from_slice(part.get(..wanted).unwrap_or_default());
            length += u64::try_from(part.len()).unwrap_or(u64::MAX);
            if length >= longest {
                return Err(Errno::E2BIG);
            }
            if end.is_some() {
                return Ok((kept, length));
            }
        }
    }

    /// The pointer at `address`.
    pub(super) fn pointer(&mut self, address: u64) -> Result<u64, Errno> {
        if let Some(pointer) = self.at(address)?.first_chunk() {
            return Ok(u64::from_ne_bytes(*pointer));
        }
        // It lies across the end of the window.
        let mut pointer = [0; size_of::<u64>()];
        for (place, byte) in pointer.iter_mut().enumerate() {
            let place = u64::try_from(place).unwrap_or(0);
            *byte = *self.at(address.checked_add(place).ok_or(Errno::EFAULT)?)?.first().ok_or(Errno::EFAULT)?;
        }
        Ok(u64::from_ne_bytes(pointer))
    }
}
