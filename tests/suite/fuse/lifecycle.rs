//! From the handshake to the end: nothing is left open, nothing is recorded twice, nothing takes the mount down.

use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::sync::Arc;

use agentsh::capture::actor::ProcActors;
use agentsh::capture::fuse::{FuseConfig, FuseError, FuseServer, MountedDevice};
use agentsh::event::{Kind, Payload};

use super::record::Record;
use super::rig::{Wish, path_descriptor, rig, rig_with, wait_for};

#[test]
fn what_the_kernel_forgets_is_closed() {
    let Some(rig) = rig() else { return };
    for number in 0..300 {
        fs::write(rig.at(&format!("file{number}")), "x").unwrap();
    }
    assert!(rig.backing_descriptors() >= 300);
    for number in 0..300 {
        fs::remove_file(rig.at(&format!("file{number}"))).unwrap();
    }
    wait_for("the end of 300 descriptors", || rig.backing_descriptors() < 5);
    rig.end();
}

#[test]
fn looking_a_name_up_again_and_again_holds_one_descriptor() {
    let Some(rig) =
        rig_with(Wish { config: FuseConfig { attribute_timeout_ms: 0, ..FuseConfig::default() }, ..Wish::default() }, |_| None)
    else {
        return;
    };
    fs::write(rig.at("file"), "x").unwrap();
    for _ in 0..200 {
        fs::metadata(rig.at("file")).unwrap();
        fs::read_dir(&rig.root).unwrap().for_each(drop);
    }
    // The root's and the file's.
    wait_for("the close of the directories", || rig.backing_descriptors() == 2);
    fs::remove_file(rig.at("file")).unwrap();
    wait_for("the forget", || rig.backing_descriptors() == 1);
    rig.end();
}

#[test]
fn the_kernel_is_asked_to_forget_what_nobody_uses_and_keeps_what_is_open() {
    let config = FuseConfig { max_inodes: Some(200), ..FuseConfig::default() };
    let Some(rig) = rig_with(Wish { config, ..Wish::default() }, |_| None) else { return };
    fs::create_dir(rig.behind("many")).unwrap();
    for number in 0..2_000 {
        fs::write(rig.behind(&format!("many/{number}")), number.to_string()).unwrap();
    }
    let open: Vec<_> = (0..50).map(|number| File::open(rig.at(&format!("many/{number}"))).unwrap()).collect();
    for number in 0..2_000 {
        assert!(fs::metadata(rig.at(&format!("many/{number}"))).unwrap().is_file());
    }
    // A handle and its inode have a descriptor each.
    wait_for("the end of most descriptors", || rig.backing_descriptors() < 200 + 2 * open.len() + 10);
    for (number, file) in open.iter().enumerate() {
        assert_eq!(std::io::read_to_string(file).unwrap(), number.to_string());
        let link = fs::read_link(format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(file))).unwrap();
        assert_eq!(link, rig.at(&format!("many/{number}")), "an open file has lost its name");
    }
    assert_eq!(fs::read_dir(rig.at("many")).unwrap().count(), 2_000);
    drop(open);
    rig.end();
}

#[test]
fn handles_that_the_kernel_does_not_release_are_recorded_as_closed_at_the_end_and_once() {
    let Some(rig) = rig() else { return };
    let mut open: Vec<_> = (0..5).map(|number| File::create(rig.at(&format!("f{number}"))).unwrap()).collect();
    open[3].write_all(b"four").unwrap();
    let record = Arc::clone(&rig.record);
    let root = rig.root.clone();
    rig.end();
    drop(open);
    let closes: Vec<_> = record
        .all()
        .into_iter()
        .filter_map(|event| match event.payload {
            Payload::FileClose(close) => Some((close.path.as_path().to_owned(), close.bytes_written)),
            _ => None,
        })
        .collect();
    let expected: Vec<(PathBuf, u64)> =
        [0, 0, 0, 4, 0].into_iter().enumerate().map(|(n, size)| (root.join(format!("f{n}")), size)).collect();
    assert_eq!(closes, expected);
}

#[test]
fn a_panic_is_one_requests_failure() {
    let Some(rig) = rig_with(Wish::default(), |payload| {
        let path = format!("{:?}", payload.subject());
        assert!(!path.contains("poison"), "this panic is part of a test");
        None
    }) else {
        return;
    };
    for _ in 0..10 {
        let error = fs::write(rig.at("poison"), "x").unwrap_err();
        assert_eq!(error.raw_os_error(), Some(libc::EIO));
        fs::write(rig.at("fine"), "x").unwrap();
    }
    assert!(!rig.behind("poison").exists());
    rig.end();
}

