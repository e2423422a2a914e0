//! The routes `/api/v1/sessions…`, and a client of them.
//!
//! A body must say that it is `application/json`, or the framed type of `exec`: a web page cannot send either to another origin without
//! being asked for permission, which is not given.

mod answers;
mod body;
mod client;
mod exec;
mod frames;
mod plain;
mod response;
mod routes;

pub use body::{ExecBody, NewSessionBody, Piece, SignalBody};
pub use client::HttpClient;
pub use frames::{Frame, FrameError, Frames, HEAD_BYTES, LARGEST_FRAME, MEDIA_TYPE};
pub use routes::session_routes;

pub(super) use answers::read as read_json;
