//! `GET /api/v1/events` in its forms: pages, JSON lines, Arrow, and live; and one event.
//!
//! Bounds: readings at a time (others wait), pieces of a stream that wait for the client (then the reading waits), bytes of a page. A client
//! that goes away ends what is read for it.

mod cursor;
mod filter;
mod live;
mod one;
mod page;
mod reading;
mod routes;
mod stream;

pub(super) use filter::{SessionFilter, read as read_filter};
pub use routes::event_routes;
