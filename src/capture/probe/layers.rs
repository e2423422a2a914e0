//! What the probe's findings mean: a pure function from what was refused to what each layer does, why, and what would help.

use nix::errno::Errno;

use super::Findings;
use crate::event::{Layer, LayerReport, LayerState};
use crate::runtime::trial::{Namespace, Refused, Step};

/// What each layer would do in a session on this machine: every layer once.
#[must_use]
pub fn layers(found: &Findings) -> Vec<LayerReport> {
    Layer::ALL.iter().map(|layer| report(*layer, found)).collect()
}

fn report(layer: Layer, found: &Findings) -> LayerReport {
    match layer {
        Layer::Fuse => fuse(found),
        Layer::Exec => exec(found),
        Layer::Confinement => confinement(found),
        Layer::Proxy => match found.loopback {
            Ok(()) => LayerReport {
                layer,
                state: LayerState::Enforcing,
                mechanism: Some("HTTP proxy, named in the session's environment".to_owned()),
                reason: Some("a program that ignores the proxy variables connects past it".to_owned()),
                remedy: None,
            },
            Err(refused) => absent(layer, words(refused), Some(remedy(refused))),
        },
        Layer::Dns => match found.loopback {
            Ok(()) => LayerReport {
                layer,
                state: LayerState::Observing,
                mechanism: Some("names that the proxy resolves".to_owned()),
                reason: Some("names that programs resolve by themselves are not seen".to_owned()),
                remedy: None,
            },
            Err(refused) => absent(layer, format!("there is no proxy: {}", words(refused)), Some(remedy(refused))),
        },
        Layer::Transparent => not_built(layer, "connections that go past the proxy are not seen"),
        Layer::UnixSocket => not_built(layer, "unix sockets are not seen"),
        Layer::OutsideFiles => not_built(layer, "files outside of the workspace are not seen"),
        Layer::Limits => not_built(layer, "memory, CPU and processes are not limited"),
        Layer::Registry => {
            let reason = "Linux itself has none; a Windows program's is recorded where it runs under Wine in a session, and \
                          other machines' come in through sensors and imports";
            absent(layer, reason.to_owned(), None)
        }
    }
}

fn fuse(found: &Findings) -> LayerReport {
    match found.mount {
        Ok(()) => LayerReport {
            layer: Layer::Fuse,
            state: LayerState::Enforcing,
            mechanism: Some("FUSE over the workspace, in a mount namespace of the session's own".to_owned()),
            reason: None,
            remedy: None,
        },
        Err(refused) => {
            let reason = format!("the workspace is not mounted: {}", words(refused));
            absent(Layer::Fuse, reason, Some(remedy(refused)))
        }
    }
}

fn exec(found: &Findings) -> LayerReport {
    match found.listener.and(found.memory) {
        Ok(()) => LayerReport {
            layer: Layer::Exec,
            state: LayerState::Enforcing,
            mechanism: Some("seccomp user notification".to_owned()),
            reason: Some("32-bit programs are refused, and setuid programs gain nothing".to_owned()),
            remedy: None,
        },
        Err(refused) => LayerReport {
            layer: Layer::Exec,
            state: LayerState::Observing,
            mechanism: Some("wait4 on the command".to_owned()),
            reason: Some(format!("the command alone is judged and recorded, not what it starts: {}", words(refused))),
            remedy: Some(remedy(refused).to_owned()),
        },
    }
}

fn confinement(found: &Findings) -> LayerReport {
    let (mechanism, reason) = match found.namespace {
        Err(refused) => {
            let reason = format!("the recorder's files cannot be hidden from the session: {}", words(refused));
            return absent(Layer::Confinement, reason, Some(remedy(refused)));
        }
        Ok(Namespace::Privileged) if found.root => {
            ("mount namespace", "a session that runs as root can undo it; run agentsh as a user to close that")
        }
        Ok(Namespace::Privileged) => ("mount namespace", "the recorder's process is not hidden"),
        Ok(Namespace::User) => (
            "mount namespace within a user namespace",
            "files of other users show as nobody's; the recorder's process is not hidden",
        ),
    };
    LayerReport {
        layer: Layer::Confinement,
        state: LayerState::Enforcing,
        mechanism: Some(mechanism.to_owned()),
        reason: Some(reason.to_owned()),
        remedy: None,
    }
}

