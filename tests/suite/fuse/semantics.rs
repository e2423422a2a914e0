//! The mount behaves as the directory beneath it does.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{FileExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};

use agentsh::capture::fuse::{FileIo, FuseConfig};
use agentsh::event::Payload;
use nix::fcntl::{AT_FDCWD, FallocateFlags, OFlag, fallocate, openat};
use nix::sys::stat::{Mode, UtimensatFlags, fstatat, mkdirat, utimensat};
use nix::sys::statvfs::statvfs;
use nix::sys::time::TimeSpec;
use nix::unistd::{Whence, lseek};

use super::rig::{Rig, Wish, rig, rig_with};
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
fn renaming_over_an_open_file_leaves_it_to_its_readers() {
    let Some(rig) = rig() else { return };
    fs::write(rig.at("config"), "old").unwrap();
    let mut reader = File::open(rig.at("config")).unwrap();
    fs::write(rig.at("config.tmp"), "new").unwrap();
    fs::rename(rig.at("config.tmp"), rig.at("config")).unwrap();
    let mut content = String::new();
    reader.read_to_string(&mut content).unwrap();
    assert_eq!(content, "old");
    assert_eq!(fs::read_to_string(rig.at("config")).unwrap(), "new");
    drop(reader);
    rig.end();
}

#[test]
fn a_close_names_the_file_as_it_is_called_then() {
    let Some(rig) = rig() else { return };
    fs::create_dir_all(rig.at("a/b")).unwrap();
    let file = File::create(rig.at("a/b/c")).unwrap();
    fs::rename(rig.at("a/b/c"), rig.at("a/b/d")).unwrap();
    fs::rename(rig.at("a"), rig.at("z")).unwrap();
    drop(file);
    assert_eq!(rig.lines().last().unwrap(), "file_close z/b/d wrote 0 in 0 size 0->0");
    rig.end();
}

#[test]
fn a_name_that_is_not_utf8_is_recorded_without_loss() {
    let Some(rig) = rig() else { return };
    let name = OsStr::from_bytes(b"caf\xe9 \\ \xff\n");
    fs::write(rig.root.join(name), "x").unwrap();
    assert_eq!(fs::read(rig.backing.join(name)).unwrap(), b"x");
    let events = rig.record.take_settled();
    let Payload::FileCreate(create) = &events[0].payload else { panic!("{events:#?}") };
    assert_eq!(create.path.as_path(), rig.root.join(name));
    let stored: agentsh::event::FileCreate = serde_json::from_str(&serde_json::to_string(create).unwrap()).unwrap();
    assert_eq!(stored.path.as_path(), rig.root.join(name));
    rig.end();
}

#[test]
fn a_path_of_4095_bytes_is_used_and_recorded_whole() {
    let Some(rig) = rig() else { return };
    let mut path = rig.root.clone();
    // Names of 255 bytes, the longest there are, and a last one that fills the path up.
    while path.as_os_str().len() + 256 + 2 < 4_095 {
        path.push("d".repeat(255));
        fs::create_dir(&path).unwrap();
    }
    path.push("f".repeat(4_095 - path.as_os_str().len() - 1));
    assert_eq!(path.as_os_str().len(), 4_095);
    fs::write(&path, "deep").unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), "deep");
    let events = rig.record.take_settled();
    let Payload::FileClose(close) = &events.last().unwrap().payload else { panic!("{events:#?}") };
    assert_eq!(close.path.as_path(), path);
    let too_long = fs::write(rig.at(&"n".repeat(256)), "").unwrap_err();
    assert_eq!(too_long.raw_os_error(), Some(libc::ENAMETOOLONG));
    rig.end();
}

#[test]
fn a_directory_deeper_than_any_path_is_recorded_whole() {
    let Some(rig) = rig() else { return };
    let flags = OFlag::O_DIRECTORY | OFlag::O_RDONLY;
    let mut directory = nix::fcntl::open(&rig.root, flags, Mode::empty()).unwrap();
    let name = "x".repeat(200);
    for _ in 0..40 {
        mkdirat(&directory, name.as_str(), Mode::S_IRWXU).unwrap();
        directory = openat(&directory, name.as_str(), flags, Mode::empty()).unwrap();
    }
    let events = rig.record.take_settled();
    let Payload::DirList(list) = &events.last().unwrap().payload else { panic!("{:#?}", events.last()) };
    assert_eq!(list.path.as_bytes().len(), rig.root.as_os_str().len() + 40 * 201);
    drop(directory);
    rig.end();
}

