//! Serving a mounted device: from the handshake to the last `file_close`.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;

use fuser::{Config, INodeNo, Session, SessionACL};
use nix::sys::resource::{Resource, getrlimit, setrlimit};

use super::config::FuseConfig;
use super::error::FuseError;
use super::gatekeepers::{Gatekeepers, OneForAll};
use super::shim::Shim;
use super::workspace::{Setup, Workspace, can_clone_device};
use crate::capture::actor::ActorSource;
use crate::channel::Gatekeeper;

/// A device that the launcher has mounted, and what it stands for.
pub struct MountedDevice {
    /// `/dev/fuse`, mounted with [`mount_options`](super::mount_options).
    pub device: OwnedFd,
    /// The backing directory, opened (`O_PATH | O_DIRECTORY`) before the mount covered it or from outside its namespace.
    pub root: OwnedFd,
    /// Where the session sees it: an absolute path.
    pub mount_path: PathBuf,
    /// Device and inode numbers of what the session must not see although it lies beneath the root: the recorder's own data (G-9).
    pub hidden: Vec<(u64, u64)>,
}

/// Worker threads that serve a workspace.
pub struct FuseServer {
    workspace: Arc<Workspace>,
    session: JoinHandle<io::Result<()>>,
    pruner: JoinHandle<()>,
}

impl FuseServer {
    /// Answers the kernel's handshake and starts the workers.
    ///
    /// Each inode that the kernel knows costs a descriptor, so the process's soft limit of open files is raised to the hard one, and
    /// the hard one to the system's where that is allowed. Processes that are started later inherit it: whoever starts the session's
    /// command gives it the former limits back.
    ///
    /// # Errors
    /// [`FuseError`]; then the device is closed and the mount is dead.
    pub fn start(
        mounted: MountedDevice,
        gatekeeper: Arc<dyn Gatekeeper>,
        actors: Arc<dyn ActorSource>,
        config: &FuseConfig,
    ) -> Result<Self, FuseError> {
        Self::start_shared(mounted, Arc::new(OneForAll(gatekeeper)), actors, config)
    }

    /// The same for a workspace that several commands share, each with a gatekeeper of its own.
    ///
    /// # Errors
    /// As [`FuseServer::start`].
    pub fn start_shared(
        mounted: MountedDevice,
        gatekeepers: Arc<dyn Gatekeepers>,
        actors: Arc<dyn ActorSource>,
        config: &FuseConfig,
    ) -> Result<Self, FuseError> {
        let descriptors = raise_descriptor_limit();
        let most_inodes = config.max_inodes.unwrap_or(descriptors / 4 * 3).max(1);
        let MountedDevice { device, root, mount_path, hidden } = mounted;
        let workspace = Arc::new(Workspace::new(Setup { root, mount_path, hidden, most_inodes, gatekeepers, actors }, config)?);
        let threads = config.threads.max(1);
        let clone_fd = threads > 1 && can_clone_device(device.as_fd());
        let shim = Shim::new(Arc::clone(&workspace));
        let mut options = Config::default();
        options.n_threads = Some(threads);
        options.clone_fd = clone_fd;
        let session =
            Session::from_fd(shim, device, SessionACL::All, options).map_err(|source| FuseError::Handshake { source })?;
        // Not on a worker: the notification waits for the directory's lock, whose holder can be waiting for a worker.
        let notifier = session.notifier();
        let pruned = Arc::clone(&workspace);
        let pruner = std::thread::Builder::new()
            .name("fuse-prune".into())
            .spawn(move || pruned.prune(|parent, name| drop(notifier.inval_entry(INodeNo(parent), name))))
            .map_err(|source| FuseError::Thread { source })?;
        // Once no worker is left, the pruner must not hold the device open: the kernel then fails what still waits for an answer.
        let served = Arc::clone(&workspace);
        let serve = move || {
            let ended = session.run();
            served.end_pruning();
            ended
        };
        let session = std::thread::Builder::new().name("fuse".into()).spawn(serve).map_err(|source| {
            workspace.end_pruning();
            FuseError::Thread { source }
        })?;
        Ok(Self { workspace, session, pruner })
    }

    /// Whether the kernel has closed the connection, so that [`finish`](Self::finish) does not wait.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.session.is_finished()
    }

    /// Waits until the kernel has closed the connection: the mount was unmounted, went away with its namespace, or was aborted. Handles that the
    /// kernel did not come to release by then are closed and recorded; everything is let go.
    ///
    /// # Errors
    /// [`FuseError::Serving`] or [`FuseError::Panicked`] where it ended otherwise; all handles are recorded as closed then too.
    pub fn finish(self) -> Result<(), FuseError> {
        let ended = self.session.join();
        let pruned = self.pruner.join();
        self.workspace.close_all();
        match (ended, pruned) {
            (Ok(Ok(())), Ok(())) => Ok(()),
            // The connection was aborted: `umount -f`, or `abort` in `/sys/fs/fuse/connections`.
            (Ok(Err(source)), Ok(())) if source.raw_os_error() == Some(libc::ECONNABORTED) => Ok(()),
            (Ok(Err(source)), _) => Err(FuseError::Serving { source }),
            (Err(_), _) | (_, Err(_)) => Err(FuseError::Panicked),
        }
    }
}

/// Raises the limit of open files as far as it goes, and says how far.
fn raise_descriptor_limit() -> usize {
    let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE) else { return 1_024 };
    let most = std::fs::read_to_string("/proc/sys/fs/nr_open").ok().and_then(|text| text.trim().parse().ok()).unwrap_or(hard);
    let raised = if most > hard && setrlimit(Resource::RLIMIT_NOFILE, most, most).is_ok() {
        most
    } else if soft < hard && setrlimit(Resource::RLIMIT_NOFILE, hard, hard).is_ok() {
        hard
    } else {
        soft
    };
    usize::try_from(raised).unwrap_or(usize::MAX)
}
