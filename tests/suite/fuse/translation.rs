//! The pure parts: raw operations to events, failures to error numbers, mount options, configuration.

use agentsh::capture::fuse::errno::Failure;
use agentsh::capture::fuse::translate::{self, AttributeChange, NewTime, Part};
use agentsh::capture::fuse::{AuditConfig, FileIo, FuseConfig, mount_options};
use agentsh::channel::RefusedBy;
use agentsh::event::{FileAccess, FileType, FileUtimens, OsText, Payload, Timestamp};
use nix::errno::Errno;
use nix::mount::MsFlags;
use nix::sys::statvfs::FsFlags;
use proptest::prelude::*;

fn path() -> OsText {
    "/work/file".into()
}

#[test]
fn flags_are_recorded_as_open_got_them() {
    for (flags, access, recorded) in [
        (libc::O_RDONLY, FileAccess::Read, 0),
        (libc::O_WRONLY | libc::O_TRUNC, FileAccess::Write, libc::O_WRONLY | libc::O_TRUNC),
        (libc::O_RDWR | libc::O_APPEND, FileAccess::ReadWrite, libc::O_RDWR | libc::O_APPEND),
        // What execve(2) opens with, and what the kernel adds on 64-bit machines.
        (libc::O_RDONLY | 0x20 | 0o100_000, FileAccess::Read, 0),
        (3, FileAccess::ReadWrite, 3),
    ] {
        let Payload::FileOpen(open) = translate::open(path(), flags) else { panic!("no file_open") };
        assert_eq!((open.access, open.flags), (access, recorded.cast_unsigned()), "{flags:o}");
    }
}

#[test]
fn modes_are_recorded_under_the_umask_and_without_the_type() {
    for (mode, umask, recorded) in [(0o100_666, 0o022, 0o644), (0o4777, 0o077, 0o4700), (0o644, 0, 0o644), (0o1777, 0o7777, 0)] {
        let Payload::FileCreate(create) = translate::create(path(), mode, umask, 0) else { panic!("no file_create") };
        let Payload::DirCreate(directory) = translate::mkdir(path(), mode, umask) else { panic!("no dir_create") };
        assert_eq!((create.mode, directory.mode), (recorded, recorded), "{mode:o} {umask:o}");
    }
}

#[test]
fn a_node_is_recorded_with_its_type() {
    for (mode, file_type) in [
        (0o100_644, FileType::Regular),
        (0o644, FileType::Regular),
        (libc::S_IFIFO, FileType::Fifo),
        (libc::S_IFSOCK, FileType::Socket),
        (libc::S_IFCHR, FileType::CharDevice),
        (libc::S_IFBLK, FileType::BlockDevice),
        (libc::S_IFDIR, FileType::Directory),
        (libc::S_IFLNK, FileType::Symlink),
    ] {
        let Payload::FileCreate(create) = translate::mknod(path(), mode, 0) else { panic!("no file_create") };
        assert_eq!((create.file_type, create.access), (file_type, None), "{mode:o}");
    }
}

#[test]
fn a_request_is_as_many_operations_as_it_changes_things() {
    let at = NewTime::At { seconds: 1, nanoseconds: 2 };
    let everything =
        AttributeChange { mode: Some(0o644), uid: Some(1), gid: None, size: Some(9), atime: Some(at), mtime: Some(NewTime::Now) };
    assert_eq!(
        everything.parts(),
        [
            Some(Part::Owner { uid: Some(1), gid: None }),
            Some(Part::Mode(0o644)),
            Some(Part::Size(9)),
            Some(Part::Times { atime: Some(at), mtime: Some(NewTime::Now) }),
        ]
    );
    assert_eq!(AttributeChange::default().parts(), [None; 4]);
    // The time that truncate(2) implies is no operation of its own; one that is asked for is.
    let truncate = |mtime| AttributeChange { size: Some(0), mtime: Some(mtime), ..AttributeChange::default() };
    assert_eq!(truncate(NewTime::Now).parts(), [None, None, Some(Part::Size(0)), None]);
    assert!(truncate(at).parts()[3].is_some());
}

#[test]
fn times_are_recorded_in_nanoseconds() {
    let change = |atime, mtime| match translate::set_attribute(path(), Part::Times { atime, mtime }, Timestamp::from_micros(7)) {
        Payload::FileUtimens(FileUtimens { atime_ns, mtime_ns, .. }) => (atime_ns, mtime_ns),
        other => panic!("{other:?}"),
    };
    let at = |seconds, nanoseconds| Some(NewTime::At { seconds, nanoseconds });
    assert_eq!(change(at(1, 5), None), (Some(1_000_000_005), None));
    assert_eq!(change(at(-1, 5), Some(NewTime::Now)), (Some(-999_999_995), Some(7_000)));
    assert_eq!(change(at(i64::MIN, 0), at(i64::MAX, 999_999_999)), (Some(i64::MIN), Some(i64::MAX)));
}

