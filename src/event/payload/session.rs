//! The life of a session, what was watching it, and what it used.

use super::{payload, words};
use crate::event::OsText;

words! {
    /// An interception layer.
    pub enum Layer {
        /// The workspace through FUSE.
        #[default]
        Fuse => "fuse",
        /// The session's HTTP proxy.
        Proxy => "proxy",
        /// Names that the session resolves.
        Dns => "dns",
        /// Redirection of all connections.
        Transparent => "transparent",
        /// Program starts and ends.
        Exec => "exec",
        /// Unix sockets.
        UnixSocket => "unix_socket",
        /// The Windows registry.
        Registry => "registry",
        /// The rest of the file system, outside of the workspace.
        OutsideFiles => "outside_files",
        /// Limits on memory, CPU and processes.
        Limits => "limits",
        /// What keeps the session away from the recorder.
        Confinement => "confinement",
    }

    /// What a layer does here.
    pub enum LayerState {
        /// It records and can refuse.
        Enforcing => "enforcing",
        /// It records and cannot refuse.
        Observing => "observing",
        /// It does neither.
        #[default]
        Absent => "absent",
    }
}

payload! {
    /// A session begins.
    pub struct SessionCreated {
        /// The directory that is watched.
        pub workspace: OsText,
        /// Name of the policy in force.
        pub policy: String,
        /// SHA-256 of the policy's text, in hex.
        pub policy_digest: String,
        /// Version of agentsh.
        pub agentsh_version: String,
        /// Host name.
        pub hostname: String,
        /// Operating system and its release.
        pub os: String,
        /// User who started it.
        pub uid: u32,
        /// Labels given by the user, as `key=value`.
        pub labels: Vec<String>,
        /// The caller's position in a distributed trace (W3C Trace Context `traceparent`), if it gave one.
        pub traceparent: Option<String>,
    }

    /// A session is over.
    pub struct SessionEnded {
        /// Why (`finished`, `signal`, `failed` …).
        pub reason: String,
        /// From creation to end, in microseconds.
        pub duration_us: u64,
        /// Processes that were still running and were ended with it.
        pub processes_ended: u64,
    }

    /// What one layer does in this session.
    pub struct LayerReport {
        /// The layer.
        pub layer: Layer,
        /// What it does.
        pub state: LayerState,
        /// By what means.
        pub mechanism: Option<String>,
        /// Why it is not enforcing, or what it does not cover.
        pub reason: Option<String>,
        /// What would make it enforcing.
        pub remedy: Option<String>,
    }

    /// Which layers enforce, observe or are absent, and why (G-10).
    pub struct CapabilityReport {
        /// Every layer once.
        pub layers: Vec<LayerReport>,
    }

    /// What the session uses at a moment.
    pub struct ResourceUsage {
        /// CPU time since the start, in microseconds.
        pub cpu_us: Option<u64>,
        /// Resident memory, in bytes.
        pub memory_bytes: Option<u64>,
        /// Processes.
        pub processes: Option<u64>,
        /// Threads.
        pub threads: Option<u64>,
        /// Bytes read since the start.
        pub read_bytes: Option<u64>,
        /// Bytes written since the start.
        pub written_bytes: Option<u64>,
    }

    /// A limit was reached.
    pub struct ResourceLimitExceeded {
        /// What is limited (`memory`, `cpu`, `processes`, `io`).
        pub resource: String,
        /// The limit, in the resource's unit.
        pub limit: u64,
        /// What was used, in the same unit.
        pub usage: Option<u64>,
        /// What was done.
        pub action: String,
    }
}
