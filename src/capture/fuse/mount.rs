//! The arguments of `mount(2)` for the launcher, which opens the device and mounts it in the session's own namespace.

use std::os::fd::RawFd;

use nix::mount::MsFlags;
use nix::sys::statvfs::FsFlags;

/// The arguments of `mount(2)`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MountOptions {
    /// What `/proc/mounts` shows as the source.
    pub source: &'static str,
    /// The file system: FUSE, with a subtype for `/proc/mounts`.
    pub fstype: &'static str,
    /// The mount's restrictions.
    pub flags: MsFlags,
    /// The options of the FUSE module, but for `fd=<number>` of the opened device, which comes in front.
    pub data: String,
}

impl MountOptions {
    /// The options with the opened device in front, as `mount(2)` wants them.
    #[must_use]
    pub fn data_with(&self, device: RawFd) -> String {
        format!("fd={device},{}", self.data)
    }
}

/// What to mount over the workspace.
///
/// The device is `/dev/fuse`, opened read-write **in the user namespace that mounts**: since Linux 4.18 the kernel compares the opener's
/// namespace with the mount's. `uid` and `gid` are the launcher's own there, and that namespace must map ids to themselves, since ids
/// cross this interface unchanged. `covered` are the flags of the workspace as it is (`statvfs(2)`): the mount gets the same
/// restrictions and no others, so that the command sees nothing unusual.
///
/// - `default_permissions`: the kernel checks modes and owners before it asks us, as it does for any file system.
/// - `allow_other`: other users of the session may enter, as they could before.
#[must_use]
pub fn mount_options(uid: u32, gid: u32, covered: FsFlags) -> MountOptions {
    const RESTRICTIONS: [(FsFlags, MsFlags); 4] = [
        (FsFlags::ST_RDONLY, MsFlags::MS_RDONLY),
        (FsFlags::ST_NOSUID, MsFlags::MS_NOSUID),
        (FsFlags::ST_NODEV, MsFlags::MS_NODEV),
        (FsFlags::ST_NOEXEC, MsFlags::MS_NOEXEC),
    ];
    let flags = RESTRICTIONS.iter().filter(|(has, _)| covered.contains(*has)).map(|(_, gets)| *gets).collect();
    // `rootmode` is octal and says only that the root is a directory; the mode itself comes from us later.
    let data = format!("rootmode=40000,user_id={uid},group_id={gid},default_permissions,allow_other");
    MountOptions { source: "agentsh", fstype: "fuse.agentsh", flags, data }
}