#[test]
fn a_directory_that_is_swapped_for_a_symlink_does_not_lead_out() {
    // The link leads out when it is followed from the backing directory, and nowhere when it is followed from the mount. What it is at
    // the moment is looked up each time.
    let config = FuseConfig { attribute_timeout_ms: 0, ..FuseConfig::default() };
    let Some(rig) = rig_with(Wish { config, ..Wish::default() }, |_| None) else { return };
    fs::create_dir_all(rig.behind("in/door")).unwrap();
    let outside = rig.behind("outside");
    fs::create_dir(&outside).unwrap();
    let (door, away) = (rig.behind("in/door"), rig.behind("in/away"));
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                fs::rename(&door, &away).unwrap();
                symlink(&outside, &door).unwrap();
                fs::remove_file(&door).unwrap();
                fs::rename(&away, &door).unwrap();
            }
        });
        let mut made = 0;
        while made < 100 {
            // What the kernel follows by itself is a link's text, seen from the session. That is not this test's way out.
            let directory = nix::fcntl::open(&rig.at("in/door"), OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW, Mode::empty());
            if let Ok(directory) = directory {
                let name = format!("f{made}");
                let file = openat(&directory, name.as_str(), OFlag::O_CREAT | OFlag::O_WRONLY, Mode::S_IRWXU);
                made += i32::from(file.is_ok());
                let _ = nix::unistd::unlinkat(&directory, name.as_str(), nix::unistd::UnlinkatFlags::NoRemoveDir);
                let _ = mkdirat(&directory, "d", Mode::S_IRWXU);
            }
        }
        done.store(true, Ordering::Relaxed);
    });
    assert_eq!(fs::read_dir(&outside).unwrap().count(), 0, "something was made outside");
    rig.end();
}

#[test]
fn the_hidden_directory_is_not_there() {
    let prepare = |backing: &Path| {
        fs::create_dir_all(backing.join("data/inner")).unwrap();
        fs::write(backing.join("data/journal.db"), "secret").unwrap();
        fs::create_dir(backing.join("empty")).unwrap();
    };
    let Some(rig) = rig_with(Wish { prepare: Some(prepare), hidden: vec!["data", "empty"], ..Wish::default() }, |_| None) else {
        return;
    };
    fs::write(rig.at("seen"), "").unwrap();
    let missing = |result: io::Result<()>| assert_eq!(result.unwrap_err().raw_os_error(), Some(libc::ENOENT));
    missing(fs::metadata(rig.at("data")).map(drop));
    missing(fs::read(rig.at("data/journal.db")).map(drop));
    missing(fs::rename(rig.at("data"), rig.at("mine")));
    missing(fs::remove_dir(rig.at("empty")));
    let names: Vec<_> = fs::read_dir(&rig.root).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, ["seen"]);
    // Also by the plain listing, which the kernel uses once nobody looks names up.
    assert_eq!(plain_listing(&rig.root), BTreeSet::from(["seen".to_owned()]));
    // The kernel believes the name free: what is behind it must not be replaced.
    fs::create_dir(rig.at("other")).unwrap();
    assert_eq!(fs::rename(rig.at("other"), rig.at("empty")).unwrap_err().raw_os_error(), Some(libc::EACCES));
    assert!(fs::create_dir(rig.at("data")).is_err());
    assert!(fs::write(rig.at("data"), "").is_err());
    assert_eq!(fs::read_to_string(rig.behind("data/journal.db")).unwrap(), "secret");
    rig.end();
}

