//! A workspace, mounted for one test and gone after it.

use std::fs::{self, File};
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use agentsh::capture::actor::ProcActors;
use agentsh::capture::fuse::{FuseConfig, FuseServer, MountedDevice, mount_options};
use agentsh::channel::RefusedBy;
use agentsh::event::Payload;
use nix::fcntl::{OFlag, open};
use nix::mount::{MntFlags, mount, umount2};
use nix::sys::stat::Mode;
use nix::sys::statvfs::statvfs;
use nix::unistd::{getegid, geteuid};

use super::record::{PATIENCE, Record, line};

/// A mounted workspace with its record.
pub struct Rig {
    /// Holds the backing directory and the mount point.
    pub directory: tempfile::TempDir,
    /// The backing directory.
    pub backing: PathBuf,
    /// The mount.
    pub root: PathBuf,
    pub record: Arc<Record>,
    server: Option<FuseServer>,
    mounted: bool,
}

/// What a test wants of its rig.
#[derive(Default)]
pub struct Wish {
    pub config: FuseConfig,
    /// Names in the backing directory that the session must not see.
    pub hidden: Vec<&'static str>,
    /// Made in the backing directory before the mount.
    pub prepare: Option<fn(&Path)>,
}

/// A rig that refuses nothing.
pub fn rig() -> Option<Rig> {
    rig_with(Wish::default(), |_| None)
}

/// A rig, or the reason why this machine cannot have one, on standard error.
pub fn rig_with(wish: Wish, rule: impl Fn(&Payload) -> Option<RefusedBy> + Send + Sync + 'static) -> Option<Rig> {
    static SWEPT: std::sync::Once = std::sync::Once::new();
    SWEPT.call_once(sweep);
    let directory = tempfile::Builder::new().prefix(&format!("{PREFIX}{}-", std::process::id())).tempdir().unwrap();
    let (backing, root) = (directory.path().join("backing"), directory.path().join("mount"));
    fs::create_dir(&backing).unwrap();
    fs::create_dir(&root).unwrap();
    nix::sys::stat::umask(Mode::from_bits_truncate(0o022));
    if let Some(prepare) = wish.prepare {
        prepare(&backing);
    }
    let device = match File::options().read(true).write(true).open("/dev/fuse") {
        Ok(device) => device,
        Err(error) => return skip(&format!("/dev/fuse cannot be opened: {error}")),
    };
    let covered = statvfs(&root).unwrap().flags();
    let options = mount_options(geteuid().as_raw(), getegid().as_raw(), covered);
    if let Err(errno) = mount(
        Some(options.source),
        &root,
        Some(options.fstype),
        options.flags,
        Some(options.data_with(device.as_raw_fd()).as_str()),
    ) {
        return skip(&format!("mount(2) of FUSE is refused: {errno}"));
    }
    let record = Record::new(rule);
    let hidden = wish.hidden.iter().map(|name| identity(&backing.join(name))).collect();
    let mounted = MountedDevice { device: device.into(), root: path_descriptor(&backing), mount_path: root.clone(), hidden };
    let mut rig = Rig { directory, backing, root, record: Arc::clone(&record), server: None, mounted: true };
    rig.server = Some(FuseServer::start(mounted, record, Arc::new(ProcActors::new()), &wish.config).unwrap());
    Some(rig)
}

/// What the folders of mounts begin with; the process that made them follows.
const PREFIX: &str = "agentsh-fuse-";

/// Takes away what tests that were killed left mounted. By force: a process that died with requests under way is freed by that.
fn sweep() {
    let mounts = fs::read_to_string("/proc/self/mounts").unwrap();
    let mut paths: Vec<&Path> = mounts.lines().filter_map(|line| line.split(' ').nth(1)).map(Path::new).collect();
    // What is mounted within a mount comes behind it.
    paths.reverse();
    for path in paths {
        let owner = |folder: &Path| Some(folder.file_name()?.to_str()?.strip_prefix(PREFIX)?.split_once('-')?.0.to_owned());
        let Some((folder, pid)) = path.ancestors().find_map(|folder| Some((folder, owner(folder)?))) else { continue };
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        let lives = stat.rsplit_once(") ").is_some_and(|(_, state)| !state.starts_with('Z'));
        if !lives && umount2(path, MntFlags::MNT_FORCE | MntFlags::MNT_DETACH).is_ok() {
            let _what_is_mounted_in_it_still_comes_next = fs::remove_dir_all(folder);
        }
    }
}

fn skip(reason: &str) -> Option<Rig> {
    eprintln!("skipped: {reason}");
    None
}

/// The directory, as the server wants it.
pub fn path_descriptor(directory: &Path) -> OwnedFd {
    open(directory, OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC, Mode::empty()).unwrap()
}

/// Device and inode number.
pub fn identity(path: &Path) -> (u64, u64) {
    use std::os::unix::fs::MetadataExt as _;
    let metadata = fs::symlink_metadata(path).unwrap();
    (metadata.dev(), metadata.ino())
}

impl Rig {
    /// A path in the mount.
    pub fn at(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    /// A path in the backing directory.
    pub fn behind(&self, name: &str) -> PathBuf {
        self.backing.join(name)
    }

    /// Everything that was recorded since the last time, once all handles are closed, a line each.
    pub fn lines(&self) -> Vec<String> {
        self.record.take_settled().iter().map(|event| line(event, &self.root)).collect()
    }

    /// Descriptors of this process that lie in the backing directory.
    pub fn backing_descriptors(&self) -> usize {
        let links = fs::read_dir("/proc/self/fd").unwrap().filter_map(|entry| fs::read_link(entry.ok()?.path()).ok());
        links.filter(|link| link.starts_with(&self.backing)).count()
    }

    /// Unmounts and waits for the end.
    pub fn end(mut self) {
        // By force: a namespace that another test has copied meanwhile would keep the connection open.
        umount2(&self.root, MntFlags::MNT_FORCE | MntFlags::MNT_DETACH).unwrap();
        self.mounted = false;
        self.server.take().unwrap().finish().unwrap();
        assert_eq!(self.backing_descriptors(), 0, "descriptors are left open");
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        if self.mounted {
            // A test that fails leaves requests and handles behind: the connection is aborted.
            let _ = umount2(&self.root, MntFlags::MNT_FORCE | MntFlags::MNT_DETACH);
        }
    }
}

/// Runs a program that was just written. Another test's fork holds what was open for writing, for the moment until it executes its own.
pub fn once_written<T>(mut run: impl FnMut() -> std::io::Result<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match run() {
            Err(error) if error.kind() == std::io::ErrorKind::ExecutableFileBusy && Instant::now() < deadline => {
                std::thread::yield_now();
            }
            done => return done.unwrap(),
        }
    }
}

/// Waits for a condition that nothing announces.
pub fn wait_for(what: &str, condition: impl Fn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !condition() {
        assert!(Instant::now() < deadline, "{what} did not come");
        std::thread::yield_now();
    }
}
