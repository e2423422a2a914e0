//! Owners, modes and umask: what a user may do and what belongs to whom is as in the directory beneath.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::path::Path;
use std::process::Command;

use nix::sys::stat::Mode;

use super::rig::{Rig, rig};

#[test]
fn the_umask_is_the_callers() {
    let Some(rig) = rig() else { return };
    let script = "umask 027; : > file; mkdir dir; umask 0; : > open; mkfifo pipe; umask 077; mkdir tight";
    assert!(Command::new("/bin/sh").args(["-c", script]).current_dir(&rig.root).status().unwrap().success());
    let mode = |name: &str| fs::metadata(rig.behind(name)).unwrap().mode() & 0o7777;
    assert_eq!(["file", "dir", "open", "pipe", "tight"].map(mode), [0o640, 0o750, 0o666, 0o666, 0o700]);
    let lines = rig.lines();
    for expected in ["file_create file regular 0640 write", "dir_create dir 0750", "file_create pipe fifo 0666 -"] {
        assert!(lines.iter().any(|line| line == expected), "{expected}: {lines:?}");
    }
    rig.end();
}

/// Runs something with the file system ids of another user, as only root can.
fn as_user<T>(uid: u32, gid: u32, run: impl FnOnce() -> T + Send) -> T
where
    T: Send,
{
    // A thread of its own, so that nothing else of the test process is somebody else.
    std::thread::scope(|scope| {
        let thread = scope.spawn(|| {
            nix::unistd::setfsgid(gid.into());
            nix::unistd::setfsuid(uid.into());
            run()
        });
        thread.join().unwrap()
    })
}

fn root_only() -> bool {
    let root = nix::unistd::geteuid().is_root();
    if !root {
        eprintln!("skipped: only root can act as another user");
    }
    root
}

/// The directories above the mount are for their owner alone; another user comes in through this one.
fn let_others_in(rig: &Rig) {
    let parent = rig.root.parent().unwrap();
    fs::set_permissions(parent, fs::Permissions::from_mode(0o755)).unwrap();
    fs::set_permissions(&rig.backing, fs::Permissions::from_mode(0o777)).unwrap();
}

#[test]
fn what_a_user_makes_belongs_to_that_user() {
    let Some(rig) = rig() else { return };
    if !root_only() {
        return rig.end();
    }
    let_others_in(&rig);
    fs::create_dir(rig.behind("shared")).unwrap();
    std::os::unix::fs::chown(rig.behind("shared"), Some(0), Some(77)).unwrap();
    fs::set_permissions(rig.behind("shared"), fs::Permissions::from_mode(0o2777)).unwrap();
    as_user(1_234, 5_678, || {
        fs::write(rig.at("file"), "x").unwrap();
        fs::create_dir(rig.at("dir")).unwrap();
        symlink("x", rig.at("link")).unwrap();
        nix::unistd::mkfifo(&rig.at("pipe"), Mode::S_IRWXU).unwrap();
        fs::write(rig.at("shared/file"), "x").unwrap();
        fs::create_dir(rig.at("shared/dir")).unwrap();
    });
    let owner = |name: &str| {
        let metadata = fs::symlink_metadata(rig.behind(name)).unwrap();
        (metadata.uid(), metadata.gid())
    };
    assert_eq!(["file", "dir", "link", "pipe"].map(owner), [(1_234, 5_678); 4]);
    // A set-gid directory passes its group on, and to directories the bit too.
    assert_eq!(["shared/file", "shared/dir"].map(owner), [(1_234, 77); 2]);
    assert_eq!(fs::metadata(rig.behind("shared/dir")).unwrap().mode() & 0o7777, 0o2755);
    let event = rig.record.take_settled().into_iter().next().unwrap();
    let actor = event.actor.unwrap();
    assert_eq!((actor.uid, actor.gid), (Some(1_234), Some(5_678)));
    // The next operation of the same worker is root's again.
    fs::write(rig.at("roots"), "x").unwrap();
    assert_eq!(owner("roots"), (0, 0));
    rig.end();
}

#[test]
fn modes_and_owners_keep_users_apart() {
    let Some(rig) = rig() else { return };
    if !root_only() {
        return rig.end();
    }
    let_others_in(&rig);
    fs::write(rig.behind("private"), "x").unwrap();
    fs::set_permissions(rig.behind("private"), fs::Permissions::from_mode(0o600)).unwrap();
    fs::create_dir(rig.behind("sticky")).unwrap();
    fs::set_permissions(rig.behind("sticky"), fs::Permissions::from_mode(0o1777)).unwrap();
    fs::write(rig.behind("sticky/roots"), "x").unwrap();
    as_user(1_234, 5_678, || {
        let refused = |result: io::Result<()>, errno| assert_eq!(result.unwrap_err().raw_os_error(), Some(errno));
        refused(fs::read(rig.at("private")).map(drop), libc::EACCES);
        refused(fs::set_permissions(rig.at("private"), fs::Permissions::from_mode(0o666)), libc::EPERM);
        refused(std::os::unix::fs::chown(rig.at("private"), Some(1_234), None), libc::EPERM);
        refused(fs::remove_file(rig.at("sticky/roots")), libc::EPERM);
    });
    // The kernel refused these by itself: nothing of them could happen, and nothing came to be decided.
    assert_eq!(rig.lines(), [""; 0]);
    rig.end();
}

#[test]
fn writing_clears_the_set_uid_bit_for_a_user_and_not_for_root() {
    let Some(rig) = rig() else { return };
    if !root_only() {
        return rig.end();
    }
    let_others_in(&rig);
    let set = |name: &str| {
        fs::write(rig.behind(name), "12345").unwrap();
        std::os::unix::fs::chown(rig.behind(name), Some(1_234), Some(5_678)).unwrap();
        fs::set_permissions(rig.behind(name), fs::Permissions::from_mode(0o6775)).unwrap();
    };
    let mode = |name: &str| fs::metadata(rig.behind(name)).unwrap().mode() & 0o7777;
    type Change = fn(&Path);
    let changes: [(&str, Change); 4] = [
        ("written", |path| OpenOptions::new().write(true).open(path).unwrap().write_all(b"x").unwrap()),
        ("truncated", |path| OpenOptions::new().write(true).open(path).unwrap().set_len(1).unwrap()),
        ("overwritten", |path| drop(OpenOptions::new().write(true).truncate(true).open(path).unwrap())),
        ("shortened", |path| nix::unistd::truncate(path, 1).unwrap()),
    ];
    for (name, change) in changes {
        set(name);
        let path = rig.at(name);
        as_user(1_234, 5_678, || change(&path));
        assert_eq!(mode(name), 0o775, "{name} by a user");
        set(name);
        change(&path);
        assert_eq!(mode(name), 0o6775, "{name} by root");
    }
    rig.end();
}

#[test]
fn a_new_owner_clears_the_set_uid_bit_by_one_operation() {
    let Some(rig) = rig() else { return };
    if !root_only() {
        return rig.end();
    }
    fs::write(rig.behind("tool"), "x").unwrap();
    fs::set_permissions(rig.behind("tool"), fs::Permissions::from_mode(0o4755)).unwrap();
    std::os::unix::fs::chown(rig.at("tool"), Some(1), Some(1)).unwrap();
    assert_eq!(fs::metadata(rig.at("tool")).unwrap().mode() & 0o7777, 0o755);
    assert_eq!(rig.lines(), ["file_chown tool Some(1) Some(1)"]);
    rig.end();
}
