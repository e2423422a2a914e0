//! Each operation leaves its events, and a refused one leaves everything as it was.

use std::collections::BTreeMap;
use std::ffi::CString;
use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _, chown, symlink};
use std::path::Path;

use agentsh::capture::fuse::{FileIo, FuseConfig};
use agentsh::channel::RefusedBy;
use agentsh::event::{Kind, Payload};
use nix::fcntl::{AT_FDCWD, RenameFlags, renameat2};
use nix::sys::stat::{Mode, SFlag, UtimensatFlags, makedev, mknod, utimensat};
use nix::sys::time::TimeSpec;

use super::rig::{Rig, Wish, rig, rig_with};
use super::xattrs;

type Operation = fn(&Path) -> io::Result<()>;

/// What an operation is called, what it does, and what it leaves on record.
const TABLE: &[(&str, Operation, &[&str])] = &[
    ("read", |root| fs::read(root.join("old")).map(drop), &["file_open old read", "file_close old wrote 0 in 0 size 8->8"]),
    (
        "open without a right word",
        |root| OpenOptions::new().read(true).write(true).open(root.join("old")).map(drop),
        &["file_open old read_write", "file_close old wrote 0 in 0 size 8->8"],
    ),
    (
        "create and write",
        |root| {
            let mut file = OpenOptions::new().write(true).create_new(true).mode(0o640).open(root.join("new"))?;
            file.write_all(b"one ")?;
            file.write_all(b"two")
        },
        &["file_create new regular 0640 write", "file_close new wrote 7 in 2 size 0->7"],
    ),
    (
        "overwrite",
        |root| fs::write(root.join("old"), "short"),
        &["file_open old write truncate", "file_close old wrote 5 in 1 size 8->5"],
    ),
    (
        "append",
        |root| OpenOptions::new().append(true).open(root.join("old"))?.write_all(b"more"),
        &["file_open old write", "file_close old wrote 4 in 1 size 8->12"],
    ),
    ("unlink", |root| fs::remove_file(root.join("old")), &["file_delete old"]),
    ("rename", |root| fs::rename(root.join("old"), root.join("full/name")), &["file_rename old to full/name flags 0"]),
    ("rename over", |root| fs::rename(root.join("full/inner"), root.join("old")), &["file_rename full/inner to old flags 0"]),
    (
        "exchange",
        |root| {
            let flags = RenameFlags::RENAME_EXCHANGE;
            Ok(renameat2(AT_FDCWD, &root.join("old"), AT_FDCWD, &root.join("full/inner"), flags)?)
        },
        &["file_rename old to full/inner flags 2"],
    ),
    ("rename of a directory", |root| fs::rename(root.join("full"), root.join("moved")), &["file_rename full to moved flags 0"]),
    ("link", |root| fs::hard_link(root.join("old"), root.join("again")), &["file_link old to again"]),
    ("symlink", |root| symlink("../elsewhere", root.join("link")), &["file_symlink link target ../elsewhere"]),
    (
        "truncate by path",
        |root| {
            let path = CString::new(root.join("old").as_os_str().as_bytes())?;
            Ok(nix::unistd::truncate(path.as_c_str(), 3)?)
        },
        &["file_truncate old 3"],
    ),
    (
        "truncate by descriptor",
        |root| OpenOptions::new().write(true).open(root.join("old"))?.set_len(3),
        &["file_open old write", "file_truncate old 3", "file_close old wrote 0 in 0 size 8->3"],
    ),
    ("chmod", |root| fs::set_permissions(root.join("old"), fs::Permissions::from_mode(0o4711)), &["file_chmod old 4711"]),
    ("chown", |root| chown(root.join("old"), Some(12), None), &["file_chown old Some(12) None"]),
    (
        "utimens",
        |root| times(&root.join("old"), TimeSpec::new(1, 2), TimeSpec::new(3, 4)),
        &["file_utimens old Some(1000000002) Some(3000000004)"],
    ),
    (
        "utimens of one",
        |root| times(&root.join("old"), TimeSpec::new(0, libc::UTIME_OMIT), TimeSpec::new(3, 4)),
        &["file_utimens old None Some(3000000004)"],
    ),
    ("setxattr", |root| xattrs::set(&root.join("old"), "user.note", b"12345", 0), &["file_xattr old set user.note Some(5)"]),
    ("removexattr", |root| xattrs::remove(&root.join("old"), "user.there"), &["file_xattr old remove user.there None"]),
    ("mkdir", |root| fs::create_dir(root.join("made")), &["dir_create made 0755"]),
    ("rmdir", |root| fs::remove_dir(root.join("empty")), &["dir_delete empty"]),
    ("list", |root| fs::read_dir(root.join("full"))?.try_for_each(|entry| entry.map(drop)), &["dir_list full"]),
    (
        "fifo",
        |root| Ok(mknod(&root.join("pipe"), SFlag::S_IFIFO, Mode::from_bits_truncate(0o620), 0)?),
        &["file_create pipe fifo 0600 -"],
    ),
    (
        "device",
        |root| Ok(mknod(&root.join("null"), SFlag::S_IFCHR, Mode::from_bits_truncate(0o600), makedev(1, 3))?),
        &["file_create null char_device 0600 -"],
    ),
    (
        "socket",
        |root| std::os::unix::net::UnixListener::bind(root.join("socket")).map(drop),
        &["file_create socket socket 0755 -"],
    ),
];

