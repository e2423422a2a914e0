//! The system calls that no crate wraps safely, each with its SAFETY sentence.

use std::ffi::CStr;
use std::os::fd::{AsRawFd, BorrowedFd};

use nix::errno::Errno;
use nix::libc;

/// Reads directory records (`struct linux_dirent64`) into `buffer`; 0 at the end of the directory.
#[expect(unsafe_code, reason = "getdents64 has no wrapper that leaves offsets and buffer to the caller")]
pub(super) fn read_directory(directory: BorrowedFd<'_>, buffer: &mut [u8]) -> nix::Result<usize> {
    // SAFETY: the kernel writes at most `buffer.len()` bytes to the buffer, which is borrowed for the call.
    let read = unsafe { libc::syscall(libc::SYS_getdents64, directory.as_raw_fd(), buffer.as_mut_ptr(), buffer.len()) };
    length(read)
}

/// Writes at the end of the file, wherever that is by now (`RWF_APPEND`).
#[expect(unsafe_code, reason = "nix has no pwritev2")]
pub(super) fn append(file: BorrowedFd<'_>, data: &[u8]) -> nix::Result<usize> {
    let part = libc::iovec { iov_base: data.as_ptr().cast_mut().cast(), iov_len: data.len() };
    // SAFETY: one iovec is passed and one is announced; it covers `data`, which is borrowed for the call and only read from.
    let written = unsafe { libc::pwritev2(file.as_raw_fd(), &raw const part, 1, 0, libc::RWF_APPEND) };
    Errno::result(written).map(isize::cast_unsigned)
}

