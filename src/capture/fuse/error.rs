//! Why the workspace cannot be served, or stopped being served.

use std::io;

use nix::errno::Errno;

/// Why the workspace cannot be served. In each case the device is closed, so the mount answers `ENOTCONN` and nothing goes unrecorded.
#[derive(Debug, thiserror::Error)]
pub enum FuseError {
    /// The backing descriptor is not a directory that can be read.
    #[error("the workspace's directory cannot be used: {errno}")]
    Root {
        /// What the system said.
        errno: Errno,
    },
    /// Descriptors cannot be opened again, since `/proc` is not mounted.
    #[error("/proc/self/fd cannot be opened: {errno}")]
    MagicLinks {
        /// What the system said.
        errno: Errno,
    },
    /// The kernel and we did not agree on a protocol, or the device is not mounted.
    #[error("the FUSE device did not answer as a mounted one")]
    Handshake {
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// No thread could be started.
    #[error("no thread for the workspace could be started")]
    Thread {
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The device failed while the workspace was being served. What was recorded until then is whole.
    #[error("the FUSE device failed")]
    Serving {
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The thread that runs the workers panicked. What was recorded until then is whole.
    #[error("the thread that serves the workspace panicked")]
    Panicked,
}
