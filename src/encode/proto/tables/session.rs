//! The life of a session and its layers: numbers on the wire.

use super::super::form::{messages, words};
use crate::event::*;

words! {
    Layer { Fuse = Fuse, Proxy = Proxy, Dns = Dns, Transparent = Transparent, Exec = Exec, UnixSocket = UnixSocket, Registry = Registry, OutsideFiles = OutsideFiles, Limits = Limits, Confinement = Confinement }
    LayerState { Enforcing = Enforcing, Observing = Observing, Absent = Absent }
}

messages! {
    SessionCreated { workspace: OsText = 1, policy: String = 2, policy_digest: String = 3, agentsh_version: String = 4, hostname: String = 5, os: String = 6, uid: u32 = 7, labels: Vec<String> = 8, traceparent: Option<String> = 9 }
    SessionEnded { reason: String = 1, duration_us: u64 = 2, processes_ended: u64 = 3 }
    LayerReport { layer: Layer = 1, state: LayerState = 2, mechanism: Option<String> = 3, reason: Option<String> = 4, remedy: Option<String> = 5 }
    CapabilityReport { layers: Vec<LayerReport> = 1 }
    ResourceUsage { cpu_us: Option<u64> = 1, memory_bytes: Option<u64> = 2, processes: Option<u64> = 3, threads: Option<u64> = 4, read_bytes: Option<u64> = 5, written_bytes: Option<u64> = 6 }
    ResourceLimitExceeded { resource: String = 1, limit: u64 = 2, usage: Option<u64> = 3, action: String = 4 }
}
