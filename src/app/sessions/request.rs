//! What a request must look like: checked before anything is made.

use std::path::Path;

use crate::event::OsText;
use crate::event::trace::TraceParent;
use crate::serve::sessions::{NewSession, SessionError, StartCommand};

/// Labels of a session.
const MOST_LABELS: usize = 64;
/// Bytes of a label.
const LONGEST_LABEL: usize = 1_024;

const fn invalid(field: &'static str, reason: String) -> SessionError {
    SessionError::Invalid { field, reason }
}

/// Checks what a session is to be created with.
pub(super) fn check_session(session: &NewSession) -> Result<(), SessionError> {
    if !session.workspace.is_absolute() {
        let given = session.workspace.display();
        return Err(invalid("workspace", format!("`{given}` is not a path from the root of the server's file system")));
    }
    if session.labels.len() > MOST_LABELS {
        return Err(invalid("labels", format!("there are more than {MOST_LABELS}")));
    }
    for label in &session.labels {
        if label.len() > LONGEST_LABEL || label.split_once('=').is_none_or(|(key, _)| key.is_empty()) {
            return Err(invalid("labels", format!("`{label}` is not `key=value` in at most {LONGEST_LABEL} bytes")));
        }
    }
    Ok(())
}

/// Checks a command, and says where it starts.
pub(super) fn check_command(command: &StartCommand, workspace: &Path) -> Result<OsText, SessionError> {
    let has_nul = |text: &OsText| text.as_bytes().contains(&0);
    if command.argv.first().is_none_or(|program| program.as_bytes().is_empty()) {
        return Err(invalid("argv", "it names no program".to_owned()));
    }
    if command.argv.iter().any(has_nul) {
        return Err(invalid("argv", "an argument holds a NUL, which no argument can".to_owned()));
    }
    for (name, value) in &command.env {
        let name_is_one = !name.as_bytes().is_empty() && !name.as_bytes().contains(&b'=') && !has_nul(name);
        if !name_is_one || has_nul(value) {
            return Err(invalid("env", format!("`{name}` is no name of a variable, or its value holds a NUL")));
        }
    }
    match &command.cwd {
        Some(cwd) if has_nul(cwd) => Err(invalid("cwd", "it holds a NUL".to_owned())),
        Some(cwd) => Ok(OsText::from(workspace.join(cwd.as_path()).as_path())),
        None => Ok(OsText::from(workspace)),
    }
}

/// Reads a position in a trace.
pub(super) fn read_traceparent(text: Option<&str>) -> Result<Option<TraceParent>, SessionError> {
    let read = |text: &str| text.parse().map_err(|error| invalid("traceparent", format!("`{text}`: {error}")));
    text.map(read).transpose()
}
