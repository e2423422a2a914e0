//! What `agentsh doctor` examines: what each layer can do on this machine, and whether the journal is usable and accounts for all.

mod storage;

use nix::sys::utsname::uname;
use nix::unistd::{User, geteuid};
use serde::Serialize;

use crate::capture::probe::{self, Cgroup, Findings};
use crate::event::LayerReport;
use crate::journal::DataDir;
use crate::query::JournalStatus;
use crate::runtime::trial::{Namespace, Refused};

/// How one thing stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// In order.
    Good,
    /// Not as it should be, but recording works without.
    Lacking,
    /// Nothing can be recorded, or what was recorded does not add up.
    Broken,
}

/// One thing that was examined.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Check {
    /// What.
    pub name: &'static str,
    /// How it stands.
    pub standing: Standing,
    /// What was found.
    pub found: String,
    /// What would help.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remedy: Option<String>,
}

impl Check {
    fn good(name: &'static str, found: impl Into<String>) -> Self {
        Self { name, standing: Standing::Good, found: found.into(), remedy: None }
    }

    fn lacking(name: &'static str, found: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { name, standing: Standing::Lacking, found: found.into(), remedy: Some(remedy.into()) }
    }

    fn broken(name: &'static str, found: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { name, standing: Standing::Broken, found: found.into(), remedy: Some(remedy.into()) }
    }
}

/// Everything that was examined.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Health {
    /// Version of agentsh.
    pub agentsh_version: &'static str,
    /// Whether anything can be recorded, and what was recorded adds up.
    pub can_record: bool,
    /// What each layer would do in a session.
    pub layers: Vec<LayerReport>,
    /// What the machine offers.
    pub machine: Vec<Check>,
    /// Data directory, journal, accounts, policy.
    pub storage: Vec<Check>,
    /// How the journal stands; absent when there is none or it cannot be read.
    pub journal: Option<JournalStatus>,
}

/// Whether the policy that sessions start with compiles: what it is in words, or why not.
pub type PolicyOutcome = Result<String, String>;

/// Examines the machine and the data directory. Nothing is made or changed.
#[must_use]
pub fn examine(data_dir: &DataDir, policy: &PolicyOutcome) -> Health {
    let found = probe::probe();
    let (mut storage, journal) = storage::examine(data_dir);
    storage.push(match policy {
        Ok(summary) => Check::good("policy", summary),
        Err(why) => Check::broken("policy", format!("does not compile: {why}"), "agentsh policy validate FILE"),
    });
    let machine = machine(&found);
    let can_record = machine.iter().chain(&storage).all(|check| check.standing != Standing::Broken);
    Health { agentsh_version: env!("CARGO_PKG_VERSION"), can_record, layers: probe::layers(&found), machine, storage, journal }
}

/// The findings of the probe one by one.
#[must_use]
pub fn machine(found: &Findings) -> Vec<Check> {
    let kernel = uname().map_or_else(
        |_| "unknown".to_owned(),
        |name| format!("{} {} {}", name.sysname().display(), name.release().display(), name.machine().display()),
    );
    let uid = geteuid();
    let user = match User::from_uid(uid) {
        Ok(Some(user)) => format!("{} (uid {uid})", user.name),
        Ok(None) | Err(_) => format!("uid {uid}"),
    };
    let outcome = |name, result: Result<(), Refused>, good: &str| match result {
        Ok(()) => Check::good(name, good),
        Err(refused) => Check::lacking(name, probe::words(refused), probe::remedy(refused)),
    };
    vec![
        Check::good("kernel", kernel),
        Check::good("user", user),
        outcome("fuse device", found.device, "/dev/fuse opens"),
        outcome("fuse mount", found.mount, "mounts"),
        match found.namespace {
            Ok(Namespace::Privileged) => Check::good("mount namespace", "made by privilege"),
            Ok(Namespace::User) => Check::good("mount namespace", "made within a user namespace"),
            Err(refused) => Check::lacking("mount namespace", probe::words(refused), probe::remedy(refused)),
        },
        match found.user_namespace {
            // Whoever has the privilege does without.
            Err(refused) if found.namespace.is_ok() => {
                Check::good("user namespace", format!("not needed; {}", probe::words(refused)))
            }
            other => outcome("user namespace", other, "made"),
        },
        outcome("seccomp", found.listener, "a filter with a listener installs"),
        outcome("process memory", found.memory, "readable"),
        outcome("loopback", found.loopback, "127.0.0.1 can be listened on"),
        outcome("pidfd", found.pidfd, "opens"),
        match found.landlock {
            Ok(version) => Check::good("landlock", format!("version {version}")),
            Err(refused) => Check::lacking("landlock", probe::words(refused), "boot with lsm=landlock,…"),
        },
        cgroup(&found.cgroup),
    ]
}

fn cgroup(cgroup: &Cgroup) -> Check {
    match cgroup {
        Cgroup::V2 { path, writable: true } => Check::good("cgroup", format!("v2, {} is writable", path.display())),
        Cgroup::V2 { path, writable: false } => {
            let found = format!("v2, {} is not writable; only limits would need it", path.display());
            Check::lacking("cgroup", found, "systemd-run --user --scope -p Delegate=yes agentsh …")
        }
        Cgroup::V1 => {
            Check::lacking("cgroup", "v1 alone; only limits would need v2", "boot with systemd.unified_cgroup_hierarchy=1")
        }
        Cgroup::Absent => {
            Check::lacking("cgroup", "none is mounted; only limits would need one", "mount -t cgroup2 none /sys/fs/cgroup")
        }
    }
}
