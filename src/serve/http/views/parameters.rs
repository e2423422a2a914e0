//! Which events of a session, as a query says it.

use crate::query::Reader;
use crate::query::session::Wanted;
use crate::runtime::clock;
use crate::serve::http::Problem;
use crate::serve::http::events::{SessionFilter, read_filter};
use crate::serve::http::parameters::Parameters;

/// The names of the filters and these.
pub(super) fn known(own: &[&'static str]) -> Vec<&'static str> {
    SessionFilter::names().chain(own.iter().copied()).collect()
}

/// What is wanted of a session by its name or the start of it.
pub(super) fn wanted(reader: &Reader, session: &str, asked: &Parameters) -> Result<Wanted, Problem> {
    let (mut filter, expression) = read_filter(asked, clock::now())?;
    filter.sessions = vec![reader.session(session)?];
    Ok(Wanted::new(filter, expression))
}
