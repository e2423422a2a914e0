//! A line of `agentsh events --format jsonl`.

use serde::Deserialize;
use serde_json::Value;

use crate::capture::import::record::{Content, Own, Told};
use crate::event::{Actor, EventId, Family, ImportOrigin, Kind, Payload, Severity, TechniqueId, Timestamp};

/// The envelope; the payload stands in it as an object.
#[derive(Deserialize)]
struct Line {
    kind: String,
    id: EventId,
    time_us: i64,
    #[serde(default)]
    session_id: Option<String>,
    #[serde(default)]
    command_id: Option<String>,
    #[serde(default)]
    cause: Option<EventId>,
    #[serde(default)]
    actor: Option<Actor>,
    #[serde(default)]
    imported: Option<ImportOrigin>,
    #[serde(default)]
    attack: Vec<TechniqueId>,
    #[serde(default)]
    severity: Value,
    #[serde(default)]
    payload: Value,
}

/// What the line tells of.
///
/// # Errors
/// Why it is no event.
pub(super) fn read(bytes: &[u8], host: &mut String) -> Result<Content, String> {
    let line: Line = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
    let kind: Kind = line.kind.parse().map_err(|error| format!("{error}"))?;
    let payload = Payload::from_json(kind, &line.payload.to_string()).map_err(|error| error.to_string())?;
    if let Payload::SessionCreated(created) = &payload {
        host.clone_from(&created.hostname);
    }
    if !is_taken(kind) {
        return Ok(Content::Unmapped(kind.as_str().into()));
    }
    let time = Timestamp::from_micros(line.time_us);
    let imported = line.imported.unwrap_or_default();
    let host = if imported.host.is_empty() { host.clone() } else { imported.host };
    let severity =
        Severity::ALL.into_iter().find(|severity| serde_json::to_value(severity).is_ok_and(|word| word == line.severity));
    let own = Own {
        id: line.id,
        cause: line.cause,
        session: line.session_id,
        command: line.command_id,
        attack: line.attack,
        severity: severity.unwrap_or(Severity::Informational),
    };
    Ok(Content::Told(vec![Told {
        host,
        provider: Some("agentsh".to_owned()),
        code: imported.code,
        tag: imported.tag,
        actor: line.actor,
        own: Some(Box::new(own)),
        ..Told::new(time, payload)
    }]))
}

/// What happened elsewhere, and what was decided about it there. How that recorder fared, and its sessions, are not this journal's: they
/// would be counted as its own. What was detected is detected again.
const fn is_taken(kind: Kind) -> bool {
    match kind.family() {
        Family::File | Family::Network | Family::Process | Family::Ipc | Family::Registry | Family::Command | Family::Outcome => {
            true
        }
        Family::Derived => !matches!(kind, Kind::Detection),
        Family::Session | Family::Pipeline => false,
    }
}
