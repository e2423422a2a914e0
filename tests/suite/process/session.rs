//! The session's private namespaces: what is mounted and hidden inside, and that none of it shows outside.

use std::fs;
use std::io::Read as _;
use std::path::Path;

use agentsh::capture::exec::{MountSpec, PreparedSession, SessionSpec};
use agentsh::event::{Layer, LayerReport, LayerState, OsText};

use super::exact::check_links;
use super::tape::{Setup, Tape};

pub fn tmpfs(target: &Path) -> MountSpec {
    MountSpec {
        flags: 0,
        target: OsText::from(target),
        fstype: "tmpfs".to_owned(),
        source: "agentsh-test".to_owned(),
        options: "size=1m,mode=0777".to_owned(),
        device: None,
    }
}

fn layer(layers: &[LayerReport], layer: Layer) -> LayerReport {
    layers.iter().find(|report| report.layer == layer).unwrap().clone()
}

/// Whether this machine lets us have a mount namespace; the reason is said when it does not.
fn has_namespaces() -> bool {
    let report = layer(Setup::new(["true"]).open().layers(), Layer::Confinement);
    if report.state != LayerState::Enforcing {
        eprintln!("skipped: needs a mount namespace: {}", report.reason.unwrap());
    }
    report.state == LayerState::Enforcing
}

