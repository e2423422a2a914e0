//! The workspace at its own path in the session's private namespaces, as root and as an ordinary user: the launcher mounts and hands the
//! device over, the recorder serves from outside, and the end of the namespace is the end of the mount.

use std::ffi::CString;
use std::fs;
use std::io::{self, IoSlice, IoSliceMut};
use std::os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd, RawFd};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::Arc;

use agentsh::capture::actor::ProcActors;
use agentsh::capture::fuse::{FuseConfig, FuseServer, MountedDevice, mount_options};
use nix::cmsg_space;
use nix::fcntl::{OFlag, open};
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use nix::sys::prctl::{get_dumpable, set_dumpable};
use nix::sys::socket::{ControlMessage, ControlMessageOwned, MsgFlags, recvmsg, sendmsg};
use nix::sys::stat::{Mode, SFlag, makedev, mknod};
use nix::sys::statvfs::statvfs;
use nix::unistd::{getegid, geteuid};

use super::record::{Record, line};
use super::rig::{once_written, path_descriptor};

/// Where a test that runs as an ordinary user finds a device that it may open.
const DEVICE_VARIABLE: &str = "AGENTSH_TEST_FUSE_DEVICE";
/// Where the launcher has the device, so that the mount's options can be made before it is started.
const DEVICE_NUMBER: RawFd = 100;

/// What the launcher did not get done. What it says is the reason for skipping, so it is the step and the error.
type Launched = Result<(Output, Vec<String>), String>;

/// Runs a shell script in a session over the workspace, and gives what it said and what was recorded.
fn session(workspace: &Path, script: &str) -> Launched {
    let device = std::env::var(DEVICE_VARIABLE).unwrap_or_else(|_| "/dev/fuse".into());
    let (ours, theirs) = UnixStream::pair().unwrap();
    let root = path_descriptor(workspace);
    let (uid, gid) = (geteuid().as_raw(), getegid().as_raw());
    let options = mount_options(uid, gid, statvfs(workspace).unwrap().flags());
    let data = options.data_with(DEVICE_NUMBER);
    let (path, device) = (CString::new(workspace.as_os_str().as_bytes()).unwrap(), CString::new(device).unwrap());

    let mut command = Command::new("/bin/sh");
    command.args(["-e", "-c", script, "sh"]).arg(workspace).stdin(Stdio::null());
    let launch = move || -> nix::Result<()> {
        // An ordinary user's recorder is not dumpable; a process that is not cannot write its own id maps.
        set_dumpable(true)?;
        let private = if uid == 0 { CloneFlags::CLONE_NEWNS } else { CloneFlags::CLONE_NEWNS | CloneFlags::CLONE_NEWUSER };
        unshare(private)?;
        if uid != 0 {
            let write = |path: &str, text: String| fs::write(path, text).map_err(|_| nix::errno::Errno::EPERM);
            write("/proc/self/setgroups", "deny".into())?;
            write("/proc/self/uid_map", format!("{uid} {uid} 1"))?;
            write("/proc/self/gid_map", format!("{gid} {gid} 1"))?;
        }
        mount(None::<&str>, "/", None::<&str>, MsFlags::MS_REC | MsFlags::MS_PRIVATE, None::<&str>)?;
        let opened = open(device.as_c_str(), OFlag::O_RDWR | OFlag::O_CLOEXEC, Mode::empty())?;
        let numbered = duplicate(&opened)?;
        mount(Some(options.source), path.as_c_str(), Some(options.fstype), options.flags, Some(data.as_str()))?;
        let descriptors = [numbered.as_raw_fd()];
        let control = [ControlMessage::ScmRights(&descriptors)];
        sendmsg::<()>(theirs.as_raw_fd(), &[IoSlice::new(b"m")], &control, MsgFlags::empty(), None)?;
        Ok(())
    };
    let mut child = before_exec(&mut command, launch)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| error.to_string())?;
    // The launcher's end of the pair is in the command, and goes with it.
    drop(command);
    let device = receive(&ours).ok_or("the launcher sent no device")?;
    let record = Record::new(|_| None);
    let mounted = MountedDevice { device, root, mount_path: workspace.to_owned(), hidden: Vec::new() };
    let server = FuseServer::start(mounted, record.clone(), Arc::new(ProcActors::new()), &FuseConfig::default()).unwrap();
    let _ = child.stdin.take();
    let output = child.wait_with_output().unwrap();
    // Nobody unmounts: the namespace has ended with its last process.
    server.finish().unwrap();
    Ok((output, record.take_settled().iter().map(|event| line(event, workspace)).collect()))
}

#[expect(unsafe_code, reason = "a namespace is entered between fork and exec")]
fn before_exec(command: &mut Command, launch: impl Fn() -> nix::Result<()> + Send + Sync + 'static) -> &mut Command {
    // SAFETY: between fork and exec the closure makes system calls, and allocates, which the C library allows after a fork.
    unsafe { command.pre_exec(move || launch().map_err(io::Error::from)) }
}

/// The device under the number that the options name.
#[expect(unsafe_code, reason = "the number is chosen and not given")]
fn duplicate(device: &OwnedFd) -> nix::Result<OwnedFd> {
    // SAFETY: the number is free in a process that has just been forked from a test with fewer open files, and is owned by nobody else.
    let number = nix::errno::Errno::result(unsafe { libc::dup3(device.as_raw_fd(), DEVICE_NUMBER, libc::O_CLOEXEC) })?;
    // SAFETY: as above.
    Ok(unsafe { OwnedFd::from_raw_fd(number) })
}

