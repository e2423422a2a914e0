//! The views over `events`: one for each family, and `operations`.

use crate::encode::arrow::{Column, Field, Target, fields};
use crate::event::{Family, Kind};

/// Columns that every view begins with.
const ENVELOPE: &[Column] = &[
    Column::Seq,
    Column::Id,
    Column::Time,
    Column::SessionId,
    Column::CommandId,
    Column::Cause,
    Column::Kind,
    Column::Subject,
    Column::Severity,
    Column::Attack,
    Column::Pid,
    Column::Ppid,
    Column::Exe,
    Column::Comm,
    Column::Uid,
    Column::Cwd,
];

/// Operation, decision and outcome in one row. A decision stands right behind its operation and names it as its cause.
const OPERATIONS: &str = "\
SELECT o.seq, o.time, o.session_id, o.command_id, o.pid, o.exe, o.kind AS operation, o.subject, d.decision, d.rule, d.reason, \
       CASE WHEN d.decision = 'deny' AND d.enforced IS NOT FALSE THEN 'refused' \
            WHEN c.kind = 'operation_failed' THEN concat('failed: ', c.error) \
            WHEN c.kind = 'process_exit' THEN coalesce(concat('exit ', CAST(c.exit_code AS VARCHAR)), c.signal, 'ended') \
            WHEN c.kind = 'command_finished' THEN coalesce(c.signal, concat('exit ', CAST(c.exit_code AS VARCHAR))) \
            WHEN c.kind = 'http_response' THEN concat('status ', CAST(c.status AS VARCHAR)) \
            WHEN c.kind = 'net_close' THEN concat('sent ', CAST(c.bytes_sent AS VARCHAR), ', received ', CAST(c.bytes_received AS VARCHAR)) \
            WHEN c.kind = 'file_close' THEN concat('read ', CAST(c.bytes_read AS VARCHAR), ', wrote ', CAST(c.bytes_written AS VARCHAR)) \
            ELSE 'let through' END AS outcome, o.id \
FROM events o JOIN events d ON d.cause = o.id AND d.kind = 'policy_decision' \
LEFT JOIN events c ON c.cause = o.id \
  AND c.kind IN ('operation_failed', 'process_exit', 'command_finished', 'http_response', 'net_close', 'file_close')";

/// A view: its name, its text, and what it is for.
pub(super) struct View {
    pub(super) name: String,
    pub(super) text: String,
    pub(super) about: String,
}

/// Every view.
pub(super) fn views() -> Vec<View> {
    let families = Family::ALL.iter().map(|family| {
        let kinds: Vec<Kind> = Kind::ALL.iter().copied().filter(|kind| kind.family() == *family).collect();
        View {
            name: format!("{}_events", family.as_str()),
            text: family_view(&kinds),
            about: format!("events of the family {}, with the columns that they fill", family.as_str()),
        }
    });
    let operations = View {
        name: "operations".to_owned(),
        text: OPERATIONS.to_owned(),
        about: "what was judged: operation, decision and outcome in one row".to_owned(),
    };
    families.chain([operations]).collect()
}

fn family_view(kinds: &[Kind]) -> String {
    let mut columns: Vec<Column> = ENVELOPE.to_vec();
    if kinds.contains(&Kind::PolicyDecision) {
        columns.extend([Column::Decision, Column::Rule]);
    }
    for kind in kinds {
        add(&mut columns, fields(*kind));
    }
    columns.push(Column::Payload);
    let names: Vec<String> = columns.iter().map(|column| format!("\"{}\"", column.as_str())).collect();
    let words: Vec<String> = kinds.iter().map(|kind| format!("'{}'", kind.as_str())).collect();
    format!("SELECT {} FROM events WHERE kind IN ({})", names.join(", "), words.join(", "))
}

fn add(columns: &mut Vec<Column>, fields: &[Field]) {
    for (_, target) in fields {
        match target {
            Target::Column(column) if !columns.contains(column) => columns.push(*column),
            Target::Object(fields) => add(columns, fields),
            Target::Column(_) | Target::Envelope(_) | Target::PayloadOnly(_) => {}
        }
    }
}
