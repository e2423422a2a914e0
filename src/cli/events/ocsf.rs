//! OCSF records, one a line, with the name of the machine that each session ran on.

use std::collections::BTreeMap;
use std::io::Write;

use crate::encode::ocsf;
use crate::event::{JournaledEvent, SessionId};
use crate::query::Reader;

/// Sessions whose machine is remembered; the next one starts anew.
const REMEMBERED: usize = 1_024;

/// What an event of no session was seen on: its own record does not say it.
const UNKNOWN: &str = "localhost";

/// Writes records.
#[derive(Default)]
pub(super) struct Records {
    hosts: BTreeMap<SessionId, String>,
}

impl Records {
    /// Writes the record of one event and a line feed.
    pub(super) fn write(&mut self, reader: &Reader, event: &JournaledEvent, out: &mut dyn Write) -> anyhow::Result<()> {
        let host = match &event.event.session_id {
            Some(session) => self.host(reader, session)?,
            None => UNKNOWN,
        };
        let mut line = serde_json::to_string(&ocsf::to_json_on(event, host))?;
        line.push('\n');
        Ok(out.write_all(line.as_bytes())?)
    }

    fn host(&mut self, reader: &Reader, session: &SessionId) -> anyhow::Result<&str> {
        if !self.hosts.contains_key(session) {
            let host = reader.hostname(session)?.unwrap_or_else(|| UNKNOWN.to_owned());
            if self.hosts.len() >= REMEMBERED {
                self.hosts.clear();
            }
            self.hosts.insert(session.clone(), host);
        }
        Ok(self.hosts.get(session).map_or(UNKNOWN, String::as_str))
    }
}