#[test]
fn a_device_that_is_not_mounted_is_an_error_and_not_a_hang() {
    let Ok(device) = File::options().read(true).write(true).open("/dev/fuse") else {
        eprintln!("skipped: /dev/fuse cannot be opened");
        return;
    };
    let directory = tempfile::tempdir().unwrap();
    let mounted = MountedDevice {
        device: device.into(),
        root: path_descriptor(directory.path()),
        mount_path: "/work".into(),
        hidden: Vec::new(),
    };
    let started = FuseServer::start(mounted, Record::new(|_| None), Arc::new(ProcActors::new()), &FuseConfig::default());
    assert!(matches!(started, Err(FuseError::Handshake { .. })));
}

#[test]
fn a_root_that_is_no_directory_is_an_error() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let mounted = MountedDevice {
        device: File::open("/dev/null").unwrap().into(),
        root: file.reopen().unwrap().into(),
        mount_path: "/work".into(),
        hidden: Vec::new(),
    };
    let started = FuseServer::start(mounted, Record::new(|_| None), Arc::new(ProcActors::new()), &FuseConfig::default());
    let Err(FuseError::Root { errno }) = started else { panic!("a file was served as a directory") };
    assert_eq!(errno, nix::errno::Errno::ENOTDIR);
}

#[test]
fn many_threads_serve_as_well_as_one() {
    for threads in [0, 1, 8] {
        let config = FuseConfig { threads, ..FuseConfig::default() };
        let Some(rig) = rig_with(Wish { config, ..Wish::default() }, |_| None) else { return };
        std::thread::scope(|scope| {
            for worker in 0..4 {
                let directory = rig.at(&format!("d{worker}"));
                scope.spawn(move || {
                    fs::create_dir(&directory).unwrap();
                    for number in 0..50 {
                        let path = directory.join(number.to_string());
                        fs::write(&path, number.to_string()).unwrap();
                        assert_eq!(fs::read_to_string(&path).unwrap(), number.to_string());
                    }
                    fs::remove_dir_all(&directory).unwrap();
                });
            }
        });
        let events = rig.record.take_settled();
        let count = |kind: Kind| events.iter().filter(|event| event.payload.kind() == kind).count();
        assert_eq!((count(Kind::FileCreate), count(Kind::FileOpen), count(Kind::FileClose)), (200, 200, 400));
        assert_eq!((count(Kind::FileDelete), count(Kind::DirDelete)), (200, 4));
        rig.end();
    }
}

#[test]
fn a_read_only_backing_directory_says_so() {
    let Some(rig) = rig() else { return };
    fs::create_dir(rig.behind("fixed")).unwrap();
    let fixed = rig.behind("fixed");
    let flags = nix::mount::MsFlags::MS_RDONLY;
    if let Err(errno) = nix::mount::mount(Some("none"), &fixed, Some("tmpfs"), flags, None::<&str>) {
        eprintln!("skipped: tmpfs cannot be mounted: {errno}");
        return rig.end();
    }
    let error = OpenOptions::new().write(true).create(true).truncate(true).open(rig.at("fixed/file")).unwrap_err();
    assert_eq!(error.raw_os_error(), Some(libc::EROFS));
    assert_eq!(rig.lines(), ["file_create fixed/file regular 0644 write", "operation_failed file_create fixed/file EROFS"]);
    nix::mount::umount2(&fixed, nix::mount::MntFlags::MNT_DETACH).unwrap();
    rig.end();
}

#[test]
fn a_full_backing_file_system_is_enospc_and_on_record() {
    let Some(rig) = rig() else { return };
    fs::create_dir(rig.behind("small")).unwrap();
    let small = rig.behind("small");
    let data = Some("size=64k,mode=755");
    if let Err(errno) = nix::mount::mount(Some("none"), &small, Some("tmpfs"), nix::mount::MsFlags::empty(), data) {
        eprintln!("skipped: tmpfs cannot be mounted: {errno}");
        return rig.end();
    }
    fs::set_permissions(&small, fs::Permissions::from_mode(0o755)).unwrap();
    let mut file = File::create(rig.at("small/file")).unwrap();
    let error = file.write_all(&vec![0; 1 << 20]).unwrap_err();
    assert_eq!(error.raw_os_error(), Some(libc::ENOSPC));
    drop(file);
    let close = rig.lines().pop().unwrap();
    assert_eq!(close, "file_close small/file wrote 65536 in 1 size 0->65536");
    nix::mount::umount2(&small, nix::mount::MntFlags::MNT_DETACH).unwrap();
    rig.end();
}
