//! What a command says, as frames and as JSON.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::frames::Frame;
use crate::serve::sessions::Said;

/// As a frame.
pub(super) fn frame(said: Said) -> Frame {
    match said {
        Said::Stdout(bytes) => Frame::Stdout(bytes),
        Said::Stderr(bytes) => Frame::Stderr(bytes),
        said @ (Said::Started { .. } | Said::Running | Said::Finished(_)) => Frame::control(&object(said)),
    }
}

/// As a JSON object with one member.
pub(super) fn object(said: Said) -> Value {
    match said {
        Said::Started { session, command, pid } => {
            json!({"started": {"session_id": session, "command_id": command, "pid": pid}})
        }
        Said::Stdout(bytes) => text("stdout", &bytes),
        Said::Stderr(bytes) => text("stderr", &bytes),
        Said::Running => json!({"running": true}),
        Said::Finished(end) => json!({ "finished": end }),
    }
}

/// `name` with the text, or `name_base64` with the bytes where they are no UTF-8.
pub(super) fn text(name: &str, bytes: &[u8]) -> Value {
    match std::str::from_utf8(bytes) {
        Ok(text) => json!({ name: text }),
        Err(_) => json!({ format!("{name}_base64"): STANDARD.encode(bytes) }),
    }
}
