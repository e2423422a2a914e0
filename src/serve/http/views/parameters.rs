//! Which events of a session, as a query says it.

use crate::event::Timestamp;
use crate::query::{Filter, Reader, decision, family, kind};
use crate::serve::http::Problem;
use crate::serve::http::parameters::Parameters;

/// The names of the filters.
pub(super) const FILTERS: [&str; 11] =
    ["kind", "family", "decision", "rule", "technique", "host", "path", "pid", "text", "since", "until"];

/// The names of the filters and these.
pub(super) fn known(own: &[&'static str]) -> Vec<&'static str> {
    FILTERS.iter().chain(own).copied().collect()
}

/// The filter for a session by its name or the start of it.
pub(super) fn filter(reader: &Reader, session: &str, asked: &Parameters) -> Result<Filter, Problem> {
    let words = |name: &'static str| asked.all(name).flat_map(|value| value.split(',')).map(str::to_owned).collect::<Vec<_>>();
    let mut filter = Filter { sessions: vec![reader.session(session)?], ..Filter::default() };
    for word in words("kind") {
        filter.kinds.push(kind(&word).map_err(|error| Problem::parameter("kind", error))?);
    }
    for word in words("family") {
        filter.families.push(family(&word).map_err(|error| Problem::parameter("family", error))?);
    }
    for word in words("decision") {
        filter.decisions.push(decision(&word).map_err(|error| Problem::parameter("decision", error))?);
    }
    for word in words("pid") {
        filter.pids.push(word.parse().map_err(|_| Problem::parameter("pid", "it must be a number"))?);
    }
    filter.rules = asked.all("rule").map(str::to_owned).collect();
    filter.techniques = words("technique");
    filter.hosts = words("host");
    filter.paths = asked.all("path").map(str::to_owned).collect();
    filter.text = asked.one("text")?.map(str::to_owned);
    filter.since = time(asked, "since")?;
    filter.until = time(asked, "until")?;
    Ok(filter)
}

fn time(asked: &Parameters, name: &'static str) -> Result<Option<Timestamp>, Problem> {
    let micros = asked.number(name)?;
    Ok(micros.and_then(|micros| i64::try_from(micros).ok()).map(Timestamp::from_micros))
}
