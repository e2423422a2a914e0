//! NATS JetStream: every event a message with a stable id, in order, and the cursor behind its acknowledgements.
//!
//! A message's subject is `<prefix>.<session>.<family>.<kind>` and its `Nats-Msg-Id` the event's id, by which the stream drops what comes
//! again within its duplicate window. Many publications are under way at once (`in_flight`), and the events of a page count as delivered
//! when all are acknowledged. A broken connection is not mended but replaced: what was under way on it is given up and the page is sent
//! from its first event, so that nothing overtakes.

mod config;
mod link;
mod sink;

pub use config::NatsConfig;
pub use sink::{NatsSink, subject};
