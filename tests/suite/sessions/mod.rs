//! Sessions on the server, and commands in them over gRPC and HTTP.

mod attended;
mod confined;
mod curl;
mod end;
mod frames;
mod refused;
pub(crate) mod rig;
mod shared;
mod streams;
mod tls;
mod users;
