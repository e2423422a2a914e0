//! Conditions on rows, as SQL.

use rusqlite::types::Value;

use crate::event::{Decision, EventId, Kind};

/// What a row must be like. Conditions of a list all hold.
#[derive(Clone, Debug, PartialEq)]
pub enum Condition {
    /// Belongs to the session.
    Session(String),
    /// Is of one of the kinds.
    Kinds(Vec<Kind>),
    /// Carries one of the verdicts, or is an operation that got one of them.
    Decisions(Vec<Decision>),
    /// Was seen at or after the time (µs since 1970).
    Since(i64),
    /// Was seen before the time (µs since 1970).
    Until(i64),
    /// Is about the path, something beneath it, or what it matches as a glob (`*` also matches `/`; `?`, `[…]`); for a rename or a
    /// link, under the old name or the new.
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
    /// Belongs to one of the sessions.
    Sessions(Vec<String>),
    /// Belongs to the command with that id.
    CommandId(String),
    /// Was done by, or starts, the program of that path or name.
    Program(String),
    /// Was decided by one of these rules, or is the decision.
    Rules(Vec<String>),
    /// Has at least this severity.
    Severity(i64),
    /// Was told by one of these sensors.
    Sensors(Vec<String>),
    /// Derives from or completes one of the events with these ids.
    Causes(Vec<EventId>),
    /// Has one of these ids.
    Ids(Vec<EventId>),
    /// Meets one of these; nothing does if there is none.
    Any(Vec<Condition>),
}

