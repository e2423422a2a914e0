//! The launcher: agentsh started once more, which holds a session's namespaces and starts its command.
//!
//! Why a process of its own: namespaces are entered by a process with one thread, and the recorder has many; a private mount namespace
//! lives as long as a process is in it; and a process that adopts the orphans of the command's tree (`PR_SET_CHILD_SUBREAPER`) and of
//! nothing else is what makes "all that the command started" exact. When the recorder dies, also by SIGKILL, the launcher's socket
//! closes, and the launcher kills the whole tree.
//!
//! What can outlive a killed recorder: only the tree of a command that has killed the launcher first (the command itself then dies by
//! `PR_SET_PDEATHSIG`; what it started goes on, but can start no program, since the listener is gone). A PID namespace closes that.
//!
//! Guarantees: standard streams and every other descriptor that agentsh inherited reach the command untouched, as do ignored signals.
//! Never: the launcher touches the workspace after the mount, so a stuck file system cannot stop it.

pub mod child;
pub mod find;
mod layers;
mod namespaces;
mod parent;
mod protocol;
mod start;

pub use parent::{LaunchError, PreparedSession, Session, SessionSpec, Streams};
pub(super) use protocol::{Exited, Launching, Permission, Reply, Request, StartSpec, receive, send};
pub use protocol::{MountSpec, Namespace, Preparation, ProtocolError, Step, StepFailure};

/// The hidden first argument that makes agentsh a launcher.
pub const ARGUMENT: &str = "__launch";