fn absent(layer: Layer, reason: String, remedy: Option<&str>) -> LayerReport {
    LayerReport { layer, state: LayerState::Absent, mechanism: None, reason: Some(reason), remedy: remedy.map(str::to_owned) }
}

fn not_built(layer: Layer, what: &str) -> LayerReport {
    absent(layer, format!("{what}: not part of this version"), None)
}

/// Why something is not there, in words.
#[must_use]
pub fn words(refused: Refused) -> String {
    let what = match refused.step {
        Step::Fork => "a process cannot be started",
        Step::Unshare => "namespaces cannot be made (unshare)",
        Step::IdMap => "the user namespace's ids cannot be mapped",
        Step::Propagation => "the namespace cannot be cut off from the host's mounts",
        Step::Device => "/dev/fuse cannot be opened",
        Step::Mount => "mounting is refused",
        Step::NoNewPrivileges => "new privileges cannot be given up (prctl)",
        Step::Listener => "a seccomp filter with a listener cannot be installed",
        Step::Feature => "the kernel does not have it",
        Step::Loopback => "127.0.0.1 cannot be listened on",
        Step::ReadMemory => "the memory of the session's processes cannot be read",
    };
    format!("{what}: {} ({:?})", refused.errno.desc(), refused.errno)
}

/// What would help.
#[must_use]
pub fn remedy(refused: Refused) -> &'static str {
    match (refused.step, refused.errno) {
        (Step::Fork, _) => "raise the limit on processes (ulimit -u)",
        (Step::Unshare | Step::IdMap | Step::Propagation, Errno::ENOSPC) => "sysctl -w user.max_user_namespaces=10000",
        (Step::Unshare | Step::IdMap | Step::Propagation, _) => {
            "run as root, or allow user namespaces: sysctl -w kernel.unprivileged_userns_clone=1 (Debian), \
             sysctl -w kernel.apparmor_restrict_unprivileged_userns=0 (Ubuntu); in a container: --cap-add SYS_ADMIN"
        }
        (Step::Device, Errno::ENOENT | Errno::ENODEV | Errno::ENXIO) => "modprobe fuse; in a container: --device /dev/fuse",
        (Step::Device, _) => "chmod 666 /dev/fuse; in a container: --device /dev/fuse",
        (Step::Mount, Errno::ENODEV) => "modprobe fuse",
        (Step::Mount, _) => {
            "allow mounting: sysctl -w kernel.apparmor_restrict_unprivileged_userns=0 (Ubuntu); in a container: \
             --cap-add SYS_ADMIN --security-opt apparmor=unconfined"
        }
        (Step::NoNewPrivileges | Step::Listener, Errno::EINVAL | Errno::ENOSYS) => {
            "use Linux 5.5 or newer with CONFIG_SECCOMP_FILTER"
        }
        (Step::NoNewPrivileges | Step::Listener, Errno::EBUSY) => {
            "start agentsh outside of a sandbox that listens to system calls itself"
        }
        (Step::NoNewPrivileges | Step::Listener, _) => {
            "in a container: --security-opt seccomp=unconfined, or a profile that allows seccomp(2)"
        }
        (Step::Feature, _) => "use a newer kernel",
        (Step::Loopback, _) => "ip link set lo up",
        (Step::ReadMemory, _) => {
            "sysctl -w kernel.yama.ptrace_scope=1 (after a restart, where it is 3); in a container: --cap-add SYS_PTRACE"
        }
    }
}
