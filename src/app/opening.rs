//! What opening a session puts on record, and what it mounts: the same for `run` and for the server.

use super::workspace::Workspace;
use crate::capture::exec::MountSpec;
use crate::capture::fuse::mount_options;
use crate::channel::SessionChannel;
use crate::event::{Layer, LayerReport, LayerState, OsText, PolicyLoaded, SessionCreated};

/// The session and its policy, on record before anything else of it.
pub(super) fn announce(channel: &SessionChannel, workspace: &Workspace, labels: Vec<String>, traceparent: Option<String>) {
    let policy = channel.policy();
    let uname = nix::sys::utsname::uname().ok();
    let text = |value: Option<&std::ffi::OsStr>| value.map(|value| value.to_string_lossy().into_owned()).unwrap_or_default();
    let os = [uname.as_ref().map(nix::sys::utsname::UtsName::sysname), uname.as_ref().map(nix::sys::utsname::UtsName::release)];
    let created = SessionCreated {
        workspace: OsText::from(workspace.path.as_path()),
        policy: policy.name().to_owned(),
        policy_digest: policy.digest().to_owned(),
        agentsh_version: env!("CARGO_PKG_VERSION").to_owned(),
        hostname: text(uname.as_ref().map(nix::sys::utsname::UtsName::nodename)),
        os: os.map(text).join(" "),
        uid: nix::unistd::getuid().as_raw(),
        labels,
        traceparent,
    };
    let created = channel.observe(created, None, None);
    let loaded = PolicyLoaded {
        name: policy.name().to_owned(),
        digest: policy.digest().to_owned(),
        source: policy.source().to_owned(),
        text: policy.text().to_owned(),
        rules: u64::try_from(policy.rule_count()).unwrap_or(u64::MAX),
    };
    channel.observe(loaded, None, Some(created));
}

/// What to mount over a workspace.
pub(super) fn mount_spec(workspace: &Workspace) -> MountSpec {
    let covered = nix::sys::statvfs::fstatvfs(&workspace.root).map_or(nix::sys::statvfs::FsFlags::empty(), |found| found.flags());
    let options = mount_options(nix::unistd::geteuid().as_raw(), nix::unistd::getegid().as_raw(), covered);
    MountSpec {
        target: OsText::from(workspace.path.as_path()),
        fstype: options.fstype.to_owned(),
        source: options.source.to_owned(),
        flags: options.flags.bits(),
        options: options.data,
        device: Some("/dev/fuse".into()),
    }
}

/// The layers that are not the launcher's to report.
pub(super) fn other_layers(fuse: bool, proxy: Option<String>, registry: LayerReport) -> Vec<LayerReport> {
    let absent = |layer, reason: &str, remedy: Option<&str>| LayerReport {
        layer,
        state: LayerState::Absent,
        mechanism: None,
        reason: Some(reason.to_owned()),
        remedy: remedy.map(str::to_owned),
    };
    let mut layers = Vec::new();
    if !fuse {
        let remedy = Some("set sandbox.fuse.enabled: true");
        layers.push(absent(Layer::Fuse, "it is switched off in the configuration", remedy));
    }
    match proxy {
        Some(mechanism) => {
            layers.push(LayerReport {
                layer: Layer::Proxy,
                state: LayerState::Enforcing,
                mechanism: Some(mechanism),
                reason: Some("programs that ignore HTTP_PROXY and HTTPS_PROXY connect unseen".to_owned()),
                remedy: None,
            });
            layers.push(LayerReport {
                layer: Layer::Dns,
                state: LayerState::Observing,
                mechanism: Some("names that the proxy resolves".to_owned()),
                reason: Some("names that a program resolves by itself are not seen".to_owned()),
                remedy: None,
            });
        }
        None => {
            let remedy = Some("set sandbox.network.enabled: true");
            layers.push(absent(Layer::Proxy, "it is switched off in the configuration", remedy));
            layers.push(absent(Layer::Dns, "it is switched off with the proxy", remedy));
        }
    }
    layers.push(absent(Layer::OutsideFiles, "files outside of the workspace are not watched by this version", None));
    layers.push(absent(Layer::Transparent, "connections are not redirected by this version", None));
    layers.push(absent(Layer::UnixSocket, "unix sockets are not watched by this version", None));
    layers.push(absent(Layer::Limits, "resources are not limited by this version", None));
    layers.push(registry);
    layers
}