#[expect(unsafe_code, reason = "a received descriptor is a number at first")]
fn receive(socket: &UnixStream) -> Option<OwnedFd> {
    let mut space = cmsg_space!(RawFd);
    let mut byte = [0];
    let mut parts = [IoSliceMut::new(&mut byte)];
    let message = recvmsg::<()>(socket.as_raw_fd(), &mut parts, Some(&mut space), MsgFlags::MSG_CMSG_CLOEXEC).ok()?;
    message.cmsgs().ok()?.find_map(|control| match control {
        // SAFETY: the kernel has just made this descriptor for us.
        ControlMessageOwned::ScmRights(descriptors) => descriptors.first().map(|number| unsafe { OwnedFd::from_raw_fd(*number) }),
        _ => None,
    })
}

const SCRIPT: &str = "
    cd \"$1\"
    id -u
    cat found
    echo made > made
    mkdir directory
    mv made directory/moved
    chmod 600 directory/moved
    ln -s directory/moved link
    rm found
    stat -c '%u %g %a' directory/moved
    ls listed
    ls /proc/$PPID/fd > /dev/null 2>&1 && echo 'the recorder is open to its session'
    true
";

fn check(workspace: &Path) {
    fs::write(workspace.join("found"), "here\n").unwrap();
    // One that its owner may list and not search, unless the owner is root.
    fs::create_dir(workspace.join("listed")).unwrap();
    fs::write(workspace.join("listed/name"), "").unwrap();
    fs::set_permissions(workspace.join("listed"), fs::Permissions::from_mode(0o400)).unwrap();
    let (output, lines) = match session(workspace, SCRIPT) {
        Ok(ran) => ran,
        Err(reason) => {
            eprintln!("skipped: no session as user {}: {reason}", geteuid());
            return;
        }
    };
    let (uid, gid) = (geteuid(), getegid());
    let said = String::from_utf8(output.stdout).unwrap();
    // A recorder that can be dumped is open to its user; what keeps root's session from it is not the file system's matter.
    let said =
        if uid.is_root() || get_dumpable().unwrap() { said.replace("the recorder is open to its session\n", "") } else { said };
    assert_eq!(said, format!("{uid}\nhere\n{uid} {gid} 600\nname\n"), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success());
    let expected = [
        "dir_list .",
        "file_open found read",
        "file_close found wrote 0 in 0 size 5->5",
        "file_create made regular 0644 write",
        "file_close made wrote 5 in 1 size 0->5",
        "dir_create directory 0755",
        "file_rename made to directory/moved flags 1",
        "file_chmod directory/moved 0600",
        "file_symlink link target directory/moved",
        "file_delete found",
        "dir_list listed",
    ];
    for wanted in expected.iter().skip(1) {
        assert!(lines.iter().any(|line| line == wanted), "{wanted} is not in {lines:#?}");
    }
    // The workspace is as the session left it, and the mount is gone: it was in the session alone.
    assert_eq!(fs::read_to_string(workspace.join("directory/moved")).unwrap(), "made\n");
    assert_eq!(fs::metadata(workspace.join("directory/moved")).unwrap().uid(), uid.as_raw());
    assert!(!workspace.join("found").exists());
    fs::set_permissions(workspace.join("listed"), fs::Permissions::from_mode(0o700)).unwrap();
}

fn new_workspace() -> (tempfile::TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let workspace = directory.path().join("workspace");
    fs::create_dir(&workspace).unwrap();
    (directory, workspace)
}

#[test]
fn a_session_sees_the_workspace_at_its_own_path_and_its_end_ends_the_mount() {
    let (_directory, workspace) = new_workspace();
    check(&workspace);
}

#[test]
fn an_ordinary_user_records_in_a_user_namespace() {
    let (directory, workspace) = new_workspace();
    if std::env::var_os(DEVICE_VARIABLE).is_some() {
        // The descriptors of the backing directory are in `/proc`, for whoever may look into this process.
        set_dumpable(false).unwrap();
        return check(&workspace);
    }
    // The same test once more, in a process of its own: as nobody with a device that nobody may open, where this one is root's.
    let root = geteuid().is_root();
    let (uid, gid) = if root { (65_534, 65_534) } else { (geteuid().as_raw(), getegid().as_raw()) };
    let mut device = PathBuf::from("/dev/fuse");
    let mut program = std::env::current_exe().unwrap();
    if root {
        device = directory.path().join("fuse");
        let all = Mode::from_bits_truncate(0o666);
        if let Err(errno) = mknod(&device, SFlag::S_IFCHR, all, makedev(10, 229)) {
            eprintln!("skipped: no device node can be made: {errno}");
            return;
        }
        fs::set_permissions(&device, fs::Permissions::from_mode(0o666)).unwrap();
        fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o777)).unwrap();
        program = directory.path().join("suite");
        fs::copy(std::env::current_exe().unwrap(), &program).unwrap();
    }
    let name = "fuse::namespaces::an_ordinary_user_records_in_a_user_namespace";
    let mut command = Command::new(&program);
    command.args([name, "--exact", "--nocapture"]).uid(uid).gid(gid).current_dir("/");
    command.env(DEVICE_VARIABLE, &device).env("TMPDIR", directory.path());
    let output = once_written(|| command.output());
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
    if let Some(skipped) = said.lines().find(|line| line.contains("skipped:")) {
        eprintln!("{skipped}");
    }
}
