//! `EventService.Ingest`: sensors on other machines and systems bring their events in.
//!
//! Guarantees: an event is acknowledged only once it is committed, and recorded once however often it is sent (G-2, G-5); who a sensor is
//! comes from its key or certificate, and its events carry that name, also in their sessions' ids; an operation that is asked about is on
//! record with its decision before it is answered (G-1); what is taken in is redacted as our own events are (G-7).
//! Bounds: `server.grpc.ingest_window` events of a sensor that are not acknowledged; then its stream is not read. A full intake makes a
//! sensor wait, and no interceptor.

mod api;
mod applied;
mod check;
mod hindsight;
mod place;
mod registry;
mod stream;

pub use api::IngestApi;