impl Condition {
    /// Appends the condition and the values of its places.
    fn write(&self, in_session: bool, sql: &mut String, values: &mut Vec<Value>) {
        let mut add = |clause: &str, new: &[Value]| {
            sql.push_str(clause);
            values.extend_from_slice(new);
        };
        let text = |text: &str| Value::Text(text.to_owned());
        let texts = |texts: &[String]| texts.iter().map(|word| text(word)).collect::<Vec<_>>();
        let ids = |ids: &[EventId]| ids.iter().map(|id| Value::Blob(id.as_bytes().to_vec())).collect::<Vec<_>>();
        match self {
            Condition::Session(session) => add("session_id = ?", &[text(session)]),
            Condition::Kinds(kinds) => {
                let places = vec!["?"; kinds.len()].join(", ");
                let words: Vec<Value> = kinds.iter().map(|kind| text(kind.as_str())).collect();
                // The plus sign keeps the index of kinds out: that of sessions narrows more, and the rows of several kinds would
                // have to be sorted, all of them before the first is given.
                let plus = if in_session || kinds.len() > 1 { "+" } else { "" };
                add(&format!("{plus}kind IN ({places})"), &words);
            }
            Condition::Decisions(decisions) => {
                let places = vec!["?"; decisions.len()].join(", ");
                let words: Vec<Value> = decisions.iter().map(|decision| text(decision.as_str())).collect();
                // A decision stands right behind its operation.
                add(
                    &format!(
                        "(decision IN ({places}) OR EXISTS (SELECT 1 FROM events d WHERE d.seq = events.seq + 1 \
                         AND d.kind = 'policy_decision' AND d.cause = events.id AND d.decision IN ({places})))"
                    ),
                    &[words.clone(), words].concat(),
                );
            }
            Condition::Since(time) => add("time_us >= ?", &[Value::Integer(*time)]),
            Condition::Until(time) => add("time_us < ?", &[Value::Integer(*time)]),
            Condition::Path(path) => {
                let beneath = format!("{}/", path.trim_end_matches('/'));
                let is_glob = Value::Integer(i64::from(path.contains(['*', '?', '['])));
                // A name like `[id].ts` is itself too, whatever it matches as a glob.
                add(
                    "EXISTS (SELECT 1 FROM (SELECT subject AS path UNION ALL SELECT json_extract(payload, '$.to') \
                     WHERE kind IN ('file_rename', 'file_link')) \
                     WHERE path = ? OR substr(path, 1, length(?)) = ? OR (? AND path GLOB ?))",
                    &[text(path), text(&beneath), text(&beneath), is_glob, text(path)],
                );
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
                add(&format!("(command_id = ? OR {PROGRAM})"), &[text(command), text(command), text(&named), text(&named)]);
            }
            Condition::CommandId(command) => add("command_id = ?", &[text(command)]),
            Condition::Program(program) => {
                let named = format!("/{program}");
                add(PROGRAM, &[text(program), text(&named), text(&named)]);
            }
            Condition::Rules(rules) => {
                let (places, rules) = (vec!["?"; rules.len()].join(", "), texts(rules));
                add(
                    &format!(
                        "(rule IN ({places}) OR EXISTS (SELECT 1 FROM events d WHERE d.seq = events.seq + 1 \
                         AND d.kind = 'policy_decision' AND d.cause = events.id AND d.rule IN ({places})))"
                    ),
                    &[rules.clone(), rules].concat(),
                );
            }
            Condition::Sessions(sessions) => {
                let places = vec!["?"; sessions.len()].join(", ");
                let names: Vec<Value> = sessions.iter().map(|session| text(session)).collect();
                // The plus sign keeps the index out: the rows of several sessions would have to be sorted before the first is given.
                add(&format!("+session_id IN ({places})"), &names);
            }
            Condition::Severity(least) => add("severity >= ?", &[Value::Integer(*least)]),
            Condition::Sensors(names) => add(
                // Only an event of a sensor begins so.
                &format!(
                    "(substr(payload, 1, 10) = '{{\"sensor\":' AND json_extract(payload, '$.sensor.name') IN ({}))",
                    vec!["?"; names.len()].join(", ")
                ),
                &texts(names),
            ),
            Condition::Causes(causes) => add(&format!("cause IN ({})", vec!["?"; causes.len()].join(", ")), &ids(causes)),
            Condition::Ids(of) => add(&format!("id IN ({})", vec!["?"; of.len()].join(", ")), &ids(of)),
            Condition::Any(conditions) => {
                sql.push_str("(0");
                for condition in conditions {
                    sql.push_str(" OR ");
                    condition.write(in_session, sql, values);
                }
                sql.push(')');
            }
            Condition::Pid(pid) => add("pid = ?", &[Value::Integer(i64::from(*pid))]),
            Condition::Technique(technique) => add(
                "EXISTS (SELECT 1 FROM json_each(events.attack) WHERE value = ? OR substr(value, 1, length(?)) = ?)",
                &[text(technique), text(&format!("{technique}.")), text(&format!("{technique}."))],
            ),
            Condition::Text(part) => {
                let pattern = |part: &str| {
                    let escaped = part.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
                    text(&format!("%{escaped}%"))
                };
                // In the payload the text stands as JSON writes it: a quote has a backslash in front.
                let json = serde_json::Value::from(part.as_str()).to_string();
                let json = json.strip_prefix('"').and_then(|json| json.strip_suffix('"')).unwrap_or(part);
                add("(subject LIKE ? ESCAPE '\\' OR payload LIKE ? ESCAPE '\\')", &[pattern(part), pattern(json)]);
            }
        }
    }
}

/// Whether a row was done by, or starts, the program of a path or name: places for path, `/name` and `/name`.
const PROGRAM: &str = "EXISTS (SELECT 1 FROM (SELECT CASE WHEN kind IN ('process_exec', 'process_exit', 'command_started', \
                       'command_finished') THEN subject ELSE json_extract(payload, '$.actor.exe') END AS program) \
                       WHERE program = ? OR substr(program, -length(?)) = ?)";

/// A selection of the rows behind `after` and up to `head` that meet all conditions, up to where the order is said.
pub(super) fn select(columns: &str, after: u64, head: u64, conditions: &[Condition]) -> (String, Vec<Value>) {
    let integer = |number: u64| Value::Integer(i64::try_from(number).unwrap_or(i64::MAX));
    let mut sql = format!("SELECT {columns} FROM events WHERE seq > ? AND seq <= ?");
    let mut values = vec![integer(after), integer(head)];
    let in_session = conditions.iter().any(|condition| matches!(condition, Condition::Session(_)));
    for condition in conditions {
        sql.push_str(" AND ");
        condition.write(in_session, &mut sql, &mut values);
    }
    (sql, values)
}