fn times(path: &Path, atime: TimeSpec, mtime: TimeSpec) -> io::Result<()> {
    Ok(utimensat(AT_FDCWD, path, &atime, &mtime, UtimensatFlags::FollowSymlink)?)
}

fn prepare(backing: &Path) {
    fs::write(backing.join("old"), "12345678").unwrap();
    xattrs::set(&backing.join("old"), "user.there", b"yes", 0).unwrap();
    fs::create_dir(backing.join("full")).unwrap();
    fs::write(backing.join("full/inner"), "inner").unwrap();
    fs::create_dir(backing.join("empty")).unwrap();
}

fn prepared() -> Wish {
    Wish { prepare: Some(prepare), ..Wish::default() }
}

#[test]
fn each_operation_leaves_exactly_its_events() {
    for (name, operation, expected) in TABLE {
        let Some(rig) = rig_with(prepared(), |_| None) else { return };
        operation(&rig.root).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(rig.lines(), *expected, "{name}");
        rig.end();
    }
}

/// Everything that an operation could have changed.
fn snapshot(root: &Path) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut waiting = vec![root.to_owned()];
    while let Some(path) = waiting.pop() {
        let metadata = fs::symlink_metadata(&path).unwrap();
        let what = format!(
            "{:o} {} {} {} {} {}.{} {:?} {:?}",
            metadata.mode(),
            metadata.ino(),
            metadata.nlink(),
            metadata.uid(),
            metadata.size(),
            metadata.mtime(),
            metadata.mtime_nsec(),
            xattrs::list(&path, 1_000).unwrap().1,
            metadata.is_file().then(|| fs::read(&path).unwrap()),
        );
        if metadata.is_dir() {
            waiting.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        }
        found.insert(path.display().to_string(), what);
    }
    found
}

#[test]
fn a_refused_operation_is_eacces_and_leaves_everything_as_it_was() {
    for (name, operation, expected) in TABLE {
        // The last word of the record is what the operation is about; what comes before it, such as the open, is let through.
        let gated: Vec<_> = expected.iter().filter(|line| !line.starts_with("file_close")).collect();
        let kind: Kind = gated.last().unwrap().split(' ').next().unwrap().parse().unwrap();
        let refuses = move |payload: &Payload| (payload.kind() == kind).then_some(RefusedBy::Policy);
        let Some(rig) = rig_with(prepared(), refuses) else { return };
        let before = snapshot(&rig.backing);
        let error = operation(&rig.root).expect_err(name);
        assert_eq!(error.raw_os_error(), Some(libc::EACCES), "{name}");
        assert_eq!(snapshot(&rig.backing), before, "{name}");
        assert_eq!(rig.lines().iter().filter(|line| line.ends_with(" REFUSED")).count(), 1, "{name}");
        rig.end();
    }
}

#[test]
fn what_cannot_be_recorded_is_an_io_error_and_an_overload_is_temporary() {
    for (by, errno) in
        [(RefusedBy::Policy, libc::EACCES), (RefusedBy::AuditFailure, libc::EIO), (RefusedBy::Overload, libc::EAGAIN)]
    {
        let Some(rig) = rig_with(prepared(), move |_| Some(by)) else { return };
        assert_eq!(fs::read(rig.at("old")).unwrap_err().raw_os_error(), Some(errno));
        assert_eq!(fs::remove_file(rig.at("old")).unwrap_err().raw_os_error(), Some(errno));
        assert!(rig.behind("old").exists());
        rig.end();
    }
}

