//! Why a command was not recorded, and so not run.

use std::io;
use std::path::PathBuf;

use crate::capture::exec::LaunchError;
use crate::capture::fuse::FuseError;
use crate::capture::proxy::ProxyError;
use crate::journal::JournalError;
use crate::policy::PolicyError;

/// Why there is no session. Nothing was run; what had been set up is gone again.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The workspace cannot be used.
    #[error("workspace {path}: {problem}")]
    Workspace {
        /// The path as it was given.
        path: PathBuf,
        /// What is wrong with it, and what to do.
        problem: WorkspaceProblem,
    },
    /// The policy's file cannot be read.
    #[error("policy {path} cannot be read: {source}: check the path and its permissions")]
    PolicyFile {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The policy is not valid.
    #[error(transparent)]
    Policy(#[from] Box<PolicyError>),
    /// The journal cannot be opened.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The session's file in the data directory cannot be made.
    #[error("the session's file in the data directory cannot be made: {0}")]
    Lease(io::Error),
    /// The session's launcher failed.
    #[error("the session cannot be prepared: {0}")]
    Launch(#[from] LaunchError),
    /// The mounted workspace cannot be served.
    #[error("the workspace cannot be served: {0}")]
    Fuse(#[from] FuseError),
    /// The proxy cannot be started.
    #[error("the session's proxy cannot be started: {0}")]
    Proxy(#[from] ProxyError),
    /// The journal cannot write, so nothing may start (G-8).
    #[error("the journal cannot write, so the command was not started: {reason}: make room on the disk and try again")]
    JournalCannotWrite {
        /// What the journal said.
        reason: String,
    },
}

/// What is wrong with a workspace.
#[derive(Debug, thiserror::Error)]
pub enum WorkspaceProblem {
    /// It is not there or cannot be entered.
    #[error("{0}: name a directory that exists with --workspace DIR")]
    Unreachable(io::Error),
    /// It is a file.
    #[error("it is not a directory: name a directory with --workspace DIR")]
    NotADirectory,
    /// It is the root of the file system.
    #[error(
        "the root of the file system cannot be a workspace: change into the project's directory, or name it with --workspace DIR"
    )]
    Root,
    /// It lies in a workspace that is recorded already.
    #[error("it lies in {0}, which another session of agentsh has mounted: run agentsh outside of that session")]
    Nested(PathBuf),
    /// It lies in the data directory, or is it.
    #[error("it lies in the recorder's data directory {0}: choose another workspace, or another --data-dir")]
    InDataDirectory(PathBuf),
}
