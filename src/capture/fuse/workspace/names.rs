//! Names: `mkdir`, `mknod`, `unlink`, `rmdir`, `rename`, `link`, `symlink`, `readlink`.

use std::ffi::{OsStr, OsString};
use std::os::fd::AsFd;
use std::sync::Arc;

use nix::fcntl::{AtFlags, RenameFlags, readlinkat, renameat2};
use nix::sys::stat::{Mode, SFlag, fstatat, mkdirat, mknodat};
use nix::unistd::{UnlinkatFlags, linkat, symlinkat, unlinkat};

use super::credentials::mode_under_umask;
use super::descriptors::LinkName;
use super::file_system::{Caller, Entry, Place, Workspace};
use super::inodes::{Identity, Node};
use crate::capture::fuse::errno::Failure;
use crate::capture::fuse::translate;

impl Workspace {
    pub(in super::super) fn mkdir(&self, caller: Caller, place: Place<'_>, mode: u32, umask: u32) -> Result<Entry, Failure> {
        let (parent, name) = self.resolve(place)?;
        self.gated(
            caller,
            || translate::mkdir(self.inodes.path_of(&parent, name), mode, umask),
            || {
                let mode = Mode::from_bits_truncate(mode_under_umask(mode & translate::PERMISSIONS, umask));
                let _acting = self.credentials.act_as(caller);
                mkdirat(&parent, name, mode)
            },
        )?;
        self.look_up_in(&parent, name)
    }

    pub(in super::super) fn mknod(
        &self,
        caller: Caller,
        place: Place<'_>,
        mode: u32,
        umask: u32,
        device: u32,
    ) -> Result<Entry, Failure> {
        let (parent, name) = self.resolve(place)?;
        self.gated(
            caller,
            || translate::mknod(self.inodes.path_of(&parent, name), mode, umask),
            || {
                let kind = SFlag::from_bits_truncate(mode & libc::S_IFMT);
                let mode = Mode::from_bits_truncate(mode_under_umask(mode & translate::PERMISSIONS, umask));
                let _acting = self.credentials.act_as(caller);
                mknodat(&parent, name, kind, mode, u64::from(device))
            },
        )?;
        self.look_up_in(&parent, name)
    }

    pub(in super::super) fn symlink(&self, caller: Caller, place: Place<'_>, target: &OsStr) -> Result<Entry, Failure> {
        let (parent, name) = self.resolve(place)?;
        self.gated(
            caller,
            || translate::symlink(self.inodes.path_of(&parent, name), target.into()),
            || {
                let _acting = self.credentials.act_as(caller);
                symlinkat(target, &parent, name)
            },
        )?;
        self.look_up_in(&parent, name)
    }

    pub(in super::super) fn readlink(&self, node: u64) -> Result<OsString, Failure> {
        Ok(readlinkat(&*self.inodes.get(node)?, c"")?)
    }

    pub(in super::super) fn link(&self, caller: Caller, node: u64, place: Place<'_>) -> Result<Entry, Failure> {
        let node = self.inodes.get(node)?;
        let (parent, name) = self.resolve(place)?;
        self.gated(
            caller,
            || translate::link(self.inodes.path(&node), self.inodes.path_of(&parent, name)),
            || {
                self.spare_hidden(&parent, name)?;
                let link = LinkName::of(node.as_fd());
                // Following the magic link leads to the object itself, also where that is a symbolic link.
                linkat(self.links.directory(), link.name(), &parent, name, AtFlags::AT_SYMLINK_FOLLOW)
            },
        )?;
        self.look_up_in(&parent, name)
    }

    pub(in super::super) fn unlink(&self, caller: Caller, place: Place<'_>) -> Result<(), Failure> {
        let (parent, name) = self.resolve(place)?;
        self.gated(
            caller,
            || translate::unlink(self.inodes.path_of(&parent, name)),
            || {
                self.spare_hidden(&parent, name)?;
                unlinkat(&parent, name, UnlinkatFlags::NoRemoveDir)
            },
        )?;
        Ok(())
    }

    pub(in super::super) fn rmdir(&self, caller: Caller, place: Place<'_>) -> Result<(), Failure> {
        let (parent, name) = self.resolve(place)?;
        self.gated(
            caller,
            || translate::rmdir(self.inodes.path_of(&parent, name)),
            || {
                self.spare_hidden(&parent, name)?;
                unlinkat(&parent, name, UnlinkatFlags::RemoveDir)
            },
        )?;
        Ok(())
    }

    pub(in super::super) fn rename(&self, caller: Caller, from: Place<'_>, to: Place<'_>, flags: u32) -> Result<(), Failure> {
        let (parent, name) = self.resolve(from)?;
        let (new_parent, new_name) = self.resolve(to)?;
        let flags = RenameFlags::from_bits_retain(flags);
        self.gated(
            caller,
            || translate::rename(self.inodes.path_of(&parent, name), self.inodes.path_of(&new_parent, new_name), flags.bits()),
            || {
                self.spare_hidden(&parent, name)?;
                self.spare_hidden(&new_parent, new_name)?;
                renameat2(&parent, name, &new_parent, new_name, flags)
            },
        )?;
        self.note_place(&new_parent, new_name);
        if flags.contains(RenameFlags::RENAME_EXCHANGE) {
            self.note_place(&parent, name);
        }
        Ok(())
    }

    /// Tells what the name stands for, if the kernel knows it, that this is its name.
    fn note_place(&self, parent: &Arc<Node>, name: &OsStr) {
        if let Ok(stat) = fstatat(parent, name, AtFlags::AT_SYMLINK_NOFOLLOW)
            && let Some(node) = self.inodes.find(Identity::of(&stat))
        {
            node.move_to(parent, name);
        }
    }
}
