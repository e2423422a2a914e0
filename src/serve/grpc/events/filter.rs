//! The filter and the mask of a request, read and prepared once.

use std::str::FromStr;

use tonic::Status;

use crate::detect::attack::attack;
use crate::encode::proto::{self, EventFilter, Mask, kind_of_number};
use crate::event::{Decision, EventId, Severity, Timestamp};
use crate::query::{Cel, Filter, family};

/// Values of one field of a filter. More are refused.
const MOST_VALUES: usize = 1000;

/// Bytes of one value. A longer one is refused.
const LONGEST: usize = 4096;

/// The filter of a request and its expression.
///
/// # Errors
/// `INVALID_ARGUMENT` that names the field, and for an expression the position.
pub(super) fn read(filter: Option<EventFilter>) -> Result<(Filter, Option<Cel>), Status> {
    let Some(filter) = filter else { return Ok((Filter::default(), None)) };
    let cel = filter.cel.as_deref().map(|source| {
        Cel::compile(source).map_err(|error| Status::invalid_argument(format!("filter.cel does not compile: {error}")))
    });
    let cel = cel.transpose()?;
    let kinds = all("kinds", &filter.kinds, |number| kind_of_number(*number))?;
    let decisions = all("decisions", &filter.decisions, |number| decision(*number))?;
    let min_severity = match filter.min_severity {
        0 => None,
        number => Some(Severity::from_number(number.into()).ok_or_else(|| unknown("min_severity", &number))?),
    };
    let families = filter.families.iter().map(|word| family(word)).collect::<Result<Vec<_>, _>>();
    // Ids that ATT&CK has retired stand for their successors.
    let techniques = texts("techniques", filter.techniques)?.iter().map(|id| attack().asked(id)).collect::<Result<Vec<_>, _>>();
    let techniques = techniques.map_err(|error| Status::invalid_argument(format!("filter.techniques: {error}")))?.concat();
    let read = Filter {
        sessions: texts("session_ids", filter.session_ids)?,
        command_ids: texts("command_ids", filter.command_ids)?,
        kinds,
        families: families.map_err(|error| Status::invalid_argument(format!("filter.families: {error}")))?,
        decisions,
        rules: texts("rules", filter.rules)?,
        since: filter.since_us.map(Timestamp::from_micros),
        until: filter.until_us.map(Timestamp::from_micros),
        paths: texts("paths", filter.paths)?,
        hosts: texts("hosts", filter.hosts)?,
        programs: texts("programs", filter.programs)?,
        pids: some("pids", filter.pids)?,
        techniques,
        min_severity,
        sensors: texts("sensors", filter.sensors)?,
        causes: all("causes", &filter.causes, |id| EventId::from_str(id).ok())?,
        ids: all("ids", &filter.ids, |id| EventId::from_str(id).ok())?,
        text: filter.text.map(|text| texts("text", vec![text])).transpose()?.and_then(|mut texts| texts.pop()),
        ..Filter::default()
    };
    Ok((read, cel))
}

/// The mask of a request.
///
/// # Errors
/// `INVALID_ARGUMENT` that names the path.
pub(super) fn mask(mask: Option<prost_types::FieldMask>) -> Result<Mask, Status> {
    let paths = some("field_mask", mask.unwrap_or_default().paths)?;
    Mask::compile(paths.iter().map(String::as_str)).map_err(|error| Status::invalid_argument(format!("field_mask: {error}")))
}

fn decision(number: i32) -> Option<Decision> {
    match proto::Decision::try_from(number).ok()? {
        proto::Decision::Unspecified => None,
        proto::Decision::Allow => Some(Decision::Allow),
        proto::Decision::Audit => Some(Decision::Audit),
        proto::Decision::Redirect => Some(Decision::Redirect),
        proto::Decision::SoftDelete => Some(Decision::SoftDelete),
        proto::Decision::Approve => Some(Decision::Approve),
        proto::Decision::Deny => Some(Decision::Deny),
    }
}

fn unknown(field: &str, value: &dyn std::fmt::Display) -> Status {
    Status::invalid_argument(format!("filter.{field}: `{value}` is not known"))
}

fn some<T>(field: &str, values: Vec<T>) -> Result<Vec<T>, Status> {
    if values.len() > MOST_VALUES {
        return Err(Status::invalid_argument(format!("{field} has {} values; at most {MOST_VALUES} are read", values.len())));
    }
    Ok(values)
}

fn texts(field: &str, values: Vec<String>) -> Result<Vec<String>, Status> {
    match values.iter().find(|value| value.len() > LONGEST || value.is_empty()) {
        Some(value) if value.is_empty() => Err(Status::invalid_argument(format!("filter.{field} has an empty value"))),
        Some(_) => Err(Status::invalid_argument(format!("filter.{field} has a value of more than {LONGEST} bytes"))),
        None => some(field, values),
    }
}

fn all<T: std::fmt::Display, U>(field: &str, values: &[T], read: impl Fn(&T) -> Option<U>) -> Result<Vec<U>, Status> {
    let read = values.iter().map(|value| read(value).ok_or_else(|| unknown(field, value))).collect::<Result<Vec<_>, _>>()?;
    some(field, read)
}