/// Copies between two files without the bytes passing through here; less than `length` at the end of `from`.
#[expect(unsafe_code, reason = "nix has copy_file_range only with splice and its kin")]
pub(super) fn copy_range(
    (from, mut read_at): (BorrowedFd<'_>, i64),
    (to, mut write_at): (BorrowedFd<'_>, i64),
    length: usize,
) -> nix::Result<usize> {
    // SAFETY: both offsets are variables of this frame, which the kernel reads and updates during the call.
    let copied =
        unsafe { libc::copy_file_range(from.as_raw_fd(), &raw mut read_at, to.as_raw_fd(), &raw mut write_at, length, 0) };
    Errno::result(copied).map(isize::cast_unsigned)
}

/// Reads an extended attribute into `buffer`; with an empty one, asks for its size.
#[expect(unsafe_code, reason = "nix has no extended attributes")]
pub(super) fn get_xattr(path: &CStr, name: &CStr, buffer: &mut [u8]) -> nix::Result<usize> {
    // SAFETY: both strings end in NUL, and the kernel writes at most `buffer.len()` bytes to the buffer; all are borrowed for the call.
    let size = unsafe { libc::getxattr(path.as_ptr(), name.as_ptr(), buffer.as_mut_ptr().cast(), buffer.len()) };
    Errno::result(size).map(isize::cast_unsigned)
}

/// Lists the names of the extended attributes into `buffer`; with an empty one, asks for the list's size.
#[expect(unsafe_code, reason = "nix has no extended attributes")]
pub(super) fn list_xattrs(path: &CStr, buffer: &mut [u8]) -> nix::Result<usize> {
    // SAFETY: the path ends in NUL, and the kernel writes at most `buffer.len()` bytes to the buffer; both are borrowed for the call.
    let size = unsafe { libc::listxattr(path.as_ptr(), buffer.as_mut_ptr().cast(), buffer.len()) };
    Errno::result(size).map(isize::cast_unsigned)
}

/// Sets an extended attribute.
#[expect(unsafe_code, reason = "nix has no extended attributes")]
pub(super) fn set_xattr(path: &CStr, name: &CStr, value: &[u8], flags: i32) -> nix::Result<()> {
    // SAFETY: both strings end in NUL, and the kernel reads `value.len()` bytes from `value`; all are borrowed for the call.
    let done = unsafe { libc::setxattr(path.as_ptr(), name.as_ptr(), value.as_ptr().cast(), value.len(), flags) };
    Errno::result(done).map(drop)
}

/// Removes an extended attribute.
#[expect(unsafe_code, reason = "nix has no extended attributes")]
pub(super) fn remove_xattr(path: &CStr, name: &CStr) -> nix::Result<()> {
    // SAFETY: both strings end in NUL and are borrowed for the call.
    let done = unsafe { libc::removexattr(path.as_ptr(), name.as_ptr()) };
    Errno::result(done).map(drop)
}

/// Capabilities of a thread, 64 bits each (`capabilities(7)`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Capabilities {
    pub(super) effective: u64,
    pub(super) permitted: u64,
    pub(super) inheritable: u64,
}

/// `struct __user_cap_header_struct`.
#[repr(C)]
struct CapabilityHeader {
    version: u32,
    pid: i32,
}

/// `struct __user_cap_data_struct`: the low or the high half.
#[repr(C)]
#[derive(Clone, Copy, Default)]
struct CapabilityHalf {
    effective: u32,
    permitted: u32,
    inheritable: u32,
}

/// `_LINUX_CAPABILITY_VERSION_3`: two halves.
const CAPABILITY_VERSION: u32 = 0x2008_0522;

/// The calling thread's capabilities.
#[expect(unsafe_code, reason = "nix has no capabilities")]
pub(super) fn thread_capabilities() -> nix::Result<Capabilities> {
    let mut header = CapabilityHeader { version: CAPABILITY_VERSION, pid: 0 };
    let mut halves = [CapabilityHalf::default(); 2];
    // SAFETY: version 3 makes the kernel fill exactly two halves, and both arguments have the layout of the kernel's header files.
    Errno::result(unsafe { libc::syscall(libc::SYS_capget, &raw mut header, halves.as_mut_ptr()) })?;
    let [low, high] = halves;
    let join = |low: u32, high: u32| u64::from(low) | u64::from(high) << 32;
    Ok(Capabilities {
        effective: join(low.effective, high.effective),
        permitted: join(low.permitted, high.permitted),
        inheritable: join(low.inheritable, high.inheritable),
    })
}

/// Sets the calling thread's capabilities, and those of no other thread.
#[expect(unsafe_code, reason = "nix has no capabilities")]
pub(super) fn set_thread_capabilities(to: Capabilities) -> nix::Result<()> {
    let low = |bits: u64| u32::try_from(bits & 0xffff_ffff).unwrap_or(0);
    let high = |bits: u64| u32::try_from(bits >> 32).unwrap_or(0);
    let mut header = CapabilityHeader { version: CAPABILITY_VERSION, pid: 0 };
    let halves = [
        CapabilityHalf { effective: low(to.effective), permitted: low(to.permitted), inheritable: low(to.inheritable) },
        CapabilityHalf { effective: high(to.effective), permitted: high(to.permitted), inheritable: high(to.inheritable) },
    ];
    // SAFETY: version 3 makes the kernel read exactly two halves, and both arguments have the layout of the kernel's header files.
    Errno::result(unsafe { libc::syscall(libc::SYS_capset, &raw mut header, halves.as_ptr()) }).map(drop)
}

/// `FUSE_DEV_IOC_CLONE` of `linux/fuse.h`: `_IOR(229, 0, uint32_t)`.
const CLONE_DEVICE: libc::c_ulong = nix::request_code_read!(229, 0, size_of::<u32>());

/// Whether a further descriptor of the device's connection can be had, by trying it: `/dev/fuse` must be openable from here, which it
/// need not be where the launcher could.
#[expect(unsafe_code, reason = "nix knows no ioctl of FUSE")]
pub(in super::super) fn can_clone_device(device: BorrowedFd<'_>) -> bool {
    let Ok(further) = std::fs::File::options().read(true).write(true).open("/dev/fuse") else { return false };
    let mut source = device.as_raw_fd().cast_unsigned();
    // SAFETY: the ioctl reads one u32, the number of an open descriptor, from the pointer.
    Errno::result(unsafe { libc::ioctl(further.as_raw_fd(), CLONE_DEVICE, &raw mut source) }).is_ok()
}

fn length(result: libc::c_long) -> nix::Result<usize> {
    Errno::result(result).map(|length| usize::try_from(length).unwrap_or(0))
}
