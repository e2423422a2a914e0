//! Names, paths, links and listings are those of the directory beneath, and are recorded as they are.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{MetadataExt as _, symlink};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use agentsh::capture::fuse::FuseConfig;
use agentsh::event::Payload;
use nix::fcntl::{AT_FDCWD, OFlag, openat};
use nix::sys::stat::{Mode, UtimensatFlags, fstatat, mkdirat, utimensat};
use nix::sys::time::TimeSpec;

use super::rig::{Wish, rig, rig_with};

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