#[test]
fn a_failure_after_the_gate_is_on_record_with_its_cause() {
    let Some(rig) = rig_with(prepared(), |_| None) else { return };
    let error = fs::remove_dir(rig.at("full")).unwrap_err();
    assert_eq!(error.raw_os_error(), Some(libc::ENOTEMPTY));
    let events = rig.record.all();
    assert_eq!(rig.lines(), ["dir_delete full", "operation_failed dir_delete full ENOTEMPTY"]);
    assert_eq!(events[1].cause, Some(events[0].id));
    rig.end();
}

#[test]
fn an_event_names_the_process_and_a_close_names_its_open() {
    let Some(rig) = rig_with(prepared(), |_| None) else { return };
    let status = std::process::Command::new("/bin/cat").arg(rig.at("old")).stdout(std::process::Stdio::null()).status().unwrap();
    assert!(status.success());
    let events = rig.record.take_settled();
    let [open, close] = events.as_slice() else { panic!("{events:#?}") };
    let actor = open.actor.as_ref().unwrap();
    assert_eq!(actor.ppid, Some(std::process::id()));
    assert_eq!(actor.comm.as_ref().unwrap().as_bytes(), b"cat");
    assert!(actor.exe.as_ref().unwrap().as_path().ends_with("cat"));
    assert_eq!(actor.uid, Some(nix::unistd::geteuid().as_raw()));
    assert_eq!(actor.cwd.as_ref().unwrap().as_path(), std::env::current_dir().unwrap());
    assert_eq!((close.cause, close.actor.as_ref()), (Some(open.id), Some(actor)));
    rig.end();
}

fn every_op() -> Wish {
    let config = FuseConfig { file_io: FileIo::EveryOp, ..FuseConfig::default() };
    Wish { config, ..prepared() }
}

#[test]
fn every_op_records_each_read_and_write() {
    let Some(rig) = rig_with(every_op(), |_| None) else { return };
    let mut file = OpenOptions::new().read(true).write(true).open(rig.at("old")).unwrap();
    file.write_all(b"ab").unwrap();
    let mut rest = [0; 100];
    for expected in [6, 0] {
        assert_eq!(io::Read::read(&mut file, &mut rest).unwrap(), expected);
    }
    drop(file);
    assert_eq!(
        rig.lines(),
        [
            "file_open old read_write",
            "file_write old at 0 Some(2)/2",
            "file_read old at 2 Some(6)/100",
            "file_read old at 8 Some(0)/100",
            "file_close old wrote 2 in 1 size 8->8",
        ]
    );
    rig.end();
}

fn close_of(rig: &Rig) -> agentsh::event::FileClose {
    let closes = rig.record.take_settled().into_iter().filter_map(|event| match event.payload {
        Payload::FileClose(close) => Some(close),
        _ => None,
    });
    closes.last().unwrap()
}

#[test]
fn a_close_sums_up_what_was_written_and_read() {
    let Some(rig) = rig() else { return };
    let mut file = OpenOptions::new().read(true).write(true).create_new(true).open(rig.at("sum")).unwrap();
    let mut total = 0;
    for size in [1, 4_096, 100_000, 3_000_000] {
        file.write_all(&vec![b'x'; size]).unwrap();
        total += u64::try_from(size).unwrap();
    }
    drop(file);
    let close = close_of(&rig);
    assert_eq!((close.bytes_written, close.size_before, close.size_after), (total, Some(0), Some(total)));
    // Nothing of the file is in the page cache of this mount after it was dropped from it by a change from outside.
    fs::write(rig.behind("sum"), vec![b'y'; 50_000]).unwrap();
    assert_eq!(fs::read(rig.at("sum")).unwrap(), vec![b'y'; 50_000]);
    assert_eq!(close_of(&rig).bytes_read, 50_000);
    rig.end();
}

#[test]
fn the_hash_of_what_was_written_is_recorded_where_it_is_wanted() {
    let config = FuseConfig { hash_written: true, ..FuseConfig::default() };
    let Some(rig) = rig_with(Wish { config, ..prepared() }, |_| None) else { return };
    fs::write(rig.at("hashed"), "content").unwrap();
    assert_eq!(close_of(&rig).blake3, Some(blake3::hash(b"content").to_hex().to_string()));
    fs::read(rig.at("hashed")).unwrap();
    assert_eq!(close_of(&rig).blake3, None);
    rig.end();
}
