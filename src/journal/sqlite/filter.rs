//! Conditions on rows, as SQL.

use rusqlite::types::Value;

use crate::event::Kind;

/// What a row must be like. Conditions of a list all hold.
#[derive(Clone, Debug, PartialEq)]
pub enum Condition {
    /// Belongs to the session.
    Session(String),
    /// Is of one of the kinds.
    Kinds(Vec<Kind>),
    /// Carries the verdict.
    Decision(String),
    /// Was seen at or after the time (µs since 1970).
    Since(i64),
    /// Was seen before the time (µs since 1970).
    Until(i64),
    /// Is about the path, something beneath it, or what the glob (`*`, `?`, `[…]`) matches.
    Path(String),
    /// Is about the host or a name beneath it.
    Host(String),
    /// Belongs to the command with that id, or was done by or starts the program of that path or name.
    Command(String),
    /// Was done by the process.
    Pid(u32),
    /// Names the technique or one of its sub-techniques.
    Technique(String),
    /// Has the text in its subject or payload, whatever its case.
    Text(String),
}

impl Condition {
    /// Appends the condition and the values of its places.
    pub(super) fn write(&self, sql: &mut String, values: &mut Vec<Value>) {
        let mut add = |clause: &str, new: &[Value]| {
            sql.push_str(" AND ");
            sql.push_str(clause);
            values.extend_from_slice(new);
        };
        let text = |text: &str| Value::Text(text.to_owned());
        match self {
            Condition::Session(session) => add("session_id = ?", &[text(session)]),
            Condition::Kinds(kinds) => {
                let places = vec!["?"; kinds.len()].join(", ");
                let kinds: Vec<Value> = kinds.iter().map(|kind| text(kind.as_str())).collect();
                add(&format!("kind IN ({places})"), &kinds);
            }
            Condition::Decision(decision) => add("decision = ?", &[text(decision)]),
            Condition::Since(time) => add("time_us >= ?", &[Value::Integer(*time)]),
            Condition::Until(time) => add("time_us < ?", &[Value::Integer(*time)]),
            Condition::Path(path) if path.contains(['*', '?', '[']) => add("subject GLOB ?", &[text(path)]),
            Condition::Path(path) => {
                let beneath = format!("{}/", path.trim_end_matches('/'));
                add("(subject = ? OR substr(subject, 1, length(?)) = ?)", &[text(path), text(&beneath), text(&beneath)]);
            }
            Condition::Host(host) => {
                let beneath = format!(".{host}");
                add(
                    "EXISTS (SELECT 1 FROM (SELECT lower(coalesce(json_extract(payload, '$.host'), json_extract(payload, '$.name'), \
                     json_extract(payload, '$.sni'))) AS host) WHERE host = lower(?) OR substr(host, -length(?)) = lower(?))",
                    &[text(host), text(&beneath), text(&beneath)],
                );
            }
            Condition::Command(command) => {
                let named = format!("/{command}");
                add(
                    "(command_id = ? OR EXISTS (SELECT 1 FROM (SELECT CASE WHEN kind IN ('process_exec', 'process_exit', \
                     'command_started', 'command_finished') THEN subject ELSE json_extract(payload, '$.actor.exe') END AS program) \
                     WHERE program = ? OR substr(program, -length(?)) = ?))",
                    &[text(command), text(command), text(&named), text(&named)],
                );
            }
            Condition::Pid(pid) => add("pid = ?", &[Value::Integer(i64::from(*pid))]),
            Condition::Technique(technique) => add(
                "EXISTS (SELECT 1 FROM json_each(events.attack) WHERE value = ? OR substr(value, 1, length(?)) = ?)",
                &[text(technique), text(&format!("{technique}.")), text(&format!("{technique}."))],
            ),
            Condition::Text(part) => {
                let escaped = part.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
                let pattern = text(&format!("%{escaped}%"));
                add("(subject LIKE ? ESCAPE '\\' OR payload LIKE ? ESCAPE '\\')", &[pattern.clone(), pattern]);
            }
        }
    }
}
