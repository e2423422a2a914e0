//! What is in files and about them behaves as in the directory beneath: open files, maps, holes, times, extended attributes, caches.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::{FileExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::process::Command;

use agentsh::capture::fuse::{FileIo, FuseConfig};
use agentsh::event::Payload;
use nix::fcntl::{AT_FDCWD, FallocateFlags, fallocate};
use nix::sys::stat::{UtimensatFlags, utimensat};
use nix::sys::statvfs::statvfs;
use nix::sys::time::TimeSpec;
use nix::unistd::{Whence, lseek};

use super::rig::{Rig, Wish, once_written, rig, rig_with};
use super::xattrs;

#[test]
fn a_file_that_is_unlinked_while_open_can_still_be_used() {
    let Some(rig) = rig() else { return };
    let mut file = OpenOptions::new().read(true).write(true).create_new(true).open(rig.at("gone")).unwrap();
    file.write_all(b"before ").unwrap();
    fs::remove_file(rig.at("gone")).unwrap();
    assert!(!rig.behind("gone").exists());
    file.write_all(b"after").unwrap();
    file.seek(SeekFrom::Start(0)).unwrap();
    let mut content = String::new();
    file.read_to_string(&mut content).unwrap();
    assert_eq!((content.as_str(), file.metadata().unwrap().nlink()), ("before after", 0));
    file.set_len(3).unwrap();
    drop(file);
    assert_eq!(rig.lines().last().unwrap(), "file_close gone wrote 12 in 2 size 0->3");
    rig.end();
}

#[test]
fn appending_from_inside_and_outside_at_once_loses_nothing() {
    let Some(rig) = rig() else { return };
    fs::write(rig.at("log"), "").unwrap();
    std::thread::scope(|scope| {
        for (path, line) in [(rig.at("log"), "inside\n"), (rig.behind("log"), "outside\n"), (rig.at("log"), "again\n")] {
            scope.spawn(move || {
                let mut file = OpenOptions::new().append(true).open(path).unwrap();
                for _ in 0..300 {
                    file.write_all(line.as_bytes()).unwrap();
                }
            });
        }
    });
    let log = fs::read_to_string(rig.behind("log")).unwrap();
    for line in ["inside", "outside", "again"] {
        assert_eq!(log.lines().filter(|found| *found == line).count(), 300, "{line}");
    }
    rig.end();
}

#[test]
fn times_are_kept_to_the_nanosecond_also_before_1970() {
    let Some(rig) = rig() else { return };
    fs::write(rig.at("file"), "").unwrap();
    for (seconds, nanoseconds) in
        [(0, 0), (1_700_000_000, 123_456_789), (-1, 1), (-2_000_000_000, 999_999_999), (-1, 0), (i64::MIN, 0), (i64::MAX, 0)]
    {
        let time = TimeSpec::new(seconds, nanoseconds);
        utimensat(AT_FDCWD, &rig.behind("file"), &time, &time, UtimensatFlags::FollowSymlink).unwrap();
        // The backing file system may clamp: then it clamps both alike.
        let outside = fs::metadata(rig.behind("file")).unwrap();
        utimensat(AT_FDCWD, &rig.at("file"), &time, &time, UtimensatFlags::FollowSymlink).unwrap();
        let through = fs::metadata(rig.behind("file")).unwrap();
        assert_eq!((through.mtime(), through.mtime_nsec()), (outside.mtime(), outside.mtime_nsec()), "{seconds}.{nanoseconds}");
        assert_eq!((through.atime(), through.atime_nsec()), (outside.atime(), outside.atime_nsec()), "{seconds}.{nanoseconds}");
        let shown = fs::metadata(rig.at("file")).unwrap();
        assert_eq!((shown.mtime(), shown.mtime_nsec()), (through.mtime(), through.mtime_nsec()), "{seconds}.{nanoseconds}");
    }
    rig.end();
}