#[test]
fn each_failure_has_its_error_number() {
    for (failure, errno) in [
        (Failure::Refused(RefusedBy::Policy), Errno::EACCES),
        (Failure::Refused(RefusedBy::AuditFailure), Errno::EIO),
        (Failure::Refused(RefusedBy::Overload), Errno::EAGAIN),
        (Failure::Backing(Errno::ENOSPC), Errno::ENOSPC),
        (Failure::Backing(Errno::ENOSYS), Errno::EOPNOTSUPP),
        (Failure::UnknownNode, Errno::ESTALE),
        (Failure::UnknownHandle, Errno::EBADF),
        (Failure::NotAName, Errno::EINVAL),
        (Failure::Hidden, Errno::ENOENT),
        (Failure::CreateRaced, Errno::ESTALE),
        (Failure::Unsupported, Errno::ENOTTY),
        (Failure::Panicked, Errno::EIO),
    ] {
        assert_eq!(failure.errno(), errno, "{failure:?}");
    }
}

#[test]
fn the_mount_has_the_restrictions_of_what_it_covers_and_no_others() {
    let options = mount_options(1_000, 100, FsFlags::ST_NOSUID | FsFlags::ST_NODEV | FsFlags::ST_RELATIME);
    assert_eq!((options.source, options.fstype), ("agentsh", "fuse.agentsh"));
    assert_eq!(options.flags, MsFlags::MS_NOSUID | MsFlags::MS_NODEV);
    assert_eq!(options.data_with(7), "fd=7,rootmode=40000,user_id=1000,group_id=100,default_permissions,allow_other");
    assert_eq!(mount_options(0, 0, FsFlags::empty()).flags, MsFlags::empty());
    let all = mount_options(0, 0, FsFlags::ST_RDONLY | FsFlags::ST_NOEXEC).flags;
    assert_eq!(all, MsFlags::MS_RDONLY | MsFlags::MS_NOEXEC);
}

#[test]
fn the_configuration_is_strict() {
    let read = |text: &str| serde_json::from_str::<FuseConfig>(text);
    assert_eq!(read("{}").unwrap(), FuseConfig::default());
    assert_eq!(read(r#"{"threads": 4}"#).unwrap().threads, 4);
    for wrong in [r#"{"thread": 4}"#, r#"{"file_io": "every_op"}"#, r#"{"threads": -1}"#] {
        assert!(read(wrong).is_err(), "{wrong}");
    }
    let read = |text: &str| serde_json::from_str::<AuditConfig>(text);
    assert_eq!(read(r#"{"file_io": "every_op"}"#).unwrap().file_io, FileIo::EveryOp);
    assert!(read(r#"{"file_io": "sumary"}"#).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_payload_comes_back_from_its_stored_form(bytes in prop::collection::vec(1_u8.., 0..200), mode: u32, umask: u32, flags: i32, seconds: i64, nanoseconds in 0..1_000_000_000_u32) {
        let path = || OsText::from_bytes(bytes.clone());
        let time = Some(NewTime::At { seconds, nanoseconds });
        let now = Timestamp::from_micros(seconds);
        for payload in [
            translate::open(path(), flags),
            translate::create(path(), mode, umask, flags),
            translate::mknod(path(), mode, umask),
            translate::mkdir(path(), mode, umask),
            translate::rename(path(), path(), mode),
            translate::symlink(path(), path()),
            translate::set_xattr(path(), path(), bytes.len()),
            translate::set_attribute(path(), Part::Mode(mode), now),
            translate::set_attribute(path(), Part::Times { atime: time, mtime: Some(NewTime::Now) }, now),
            translate::set_attribute(path(), Part::Owner { uid: Some(mode), gid: None }, now),
        ] {
            let subject = payload.subject().map(std::borrow::Cow::into_owned);
            prop_assert_eq!(subject, Some(path().as_text().into_owned()));
            let stored: serde_json::Value = serde_json::to_value(&payload).unwrap();
            let stored_path: OsText = serde_json::from_value(stored["path"].clone()).unwrap();
            prop_assert_eq!(stored_path, path());
        }
    }
}
