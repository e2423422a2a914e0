//! Batches of events by HTTP POST, signed as Standard Webhooks has it.
//!
//! A batch has a stable id (journal, first and last `seq`, number of events) in `webhook-id`, and every event has its own; a receiver that
//! keeps either tells a repetition. `webhook-signature` is `v1,` and the base64 of HMAC-SHA256 over
//! `<webhook-id>.<webhook-timestamp>.<body as it was sent>`.

mod answer;
mod config;
mod sign;
mod sink;

pub use config::{BodyForm, WebhookCompression, WebhookConfig};
pub use sign::Signer;
pub use sink::WebhookSink;
