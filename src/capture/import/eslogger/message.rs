//! The messages, as far as they are read: `es_message_t` and its events (EndpointSecurity/ESMessage.h), in the JSON that `eslogger` writes.

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};

/// `es_message_t`.
#[derive(Debug, Deserialize)]
pub(super) struct Message {
    pub(super) time: String,
    pub(super) process: Process,
    pub(super) event: Event,
    #[serde(default)]
    pub(super) action: Option<Action>,
}

/// `es_process_t`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Process {
    pub(super) audit_token: AuditToken,
    pub(super) ppid: Option<i64>,
    pub(super) executable: Option<File>,
    pub(super) signing_id: Option<String>,
    pub(super) team_id: Option<String>,
    pub(super) cdhash: Option<String>,
    pub(super) session_id: Option<i64>,
}

/// `audit_token_t`, taken apart.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct AuditToken {
    pub(super) pid: i64,
    pub(super) euid: Option<i64>,
    pub(super) egid: Option<i64>,
    pub(super) auid: Option<i64>,
}

/// `es_file_t`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct File {
    pub(super) path: String,
    pub(super) stat: Option<Stat>,
}

/// `struct stat`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Stat {
    pub(super) st_size: Option<u64>,
    pub(super) st_mode: Option<u32>,
}

/// `action`: what the client answered, where the event could be refused.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Action {
    pub(super) result: Option<ActionResult>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct ActionResult {
    pub(super) result: Option<Answer>,
}

/// `es_result_t`: `auth` is 0 (allow) or 1 (deny).
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Answer {
    pub(super) auth: Option<i64>,
}

/// An object with one key, the event's name.
#[derive(Debug)]
pub(super) enum Event {
    Exec(Box<Exec>),
    Fork {
        child: Process,
    },
    Exit {
        stat: i64,
    },
    Open {
        fflag: i64,
        file: File,
    },
    Create(Target),
    Write {
        target: File,
    },
    Rename {
        source: File,
        to: Target,
    },
    Unlink {
        target: File,
    },
    Close {
        modified: bool,
        target: File,
    },
    Link {
        source: File,
        target_dir: File,
        target_filename: String,
    },
    Mmap {
        protection: i64,
        source: File,
    },
    Signal {
        sig: i64,
        target: Process,
    },
    UipcConnect {
        file: File,
        kind: i64,
    },
    /// One that no kind fits.
    Other(String),
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Exec {
    pub(super) target: Process,
    pub(super) args: Vec<String>,
    pub(super) cwd: Option<File>,
    pub(super) script: Option<File>,
}

/// Where something is made: a file that is there, or a name in a directory.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Target {
    pub(super) destination: Destination,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Destination {
    pub(super) existing_file: Option<File>,
    pub(super) new_path: Option<NewPath>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct NewPath {
    pub(super) dir: File,
    pub(super) filename: String,
    pub(super) mode: Option<u32>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Parts {
    child: Process,
    stat: i64,
    fflag: i64,
    file: File,
    target: File,
    source: File,
    destination: Destination,
    modified: bool,
    target_dir: File,
    target_filename: String,
    protection: i64,
    r#type: i64,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Sent {
    sig: i64,
    target: Process,
}

impl<'de> Deserialize<'de> for Event {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct EventVisitor;

        impl<'de> Visitor<'de> for EventVisitor {
            type Value = Event;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object with the event's name as its key")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Event, A::Error> {
                let Some(name) = entries.next_key::<String>()? else { return Ok(Event::Other("?".to_owned())) };
                let event = match name.as_str() {
                    "exec" => Event::Exec(Box::new(entries.next_value()?)),
                    "signal" => {
                        let Sent { sig, target } = entries.next_value()?;
                        Event::Signal { sig, target }
                    }
                    "fork" | "exit" | "open" | "create" | "write" | "rename" | "unlink" | "close" | "link" | "mmap"
                    | "uipc_connect" => {
                        let parts: Parts = entries.next_value()?;
                        of_parts(&name, parts)
                    }
                    _ => {
                        entries.next_value::<IgnoredAny>()?;
                        Event::Other(name)
                    }
                };
                while entries.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                Ok(event)
            }
        }

        deserializer.deserialize_map(EventVisitor)
    }
}

fn of_parts(name: &str, parts: Parts) -> Event {
    match name {
        "fork" => Event::Fork { child: parts.child },
        "exit" => Event::Exit { stat: parts.stat },
        "open" => Event::Open { fflag: parts.fflag, file: parts.file },
        "create" => Event::Create(Target { destination: parts.destination }),
        "write" => Event::Write { target: parts.target },
        "rename" => Event::Rename { source: parts.source, to: Target { destination: parts.destination } },
        "unlink" => Event::Unlink { target: parts.target },
        "close" => Event::Close { modified: parts.modified, target: parts.target },
        "link" => Event::Link { source: parts.source, target_dir: parts.target_dir, target_filename: parts.target_filename },
        "mmap" => Event::Mmap { protection: parts.protection, source: parts.source },
        _ => Event::UipcConnect { file: parts.file, kind: parts.r#type },
    }
}

impl Event {
    /// The name under which the source has it.
    pub(super) fn name(&self) -> &str {
        match self {
            Event::Exec(_) => "exec",
            Event::Fork { .. } => "fork",
            Event::Exit { .. } => "exit",
            Event::Open { .. } => "open",
            Event::Create(_) => "create",
            Event::Write { .. } => "write",
            Event::Rename { .. } => "rename",
            Event::Unlink { .. } => "unlink",
            Event::Close { .. } => "close",
            Event::Link { .. } => "link",
            Event::Mmap { .. } => "mmap",
            Event::Signal { .. } => "signal",
            Event::UipcConnect { .. } => "uipc_connect",
            Event::Other(name) => name,
        }
    }
}