/// Names of a directory, read twice through one handle, so that the second pass gets no attributes along.
fn plain_listing(directory: &Path) -> BTreeSet<String> {
    let mut handle = nix::dir::Dir::open(directory, OFlag::O_DIRECTORY, Mode::empty()).unwrap();
    let mut names = BTreeSet::new();
    for _ in 0..2 {
        names = handle.iter().map(|entry| entry.unwrap().file_name().to_str().unwrap().to_owned()).collect();
    }
    names.retain(|name| name != "." && name != "..");
    names
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
fn a_listing_of_10000_entries_shows_each_that_stays_exactly_once_while_others_come_and_go() {
    let Some(rig) = rig() else { return };
    fs::create_dir(rig.behind("many")).unwrap();
    for number in 0..10_000 {
        File::create(rig.behind(&format!("many/stays{number}"))).unwrap();
        if number % 10 == 0 {
            File::create(rig.behind(&format!("many/goes{number}"))).unwrap();
        }
    }
    let mut seen = Vec::new();
    for (index, entry) in fs::read_dir(rig.at("many")).unwrap().enumerate() {
        seen.push(entry.unwrap().file_name().into_string().unwrap());
        if index % 10 == 0 && index < 10_000 {
            let _ = fs::remove_file(rig.at(&format!("many/goes{index}")));
            File::create(rig.at(&format!("many/comes{index}"))).unwrap();
        }
    }
    let stays: Vec<_> = seen.iter().filter(|name| name.starts_with("stays")).collect();
    assert_eq!(stays.len(), 10_000);
    assert_eq!(stays.iter().collect::<BTreeSet<_>>().len(), 10_000);
    rig.end();
}

#[test]
fn names_of_one_file_share_an_inode_and_each_event_has_the_name_that_was_used() {
    let Some(rig) = rig() else { return };
    fs::write(rig.behind("one"), "x").unwrap();
    fs::hard_link(rig.behind("one"), rig.behind("two")).unwrap();
    let (one, two) = (fs::metadata(rig.at("one")).unwrap(), fs::metadata(rig.at("two")).unwrap());
    assert_eq!((one.ino(), one.nlink()), (two.ino(), 2));
    assert_eq!(one.ino(), fs::metadata(rig.behind("one")).unwrap().ino(), "the number is the backing file's");
    for name in ["one", "two", "one", "one", "two"] {
        fs::read(rig.at(name)).unwrap();
        assert_eq!(rig.lines()[0], format!("file_open {name} read"));
    }
    rig.end();
}

#[test]
fn a_mount_beneath_the_workspace_is_part_of_it() {
    let Some(rig) = rig() else { return };
    fs::create_dir(rig.behind("sub")).unwrap();
    let below = rig.behind("sub");
    if let Err(errno) = nix::mount::mount(Some("none"), &below, Some("tmpfs"), nix::mount::MsFlags::empty(), None::<&str>) {
        eprintln!("skipped: tmpfs cannot be mounted: {errno}");
        return rig.end();
    }
    fs::write(rig.at("sub/file"), "on the other device").unwrap();
    fs::create_dir(rig.at("sub/directory")).unwrap();
    assert_eq!(fs::read_to_string(rig.behind("sub/file")).unwrap(), "on the other device");
    assert_eq!(fs::rename(rig.at("sub/file"), rig.at("file")).unwrap_err().raw_os_error(), Some(libc::EXDEV));
    // Numbers of the two devices do not meet: the root of the tmpfs and the kernel's root both are 1.
    let numbers: BTreeSet<_> =
        ["", "sub", "sub/file", "sub/directory"].iter().map(|name| fs::metadata(rig.at(name)).unwrap().ino()).collect();
    assert_eq!(numbers.len(), 4);
    assert_eq!(rig.lines()[0], "file_create sub/file regular 0644 write");
    nix::mount::umount2(&below, nix::mount::MntFlags::MNT_DETACH).unwrap();
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
    assert!(Command::new(rig.at("program")).status().unwrap().success());
    fs::write(rig.at("script"), "#!/bin/sh\ntest \"$(cat)\" = fed\n").unwrap();
    fs::set_permissions(rig.at("script"), fs::Permissions::from_mode(0o755)).unwrap();
    let mut child = Command::new(rig.at("script")).stdin(std::process::Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(b"fed").unwrap();
    assert!(child.wait().unwrap().success());
    rig.record.take_settled();
    rig.end();
}

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

#[test]
fn free_space_is_the_backing_file_systems() {
    let Some(rig) = rig() else { return };
    let (inside, outside) = (statvfs(&rig.root).unwrap(), statvfs(&rig.backing).unwrap());
    assert_eq!((inside.blocks(), inside.files(), inside.name_max()), (outside.blocks(), outside.files(), outside.name_max()));
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

#[test]
fn symlinks_are_read_and_followed_by_the_session() {
    let Some(rig) = rig() else { return };
    let target: PathBuf = "t".repeat(4_095).into();
    symlink(&target, rig.at("long")).unwrap();
    assert_eq!(fs::read_link(rig.at("long")).unwrap(), target);
    fs::write(rig.at("file"), "x").unwrap();
    symlink("file", rig.at("link")).unwrap();
    assert_eq!(fs::read(rig.at("link")).unwrap(), b"x");
    assert_eq!(rig.lines().into_iter().filter(|line| line.starts_with("file_open")).collect::<Vec<_>>(), ["file_open file read"]);
    fs::hard_link(rig.at("link"), rig.at("second link")).unwrap();
    assert_eq!(fs::read_link(rig.behind("second link")).unwrap(), Path::new("file"));
    let time = TimeSpec::new(5, 6);
    utimensat(AT_FDCWD, &rig.at("link"), &time, &time, UtimensatFlags::NoFollowSymlink).unwrap();
    let link = fstatat(AT_FDCWD, &rig.behind("link"), nix::fcntl::AtFlags::AT_SYMLINK_NOFOLLOW).unwrap();
    assert_eq!((link.st_mtime, link.st_mtime_nsec), (5, 6));
    rig.end();
}
