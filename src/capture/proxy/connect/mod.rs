//! `CONNECT`: tunnels through the proxy.

mod tunnel;

pub(super) use tunnel::open;
