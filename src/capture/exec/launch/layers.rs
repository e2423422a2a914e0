//! What the launcher's findings mean for `capability_report`: a pure function from what failed to what is said about it (G-10).

use nix::errno::Errno;

use super::protocol::{Namespace, Preparation, Step, StepFailure};
use crate::event::{Layer, LayerReport, LayerState, OsText};

/// The layers that are set up with the session: exec, confinement, and the workspace's mount if one was wanted.
pub(super) fn report(preparation: &Preparation, mount_wanted: bool, uncovered: &[(OsText, i32)], root: bool) -> Vec<LayerReport> {
    let mut layers = vec![exec(preparation), confinement(preparation, uncovered, root)];
    if mount_wanted {
        layers.push(mount(preparation));
    }
    layers
}

fn exec(preparation: &Preparation) -> LayerReport {
    match preparation.seccomp {
        Ok(()) => LayerReport {
            layer: Layer::Exec,
            state: LayerState::Enforcing,
            mechanism: Some("seccomp user notification".to_owned()),
            reason: Some("32-bit programs are refused; privileges of setuid programs are not gained".to_owned()),
            remedy: None,
        },
        Err(failure) => LayerReport {
            layer: Layer::Exec,
            state: LayerState::Observing,
            mechanism: Some("wait4 on the command".to_owned()),
            reason: Some(format!("the command alone is judged and recorded, not what it starts: {}", because(failure))),
            remedy: Some(remedy(failure).to_owned()),
        },
    }
}

fn confinement(preparation: &Preparation, uncovered: &[(OsText, i32)], root: bool) -> LayerReport {
    let failure = match preparation.namespace {
        Err(failure) => {
            return LayerReport {
                layer: Layer::Confinement,
                state: LayerState::Absent,
                mechanism: None,
                reason: Some(format!("no mount namespace, so nothing can be hidden: {}", because(failure))),
                remedy: Some(remedy(failure).to_owned()),
            };
        }
        Ok(Namespace::Privileged) => "mount namespace",
        Ok(Namespace::User) => "mount namespace within a user namespace",
    };
    let mechanism = Some(failure.to_owned());
    if let Some((directory, errno)) = uncovered.first() {
        return LayerReport {
            layer: Layer::Confinement,
            state: LayerState::Absent,
            mechanism,
            reason: Some(format!("{directory} is not hidden from the session: {}", Errno::from_raw(*errno).desc())),
            remedy: Some("use a data directory on a local file system that exists when the session starts".to_owned()),
        };
    }
    let reason = match (preparation.namespace, root) {
        (Ok(Namespace::User), false) => "files of other users show as nobody's inside; the recorder's process is not hidden",
        (_, true) => "a session that runs as root can unmount what hides the recorder; the recorder's process is not hidden",
        (_, false) => "the recorder's process is not hidden",
    };
    LayerReport {
        layer: Layer::Confinement,
        state: LayerState::Enforcing,
        mechanism,
        reason: Some(reason.to_owned()),
        remedy: None,
    }
}

fn mount(preparation: &Preparation) -> LayerReport {
    match preparation.mount {
        Ok(()) => LayerReport {
            layer: Layer::Fuse,
            state: LayerState::Enforcing,
            mechanism: Some("mounted over the workspace in the session's mount namespace".to_owned()),
            reason: None,
            remedy: None,
        },
        Err(failure) => LayerReport {
            layer: Layer::Fuse,
            state: LayerState::Absent,
            mechanism: None,
            reason: Some(format!("the workspace is not mounted: {}", because(failure))),
            remedy: Some(remedy(failure).to_owned()),
        },
    }
}

fn because(failure: StepFailure) -> String {
    let errno = Errno::from_raw(failure.errno);
    let what = match failure.step {
        Step::NotWanted => return "it is switched off in the configuration".to_owned(),
        Step::Unshare => "namespaces cannot be made (unshare)",
        Step::IdMap => "the user namespace's ids cannot be mapped",
        Step::Join => "the session's namespaces cannot be entered",
        Step::Propagation => "the namespace cannot be cut off from the host's mounts",
        Step::Device => "the device /dev/fuse cannot be opened",
        Step::Mount => "mounting is refused",
        Step::Seccomp => "a seccomp filter with a listener cannot be installed",
        Step::ReadMemory => "the memory of the session's processes cannot be read",
        Step::Fork => "a process cannot be started",
        Step::Prctl => "prctl is refused",
        Step::ChangeDirectory => "the working directory cannot be entered",
        Step::Arguments => "the arguments cannot be passed on",
        Step::Exec => "the program cannot be run",
    };
    format!("{what}: {} ({errno:?})", errno.desc())
}

fn remedy(failure: StepFailure) -> &'static str {
    match (failure.step, Errno::from_raw(failure.errno)) {
        (Step::NotWanted, _) => "switch it on in the configuration",
        (Step::Unshare | Step::IdMap | Step::Propagation, Errno::ENOSPC) => "raise user.max_user_namespaces (sysctl)",
        (Step::Unshare | Step::IdMap | Step::Propagation, _) => {
            "run as root, or allow user namespaces: kernel.unprivileged_userns_clone=1 (Debian), \
             kernel.apparmor_restrict_unprivileged_userns=0 (Ubuntu); in a container: --cap-add SYS_ADMIN"
        }
        (Step::Device, Errno::ENOENT | Errno::ENODEV | Errno::ENXIO) => {
            "load the module (modprobe fuse); in a container: --device /dev/fuse"
        }
        (Step::Device, _) => "make /dev/fuse readable and writable for this user; in a container: --device /dev/fuse",
        (Step::Mount, Errno::ENODEV) => "load the file system's module (modprobe fuse)",
        (Step::Mount, _) => {
            "allow mounting: kernel.apparmor_restrict_unprivileged_userns=0 (Ubuntu); in a container: --cap-add SYS_ADMIN \
             --security-opt apparmor=unconfined"
        }
        (Step::Seccomp, Errno::EINVAL | Errno::ENOSYS) => "use Linux 5.5 or newer with CONFIG_SECCOMP_FILTER",
        (Step::Seccomp, Errno::EBUSY) => "start agentsh outside of a sandbox that listens to system calls itself",
        (Step::Seccomp, _) => "in a container: --security-opt seccomp=unconfined, or a profile that allows seccomp(2)",
        (Step::ReadMemory, _) => "set kernel.yama.ptrace_scope below 3; in a container: --cap-add SYS_PTRACE",
        (Step::Fork, _) => "raise the limit on processes (ulimit -u)",
        (Step::Join | Step::Prctl | Step::ChangeDirectory | Step::Arguments | Step::Exec, _) => "see the reason",
    }
}
