//! `doctor`: what the probe's findings mean, and what is said of this machine and of a journal.

use agentsh::app::health::{PolicyOutcome, Standing, examine, machine};
use agentsh::capture::probe::{Cgroup, Findings, layers, probe};
use agentsh::cli::doctor::{self, DoctorArgs};
use agentsh::cli::output::{Exit, Output};
use agentsh::event::{Layer, LayerReport, LayerState};
use agentsh::journal::DataDir;
use agentsh::runtime::trial::{self, Namespace, Refused, Step};
use nix::errno::Errno;

use super::recorded::{RECORDED, record};
use super::verification::sqlite;

fn policy() -> PolicyOutcome {
    Ok("built-in `default`, 23 rules".to_owned())
}

fn run(data_dir: &DataDir, json: bool) -> (Exit, String) {
    let (mut out, mut notes) = (Vec::new(), Vec::new());
    let exit = doctor::run(&DoctorArgs { json }, data_dir, &policy(), &mut Output::new(&mut out, &mut notes)).unwrap();
    (exit, String::from_utf8(out).unwrap())
}

/// A machine that refuses nothing.
fn all_there() -> Findings {
    Findings {
        root: false,
        namespace: Ok(Namespace::User),
        user_namespace: Ok(()),
        device: Ok(()),
        mount: Ok(()),
        listener: Ok(()),
        memory: Ok(()),
        loopback: Ok(()),
        pidfd: Ok(()),
        landlock: Ok(7),
        cgroup: Cgroup::V2 { path: "/sys/fs/cgroup".into(), writable: true },
    }
}

fn refused<T>(step: Step, errno: Errno) -> Result<T, Refused> {
    Err(Refused { step, errno })
}

#[track_caller]
fn check(found: &Findings, layer: Layer, state: LayerState, reason: &str, remedy: &str) {
    let reports = layers(found);
    let report = reports.iter().find(|report| report.layer == layer).unwrap();
    assert_eq!(report.state, state, "{report:?}");
    assert!(report.reason.as_deref().unwrap_or_default().contains(reason), "{report:?}");
    assert_eq!(report.remedy.is_some(), !remedy.is_empty(), "{report:?}");
    assert!(report.remedy.as_deref().unwrap_or_default().contains(remedy), "{report:?}");
}

#[test]
fn g10_every_layer_is_reported_once_with_a_reason_unless_it_enforces() {
    for found in [all_there(), probe()] {
        let reports = layers(&found);
        let named: Vec<Layer> = reports.iter().map(|report| report.layer).collect();
        assert_eq!(named, Layer::ALL);
        for LayerReport { layer, state, mechanism, reason, .. } in reports {
            assert_eq!(mechanism.is_some(), state != LayerState::Absent, "{layer:?}");
            assert!(reason.is_some() || state == LayerState::Enforcing, "{layer:?}");
        }
    }
}

#[test]
fn a_machine_that_refuses_nothing_enforces_what_this_version_has() {
    for layer in [Layer::Fuse, Layer::Proxy, Layer::Exec, Layer::Confinement] {
        check(&all_there(), layer, LayerState::Enforcing, "", "");
    }
    for layer in [Layer::Transparent, Layer::UnixSocket, Layer::OutsideFiles, Layer::Limits] {
        check(&all_there(), layer, LayerState::Absent, "not part of this version", "");
    }
}

#[test]
fn a_container_without_the_device_has_no_workspace_layer_and_says_what_to_pass() {
    let found =
        Findings { mount: refused(Step::Device, Errno::ENOENT), device: refused(Step::Device, Errno::ENOENT), ..all_there() };
    check(
        &found,
        Layer::Fuse,
        LayerState::Absent,
        "/dev/fuse cannot be opened: No such file or directory (ENOENT)",
        "--device /dev/fuse",
    );
    check(&found, Layer::Exec, LayerState::Enforcing, "", "");
}

#[test]
fn without_namespaces_there_is_neither_mount_nor_confinement() {
    let found = Findings {
        namespace: refused(Step::Unshare, Errno::EPERM),
        user_namespace: refused(Step::Unshare, Errno::EPERM),
        mount: refused(Step::Unshare, Errno::EPERM),
        ..all_there()
    };
    check(&found, Layer::Fuse, LayerState::Absent, "(unshare)", "kernel.apparmor_restrict_unprivileged_userns=0");
    check(&found, Layer::Confinement, LayerState::Absent, "cannot be hidden", "--cap-add SYS_ADMIN");
    let limit = Findings { namespace: refused(Step::Unshare, Errno::ENOSPC), ..all_there() };
    check(&limit, Layer::Confinement, LayerState::Absent, "ENOSPC", "user.max_user_namespaces");
}