#[test]
fn extended_attributes_answer_as_the_backing_file_system_does() {
    let Some(rig) = rig() else { return };
    fs::write(rig.at("file"), "").unwrap();
    let value = vec![b'v'; 100];
    xattrs::set(&rig.at("file"), "user.one", &value, libc::XATTR_CREATE).unwrap();
    for path in [rig.at("file"), rig.behind("file")] {
        let errno = |result: io::Result<(usize, Vec<u8>)>| result.unwrap_err().raw_os_error().unwrap();
        assert_eq!(xattrs::get(&path, "user.one", 0).unwrap().0, 100);
        assert_eq!(xattrs::get(&path, "user.one", 100).unwrap().1, value);
        assert_eq!(errno(xattrs::get(&path, "user.one", 99)), libc::ERANGE);
        assert_eq!(errno(xattrs::get(&path, "user.none", 99)), libc::ENODATA);
        assert_eq!(xattrs::list(&path, 100).unwrap().1, b"user.one\0");
        assert_eq!(xattrs::list(&path, 0).unwrap().0, 9);
        assert_eq!(errno(xattrs::list(&path, 3)), libc::ERANGE);
        let set = |name: &str, size: usize, flags| {
            xattrs::set(&path, name, &vec![b'v'; size], flags).unwrap_err().raw_os_error().unwrap()
        };
        assert_eq!(set("user.one", 1, libc::XATTR_CREATE), libc::EEXIST);
        assert_eq!(set("user.none", 1, libc::XATTR_REPLACE), libc::ENODATA);
        assert_eq!(set("user.big", 65_537, 0), libc::E2BIG);
        assert_eq!(set("nosuch.one", 1, 0), libc::EOPNOTSUPP);
    }
    // The event has the size of the value and not the value.
    let events = rig.record.take_settled();
    assert!(!format!("{events:?}").contains("vvvv"));
    rig.end();
}

#[test]
fn holes_are_seen_punched_and_copied() {
    let Some(rig) = rig() else { return };
    let file = OpenOptions::new().read(true).write(true).create_new(true).open(rig.at("sparse")).unwrap();
    file.write_at(b"start", 0).unwrap();
    file.write_at(b"end", 1 << 20).unwrap();
    let behind = File::open(rig.behind("sparse")).unwrap();
    for (at, whence) in [(0, Whence::SeekHole), (8_192, Whence::SeekData), (0, Whence::SeekData)] {
        assert_eq!(lseek(&file, at, whence), lseek(&behind, at, whence));
    }
    assert_eq!(lseek(&file, 1 << 21, Whence::SeekData), Err(nix::errno::Errno::ENXIO));
    assert_eq!(file.metadata().unwrap().blocks(), behind.metadata().unwrap().blocks());
    fallocate(&file, FallocateFlags::empty(), 0, 2 << 20).unwrap();
    assert_eq!(behind.metadata().unwrap().len(), 2 << 20);
    let punch = FallocateFlags::FALLOC_FL_PUNCH_HOLE | FallocateFlags::FALLOC_FL_KEEP_SIZE;
    fallocate(&file, punch, 0, 4_096).unwrap();
    let mut start = [1; 5];
    file.read_at(&mut start, 0).unwrap();
    assert_eq!(start, [0; 5]);
    // `std::fs::copy` asks for copy_file_range first.
    fs::copy(rig.at("sparse"), rig.at("copy")).unwrap();
    assert_eq!(fs::read(rig.behind("copy")).unwrap(), fs::read(rig.behind("sparse")).unwrap());
    drop((file, behind));
    let copied = rig.record.take_settled().into_iter().find_map(|event| match event.payload {
        Payload::FileClose(close) if close.path.as_path().ends_with("copy") => Some(close),
        _ => None,
    });
    assert_eq!(copied.unwrap().bytes_written, 2 << 20);
    rig.end();
}

#[test]
fn the_page_cache_serves_what_has_not_changed_and_nothing_else() {
    let Some(rig) = rig() else { return };
    fs::write(rig.behind("file"), "first content").unwrap();
    let bytes_read = |rig: &Rig| match rig.record.take_settled().last().unwrap().payload.clone() {
        Payload::FileClose(close) => close.bytes_read,
        other => panic!("{other:?}"),
    };
    assert_eq!(fs::read_to_string(rig.at("file")).unwrap(), "first content");
    assert_eq!(bytes_read(&rig), 13);
    assert_eq!(fs::read_to_string(rig.at("file")).unwrap(), "first content");
    assert_eq!(bytes_read(&rig), 0);
    fs::write(rig.behind("file"), "other content").unwrap();
    assert_eq!(fs::read_to_string(rig.at("file")).unwrap(), "other content");
    assert_eq!(bytes_read(&rig), 13);
    rig.end();
}

