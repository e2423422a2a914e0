//! A file of fixed size, mapped into memory and shared with the page cache: what is written to it outlives the process.

use std::fs::File;
use std::io;
use std::num::NonZeroUsize;
use std::os::fd::AsFd;
use std::ptr::NonNull;

use nix::sys::mman::{MapFlags, ProtFlags};

/// A mapping of a whole file. All access copies in or out with bounds checked, so no reference into the mapping ever exists and
/// threads may use it at once; which of them may touch which bytes is the caller's protocol.
pub struct MappedFile {
    file: File,
    base: NonNull<u8>,
    len: usize,
}

// SAFETY: the mapping is plain memory that lives as long as the value; every access is a bounds-checked copy through a raw pointer.
#[expect(unsafe_code, reason = "a raw pointer is not Send by itself")]
unsafe impl Send for MappedFile {}
// SAFETY: as for Send; concurrent copies of the same bytes are excluded by the callers' lock (see `channel::intake`).
#[expect(unsafe_code, reason = "a raw pointer is not Sync by itself")]
unsafe impl Sync for MappedFile {}

/// An access beyond the end of the mapping.
fn out_of_bounds() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, "access beyond the end of a mapped file")
}

impl MappedFile {
    /// Maps `len` bytes of `file`, which must have at least that size on disk, allocated: writing to a hole on a full disk would
    /// end the process with SIGBUS.
    ///
    /// # Errors
    /// When the kernel refuses the mapping, or `len` is 0.
    pub fn map(file: File, len: usize) -> io::Result<Self> {
        let size = NonZeroUsize::new(len).ok_or_else(out_of_bounds)?;
        // SAFETY: a fresh mapping at an address of the kernel's choice overlaps nothing of ours; it is unmapped in Drop.
        #[expect(unsafe_code, reason = "mmap has no safe form: the file may change beneath; this file's user tolerates that")]
        let base = unsafe {
            nix::sys::mman::mmap(None, size, ProtFlags::PROT_READ | ProtFlags::PROT_WRITE, MapFlags::MAP_SHARED, file.as_fd(), 0)?
        };
        Ok(Self { file, base: base.cast(), len })
    }

    /// The file.
    #[must_use]
    pub const fn file(&self) -> &File {
        &self.file
    }

    /// Size of the mapping in bytes.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Whether the mapping has no bytes; never true.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Makes the kernel allocate the pages now, so that the first write to each does not fault.
    pub fn populate(&self) {
        // SAFETY: the range is exactly our mapping. MADV_POPULATE_WRITE (Linux 5.14) changes no content.
        #[expect(unsafe_code, reason = "madvise takes a raw range")]
        let _older_kernels_fault_later = unsafe { libc::madvise(self.base.as_ptr().cast(), self.len, libc::MADV_POPULATE_WRITE) };
    }

    /// Copies `bytes` to `offset`.
    ///
    /// # Errors
    /// When the range reaches beyond the mapping; nothing is written then.
    pub fn write(&self, offset: usize, bytes: &[u8]) -> io::Result<()> {
        self.check(offset, bytes.len())?;
        // SAFETY: `check` holds offset + len <= self.len, and `bytes` is not part of the mapping, of which no reference exists.
        #[expect(unsafe_code, reason = "a copy into shared memory")]
        unsafe {
            std::ptr::copy_nonoverlapping(bytes.as_ptr(), self.base.as_ptr().add(offset), bytes.len());
        }
        Ok(())
    }

    /// Appends `len` bytes from `offset` to `out`.
    ///
    /// # Errors
    /// When the range reaches beyond the mapping; nothing is appended then.
    pub fn read(&self, offset: usize, len: usize, out: &mut Vec<u8>) -> io::Result<()> {
        self.check(offset, len)?;
        out.reserve(len);
        let old = out.len();
        // SAFETY: `check` holds offset + len <= self.len; `reserve` made room for `len` bytes behind `old`, which are then initialised.
        #[expect(unsafe_code, reason = "a copy out of shared memory")]
        unsafe {
            std::ptr::copy_nonoverlapping(self.base.as_ptr().add(offset), out.as_mut_ptr().add(old), len);
            out.set_len(old + len);
        }
        Ok(())
    }

    /// Copies `N` bytes out.
    ///
    /// # Errors
    /// When the range reaches beyond the mapping.
    pub fn read_array<const N: usize>(&self, offset: usize) -> io::Result<[u8; N]> {
        self.check(offset, N)?;
        let mut bytes = [0_u8; N];
        // SAFETY: `check` holds offset + N <= self.len and `bytes` has N bytes.
        #[expect(unsafe_code, reason = "a copy out of shared memory")]
        unsafe {
            std::ptr::copy_nonoverlapping(self.base.as_ptr().add(offset), bytes.as_mut_ptr(), N);
        }
        Ok(bytes)
    }

    fn check(&self, offset: usize, len: usize) -> io::Result<()> {
        match offset.checked_add(len) {
            Some(end) if end <= self.len => Ok(()),
            _ => Err(out_of_bounds()),
        }
    }
}

impl Drop for MappedFile {
    fn drop(&mut self) {
        // SAFETY: the range is exactly our mapping and nothing uses it after this.
        #[expect(unsafe_code, reason = "munmap takes a raw range")]
        let _unmapping_our_own_range_cannot_fail = unsafe { nix::sys::mman::munmap(self.base.cast(), self.len) };
    }
}
