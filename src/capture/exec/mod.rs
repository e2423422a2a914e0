//! The command and its whole process tree.
//!
//! A session is opened in three steps: `PreparedSession::open` (namespaces, the workspace's mount, what works here), `confine` (what is
//! hidden; the layers' report is then complete) and `run_command`, which records everything from `command_started` to the last
//! `process_exit`. How programs are stopped on their way: `launch/start.rs` installs a seccomp filter, `notify/` answers it.
//!
//! Guarantees: a program starts only once its `process_exec` and verdict are on record (G-1), every process in the table has one
//! `process_exit`, figures that could not be read are absent, and no thread, process or descriptor outlives `run_command`.
//! Never: this stage reads the environment, decides by itself, or gives a secret in an argument on (G-7: `Recorder::redact` runs first).
//!
//! What it does not see: a process that starts no program and is killed by a signal while its parent waits for it; what a racing thread
//! writes into arguments after they were read (`notify/arguments.rs`); programs of another ABI, which are refused.

mod command;
mod ends;
pub mod launch;
pub mod notify;
pub mod procfs;
mod recorder;
pub mod seccomp;
mod signals;
pub mod statistics;
mod table;
pub mod terminate;
mod tracker;

pub use command::{CommandOutcome, CommandSpec, Ending, ExecConfig, ExecError, run_command};
pub use launch::{LaunchError, MountSpec, PreparedSession, Session, SessionSpec, Streams};
pub use recorder::{ProcessObserver, Recorder, Redact, RunningProgram};
pub use signals::{BlockedSignals, CommandHandle, SignalForwarder};