#[test]
fn a_shared_memory_map_writes_to_the_file() {
    let program = "
import mmap, sys
with open(sys.argv[1], 'r+b') as file:
    page = mmap.mmap(file.fileno(), 8192)
    page[5000:5005] = b'hello'
    page.flush()
    page[0:5] = b'world'
    page.close()
";
    for file_io in [FileIo::Summary, FileIo::EveryOp] {
        let config = FuseConfig { file_io, ..FuseConfig::default() };
        let Some(rig) = rig_with(Wish { config, ..Wish::default() }, |_| None) else { return };
        fs::write(rig.at("mapped"), vec![0; 8_192]).unwrap();
        // A process of its own: a page fault here would wait for a thread of this very process.
        let output = match Command::new("python3").args(["-c", program]).arg(rig.at("mapped")).output() {
            Ok(output) => output,
            Err(error) => {
                eprintln!("skipped: python3 cannot be run: {error}");
                return rig.end();
            }
        };
        if file_io == FileIo::EveryOp && String::from_utf8_lossy(&output.stderr).contains("ENODEV") {
            eprintln!("skipped: this kernel maps no file that is read and written directly (Linux 6.6 does)");
            return rig.end();
        }
        assert!(output.status.success(), "{output:?}");
        let content = fs::read(rig.behind("mapped")).unwrap();
        assert_eq!((&content[..5], &content[5_000..5_005], content.len()), (&b"world"[..], &b"hello"[..], 8_192));
        rig.record.take_settled();
        rig.end();
    }
}

#[test]
fn a_program_in_the_workspace_runs() {
    let Some(rig) = rig() else { return };
    fs::copy("/bin/true", rig.at("program")).unwrap();
    assert!(once_written(|| Command::new(rig.at("program")).status()).success());
    fs::write(rig.at("script"), "#!/bin/sh\ntest \"$(cat)\" = fed\n").unwrap();
    fs::set_permissions(rig.at("script"), fs::Permissions::from_mode(0o755)).unwrap();
    let mut child = once_written(|| Command::new(rig.at("script")).stdin(std::process::Stdio::piped()).spawn());
    child.stdin.take().unwrap().write_all(b"fed").unwrap();
    assert!(child.wait().unwrap().success());
    rig.record.take_settled();
    rig.end();
}

#[test]
fn free_space_is_the_backing_file_systems() {
    let Some(rig) = rig() else { return };
    let (inside, outside) = (statvfs(&rig.root).unwrap(), statvfs(&rig.backing).unwrap());
    assert_eq!((inside.blocks(), inside.files(), inside.name_max()), (outside.blocks(), outside.files(), outside.name_max()));
    rig.end();
}

#[test]
fn a_file_that_may_only_be_written_can_be_made_written_and_cut() {
    let Some(rig) = rig() else { return };
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o200).open(rig.at("drop")).unwrap();
    file.write_all(b"12345").unwrap();
    file.set_len(2).unwrap();
    drop(file);
    assert_eq!(fs::metadata(rig.behind("drop")).unwrap().len(), 2);
    // One that nobody may write can be written by whoever made it, through the handle that made it.
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o444).open(rig.at("frozen")).unwrap();
    file.write_all(b"12345").unwrap();
    file.set_len(2).unwrap();
    assert_eq!(fs::read(rig.behind("frozen")).unwrap(), b"12");
    drop(file);
    rig.end();
}

#[test]
fn what_changes_outside_is_seen_inside_once_the_kernels_answer_is_old() {
    let Some(rig) = rig() else { return };
    fs::write(rig.at("file"), "1").unwrap();
    fs::write(rig.behind("file"), "1234").unwrap();
    super::rig::wait_for("the new size", || fs::metadata(rig.at("file")).unwrap().len() == 4);
    fs::remove_file(rig.behind("file")).unwrap();
    super::rig::wait_for("the removal", || fs::metadata(rig.at("file")).is_err());
    rig.end();
}
