//! The gRPC server: keys, roles, TLS, limits, policies, ingest.

mod bad_input;
pub(crate) mod ingest;
mod keys;
mod killing;
mod policies;
pub(crate) mod rig;
mod roles;
mod sessions;
mod tls;