#[test]
fn without_a_listener_or_its_callers_memory_exec_only_observes_the_command() {
    let cases = [
        (Findings { listener: refused(Step::Listener, Errno::EINVAL), ..all_there() }, "Linux 5.5"),
        (Findings { listener: refused(Step::Listener, Errno::EBUSY), ..all_there() }, "outside of a sandbox"),
        (Findings { listener: refused(Step::Listener, Errno::EPERM), ..all_there() }, "seccomp=unconfined"),
        (Findings { memory: refused(Step::ReadMemory, Errno::EPERM), ..all_there() }, "ptrace_scope"),
    ];
    for (found, remedy) in cases {
        check(&found, Layer::Exec, LayerState::Observing, "the command alone is judged and recorded", remedy);
    }
}

#[test]
fn without_loopback_there_is_neither_proxy_nor_resolver() {
    let found = Findings { loopback: refused(Step::Loopback, Errno::EADDRNOTAVAIL), ..all_there() };
    check(&found, Layer::Proxy, LayerState::Absent, "127.0.0.1", "ip link set lo up");
    check(&found, Layer::Dns, LayerState::Absent, "there is no proxy", "ip link set lo up");
}

#[test]
fn root_is_told_that_it_can_undo_confinement() {
    let found = Findings { root: true, namespace: Ok(Namespace::Privileged), ..all_there() };
    check(&found, Layer::Confinement, LayerState::Enforcing, "runs as root can undo it", "");
}

#[test]
fn every_lack_of_the_machine_has_a_remedy() {
    let nothing = Findings {
        root: false,
        namespace: refused(Step::Unshare, Errno::EPERM),
        user_namespace: refused(Step::Unshare, Errno::EPERM),
        device: refused(Step::Device, Errno::EACCES),
        mount: refused(Step::Mount, Errno::EPERM),
        listener: refused(Step::Listener, Errno::ENOSYS),
        memory: refused(Step::ReadMemory, Errno::EPERM),
        loopback: refused(Step::Loopback, Errno::EADDRNOTAVAIL),
        pidfd: refused(Step::Feature, Errno::ENOSYS),
        landlock: refused(Step::Feature, Errno::ENOSYS),
        cgroup: Cgroup::Absent,
    };
    let lacking: Vec<_> = machine(&nothing).into_iter().filter(|check| check.standing == Standing::Lacking).collect();
    assert_eq!(lacking.len(), 10);
    assert!(lacking.iter().all(|check| check.remedy.is_some()));
    assert!(machine(&all_there()).iter().all(|check| check.standing == Standing::Good && check.remedy.is_none()));
}

#[test]
fn trials_leave_nothing_behind_and_agree_with_what_is_done_directly() {
    // What a trial could leave on this process: a mount, a namespace, the promise to gain no privileges.
    let own = || {
        let namespaces = ["mnt", "user"].map(|name| std::fs::read_link(format!("/proc/self/ns/{name}")).unwrap());
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let promises: Vec<String> = status
            .lines()
            .filter(|line| line.starts_with("NoNewPrivs") || line.starts_with("Seccomp"))
            .map(str::to_owned)
            .collect();
        (namespaces, promises)
    };
    let before = own();
    let found = probe();
    assert_eq!(own(), before);
    assert!(!std::fs::read_to_string("/proc/self/mountinfo").unwrap().contains("agentsh-trial"));
    if nix::unistd::geteuid().is_root() && std::path::Path::new("/dev/fuse").exists() && found.namespace.is_ok() {
        assert_eq!(found.mount, Ok(()));
        assert_eq!(found.user_namespace.and_then(|()| trial::fuse_mount(Namespace::User)), Ok(()));
    } else {
        eprintln!("skipped: mounting: not root, or no /dev/fuse, or no namespaces here");
    }
}

#[test]
fn this_machine_and_a_journal_in_order_are_shown_as_a_table() {
    let (exit, text) = run(&RECORDED.data_dir, false);
    assert_eq!(exit, Exit::Done, "{text}");
    for layer in Layer::ALL {
        let name = format!("  {:<16}  ", layer.as_str().replace('_', " "));
        assert_eq!(text.lines().filter(|line| line.starts_with(&name)).count(), 1, "{name}{text}");
    }
    let accounts = "  accounts          ok         offered 39 = journaled 39 + lost 0 + in the intakes 0\n";
    assert!(text.contains(accounts), "{text}");
    assert!(text.ends_with("in order: agentsh can record here; `agentsh verify` checks every event that it has recorded\n"));
}

