//! Extended attributes, through the magic link of the inode's descriptor: the calls for descriptors refuse `O_PATH`.

use std::ffi::OsStr;
use std::os::fd::AsFd;

use nix::NixPath;
use nix::errno::Errno;

use super::descriptors::LinkName;
use super::file_system::{Caller, Workspace};
use super::system_calls;
use crate::capture::fuse::errno::Failure;
use crate::capture::fuse::translate;

impl Workspace {
    /// Reads an attribute into `buffer`; with an empty one, tells the size. `ERANGE` where the buffer is too small.
    pub(in super::super) fn get_xattr(&self, node: u64, name: &OsStr, buffer: &mut [u8]) -> Result<usize, Failure> {
        let node = self.inodes.get(node)?;
        let link = LinkName::of(node.as_fd());
        Ok(named(name, |name| system_calls::get_xattr(link.path(), name, buffer))?)
    }

    /// Lists the names, each ended by NUL, into `buffer`; with an empty one, tells the size. `ERANGE` where the buffer is too small.
    pub(in super::super) fn list_xattrs(&self, node: u64, buffer: &mut [u8]) -> Result<usize, Failure> {
        let node = self.inodes.get(node)?;
        Ok(system_calls::list_xattrs(LinkName::of(node.as_fd()).path(), buffer)?)
    }

    pub(in super::super) fn set_xattr(
        &self,
        caller: Caller,
        node: u64,
        name: &OsStr,
        value: &[u8],
        flags: i32,
    ) -> Result<(), Failure> {
        let node = self.inodes.get(node)?;
        self.gated(
            caller,
            || translate::set_xattr(self.inodes.path(&node), name.into(), value.len()),
            || {
                let link = LinkName::of(node.as_fd());
                named(name, |name| system_calls::set_xattr(link.path(), name, value, flags))
            },
        )?;
        Ok(())
    }

    pub(in super::super) fn remove_xattr(&self, caller: Caller, node: u64, name: &OsStr) -> Result<(), Failure> {
        let node = self.inodes.get(node)?;
        self.gated(
            caller,
            || translate::remove_xattr(self.inodes.path(&node), name.into()),
            || {
                let link = LinkName::of(node.as_fd());
                named(name, |name| system_calls::remove_xattr(link.path(), name))
            },
        )?;
        Ok(())
    }
}

/// Gives the name to a system call, with its NUL.
fn named<T>(name: &OsStr, call: impl FnOnce(&std::ffi::CStr) -> Result<T, Errno>) -> Result<T, Errno> {
    name.with_nix_path(call)?
}
