//! The wire form: messages, their numbers, masks.

mod events;
mod round_trip;