#[test]
fn doctor_as_json_is_one_object() {
    let (exit, text) = run(&RECORDED.data_dir, true);
    assert_eq!(exit, Exit::Done);
    let object: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(object["can_record"], true);
    assert_eq!(object["layers"].as_array().unwrap().len(), Layer::ALL.len());
    assert_eq!(object["journal"]["accounts"]["offered"], 39);
    assert!(
        object["machine"].as_array().unwrap().iter().all(|check| check["standing"].is_string() && check["found"].is_string())
    );
}

#[test]
fn g2_doctor_fails_when_the_sum_does_not_add_up() {
    let recorded = record(|scribe| {
        scribe.observe(agentsh::event::DirList { path: "/work".into() }, None);
    });
    assert_eq!(run(&recorded.data_dir, false).0, Exit::Done);
    sqlite(&recorded.data_dir, "UPDATE intakes SET journaled = journaled - 1");
    let (exit, text) = run(&recorded.data_dir, false);
    assert_eq!(exit, Exit::NotInOrder);
    assert!(text.contains("  accounts          broken     the sum does not add up: intake "), "{text}");
    let (mut out, mut notes) = (Vec::new(), Vec::new());
    let mut output = Output::new(&mut out, &mut notes).on_terminal(100, true);
    doctor::run(&DoctorArgs::default(), &recorded.data_dir, &policy(), &mut output).unwrap();
    assert!(String::from_utf8(out).unwrap().contains("\u{1b}[31mbroken   \u{1b}[0m"));
}

#[test]
fn a_journal_that_cannot_be_used_fails_and_one_that_is_not_there_yet_does_not() {
    let folder = tempfile::tempdir().unwrap();
    let data_dir = DataDir::at(folder.path().join("deep/data"));
    let (exit, text) = run(&data_dir, false);
    assert_eq!(exit, Exit::Done, "{text}");
    assert!(text.contains("is not there yet: the first `agentsh run` makes it"), "{text}");
    assert!(!data_dir.root().exists(), "doctor made something");

    std::fs::create_dir_all(data_dir.root()).unwrap();
    std::fs::write(data_dir.journal(), "something else altogether, and quite long at that").unwrap();
    let (exit, text) = run(&data_dir, false);
    assert_eq!(exit, Exit::NotInOrder, "{text}");
    assert!(text.contains("is not a journal of agentsh"), "{text}");

    let file = DataDir::at(data_dir.journal());
    assert_eq!(run(&file, false).0, Exit::NotInOrder);
}

#[test]
fn a_policy_that_does_not_compile_fails() {
    let health = examine(&RECORDED.data_dir, &Err("line 3: unknown key `fil_rules`".to_owned()));
    assert!(!health.can_record);
    assert!(examine(&RECORDED.data_dir, &policy()).can_record);
}

#[test]
fn a_key_or_a_folder_that_others_can_read_is_pointed_out_and_does_not_stop_recording() {
    use std::os::unix::fs::PermissionsExt as _;
    let recorded = record(|scribe| {
        scribe.observe(agentsh::event::DirList { path: "/work".into() }, None);
    });
    let set = |path: &std::path::Path, mode| std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    let key = recorded.data_dir.public_key().with_extension("key");
    set(recorded.data_dir.root(), 0o700);
    let standing = |name: &str| {
        let health = examine(&recorded.data_dir, &policy());
        assert!(health.can_record);
        health.storage.into_iter().find(|check| check.name == name).unwrap().standing
    };
    assert_eq!((standing("data directory"), standing("signing key")), (Standing::Good, Standing::Good));
    set(&key, 0o644);
    set(recorded.data_dir.root(), 0o755);
    assert_eq!((standing("data directory"), standing("signing key")), (Standing::Lacking, Standing::Lacking));
}

#[test]
fn g10_the_registry_is_not_said_to_be_unknown_here_where_wine_sensors_and_imports_bring_it() {
    check(&all_there(), Layer::Registry, LayerState::Absent, "a Windows program's is recorded where it runs under Wine", "");
    check(&all_there(), Layer::Registry, LayerState::Absent, "come in through sensors and imports", "");
    let folder = tempfile::tempdir().unwrap();
    let (_, shown) = run(&DataDir::at(folder.path().join("data")), false);
    let shown = shown.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(shown.contains("recorded where it runs under Wine in a session"), "{shown}");
}