#[test]
fn the_workspaces_mount_is_seen_inside_and_not_outside() {
    if !has_namespaces() {
        return;
    }
    let workspace = tempfile::tempdir().unwrap();
    fs::write(workspace.path().join("below"), "covered").unwrap();
    let tape = Tape::default();
    // The working directory is entered after the mount, so a relative path leads into it.
    let mut setup = Setup::shell("set -e; ! test -e below; echo inside > file; test \"$(cat \"$PWD/file\")\" = inside; grep -q agentsh-test /proc/self/mounts")
        .cwd(workspace.path());
    setup.mount = Some(tmpfs(workspace.path()));
    assert_eq!(layer(setup.open().layers(), Layer::Fuse).state, LayerState::Enforcing);
    let outcome = setup.run(&tape);
    check_links(&tape);
    assert_eq!(outcome.ending.exit_code(), 0, "{outcome:?}");
    let outside: Vec<_> = fs::read_dir(workspace.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(outside, ["below"]);
    assert!(!fs::read_to_string("/proc/self/mounts").unwrap().contains("agentsh-test"));
}

#[test]
fn the_device_of_a_fuse_mount_comes_back_before_anything_runs() {
    if !has_namespaces() {
        return;
    }
    if let Err(error) = fs::File::options().read(true).write(true).open("/dev/fuse") {
        eprintln!("skipped: needs /dev/fuse: {error}");
        return;
    }
    let workspace = tempfile::tempdir().unwrap();
    let (uid, gid) = (nix::unistd::geteuid(), nix::unistd::getegid());
    let spec = SessionSpec {
        program: env!("CARGO_BIN_EXE_agentsh").into(),
        private: true,
        mount: Some(MountSpec {
            flags: 0,
            target: OsText::from(workspace.path()),
            fstype: "fuse".to_owned(),
            source: "agentsh-test".to_owned(),
            options: format!("rootmode=40000,user_id={uid},group_id={gid}"),
            device: Some("/dev/fuse".into()),
        }),
    };
    let mut session = PreparedSession::open(&spec).unwrap();
    assert_eq!(session.preparation().mount, Ok(()));
    let mut device = fs::File::from(session.take_device().unwrap());
    let mut request = vec![0; 1 << 17];
    let length = device.read(&mut request).unwrap();
    let opcode = u32::from_ne_bytes(request[4..8].try_into().unwrap());
    assert!(length >= 40 && opcode == FUSE_INIT, "the kernel greets the file system: {opcode}");
    assert!(!fs::read_to_string("/proc/self/mounts").unwrap().contains("agentsh-test"));
}

/// Opcode of the first request (`linux/fuse.h`).
const FUSE_INIT: u32 = 26;

#[test]
fn g9_hidden_directories_are_empty_and_read_only_inside() {
    if !has_namespaces() {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("journal"), "the recorder's own").unwrap();
    let tape = Tape::default();
    let path = directory.path().display();
    let mut setup = Setup::shell(&format!(
        "test -z \"$(ls -A {path})\" || exit 1; echo x 2>/dev/null > {path}/new && exit 2; cat {path}/journal 2>/dev/null && exit 3; exit 0"
    ));
    setup.hide = vec![directory.path().to_owned()];
    let outcome = setup.run(&tape);
    assert_eq!(outcome.ending.exit_code(), 0, "1: not empty, 2: writable, 3: readable");
    assert_eq!(fs::read_to_string(directory.path().join("journal")).unwrap(), "the recorder's own");
    // The counter-example: what is not hidden is seen.
    let outcome = Setup::shell(&format!("cat {path}/journal >/dev/null")).run(&Tape::default());
    assert_eq!(outcome.ending.exit_code(), 0);
}

#[test]
fn g10_what_could_not_be_hidden_or_mounted_is_reported_and_the_command_runs() {
    if !has_namespaces() {
        return;
    }
    let mut setup = Setup::new(["true"]);
    setup.hide = vec!["/no/such/directory".into()];
    setup.mount = Some(tmpfs("/no/such/workspace".as_ref()));
    let session = setup.open();
    let confinement = layer(session.layers(), Layer::Confinement);
    assert_eq!(confinement.state, LayerState::Absent);
    assert!(confinement.reason.unwrap().contains("/no/such/directory"));
    let mount = layer(session.layers(), Layer::Fuse);
    assert_eq!(mount.state, LayerState::Absent);
    assert!(mount.reason.unwrap().contains("ENOENT"));
    assert!(mount.remedy.is_some());
    drop(session);
    assert_eq!(setup.run(&Tape::default()).ending.exit_code(), 0);
}

#[test]
fn g10_a_session_without_namespaces_says_so_and_mounts_nothing() {
    let workspace = tempfile::tempdir().unwrap();
    let mut setup = Setup::shell("! grep -q agentsh-test /proc/self/mounts");
    setup.private = false;
    setup.mount = Some(tmpfs(workspace.path()));
    let session = setup.open();
    for absent in [Layer::Confinement, Layer::Fuse] {
        let report = layer(session.layers(), absent);
        assert_eq!(report.state, LayerState::Absent, "{report:?}");
        assert!(report.reason.is_some() && report.remedy.is_some(), "{report:?}");
    }
    assert_eq!(layer(session.layers(), Layer::Exec).state, LayerState::Enforcing);
    drop(session);
    let tape = Tape::default();
    assert_eq!(setup.run(&tape).ending.exit_code(), 0);
    check_links(&tape);
}

#[test]
fn standard_streams_and_other_descriptors_reach_the_command_untouched() {
    let tape = Tape::default();
    let directory = tempfile::tempdir().unwrap();
    let listing = directory.path().join("listing");
    let script = format!(
        "readlink /proc/$$/fd/0 /proc/$$/fd/1 /proc/$$/fd/2 > {file}; exec ls -1 /proc/self/fd >> {file}",
        file = listing.display()
    );
    let outcome = Setup::shell(&script).run(&tape);
    assert_eq!(outcome.ending.exit_code(), 0);
    let listed = fs::read_to_string(&listing).unwrap();
    let lines: Vec<_> = listed.lines().collect();
    let own = |number: u32| fs::read_link(format!("/proc/self/fd/{number}")).unwrap().display().to_string();
    assert_eq!(lines[0], own(0));
    assert_eq!(lines[2], own(2));
    let inherited = fs::read_dir("/proc/self/fd").unwrap().filter(|entry| !closes_on_exec(entry.as_ref().unwrap())).count();
    let open = lines.len() - 3;
    assert_eq!(open, inherited + 1, "the directory that it lists, and nothing of the recorder's or the launcher's: {lines:?}");
}

#[test]
fn signals_are_as_a_program_expects_them() {
    // Rust ignores SIGPIPE, and the launcher blocks signals: neither may reach the command.
    let script = "grep -q '^SigBlk:\t0*$' /proc/self/status || exit 1; yes | head -n 1 >/dev/null; exit 0";
    let tape = Tape::default();
    assert_eq!(Setup::shell(script).run(&tape).ending.exit_code(), 0);
    let exits = tape.exits();
    let yes = &exits.iter().find(|(_, exit)| exit.path.as_ref().unwrap().as_bytes().ends_with(b"/yes")).unwrap().1;
    assert_eq!(yes.signal.as_deref(), Some("SIGPIPE"), "{yes:?}");
}

/// Whether a descriptor of this process closes on exec; one that was closed meanwhile does.
fn closes_on_exec(entry: &fs::DirEntry) -> bool {
    let info = fs::read_to_string(format!("/proc/self/fdinfo/{}", entry.file_name().display())).unwrap_or_default();
    let flags =
        info.lines().find_map(|line| line.strip_prefix("flags:")).map(|flags| u32::from_str_radix(flags.trim(), 8).unwrap());
    flags.is_none_or(|flags| flags & libc::O_CLOEXEC.unsigned_abs() != 0)
}
