//! Streams of the journal: one reader for all subscribers, and a place for each.
//!
//! One thread follows the journal and keeps its newest blocks in a ring; older blocks are read on demand, once for all who want them. A
//! block is encoded once, and what subscribers get are runs of its bytes. A subscriber is a position: how fast it reads is its own affair.
//!
//! Guarantees: history and live meet without gap or repeat (G-5); what cannot be delivered is said in its place; an acknowledgement is on
//! record before it is answered. Bounds, all in [`Limits`]: the ring (the oldest block goes), the blocks of history (the least used
//! goes), reads at a time (others wait), acknowledgements that wait (further ones are refused), consumers (a new name is refused).
//! Never: a queue for each subscriber, or one subscriber that waits for another.

mod acks;
mod batch;
mod block;
mod consumers;
mod encoding;
mod ending;
mod error;
mod history;
mod limits;
mod page;
mod pending;
mod ring;
mod streams;
mod subscription;

pub use consumers::{Asker, ConsumerUpdate, ConsumerView};
pub use error::StreamsError;
pub use limits::Limits;
pub use page::PageRequest;
pub use streams::{ForConsumer, Start, StreamRequest, Streams};
pub use subscription::Subscription;
