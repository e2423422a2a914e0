//! Connections, requests and names, as of any moment.

use std::collections::BTreeMap;

use super::error::ReplayError;
use super::source::typed;
use crate::event::{Decision, Kind, Payload};
use crate::journal::JournalRow;

/// Exchanges that are kept; what goes beyond is counted.
const MOST: usize = 200_000;

/// A connection, a request or a question for a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exchange {
    /// Place of its event.
    pub at: usize,
    /// `connect`, a method, or `resolve`.
    pub verb: String,
    /// Of whom, or what.
    pub subject: String,
    /// Policy's verdict, where there is one.
    pub verdict: Option<Decision>,
    /// The answer and the place where it came.
    pub answer: Option<(usize, String)>,
}

/// The exchanges of a session.
#[derive(Debug, Default)]
pub struct Network {
    exchanges: Vec<Exchange>,
    /// Those without an answer yet, by the id of their event.
    open: BTreeMap<Vec<u8>, usize>,
    left_out: u64,
}

impl Network {
    /// Those that had begun as of an event, in order.
    #[must_use]
    pub fn as_of(&self, at: usize) -> &[Exchange] {
        self.exchanges.get(..self.exchanges.partition_point(|exchange| exchange.at <= at)).unwrap_or_default()
    }

    /// Exchanges beyond the bound, of which nothing is kept.
    #[must_use]
    pub const fn left_out(&self) -> u64 {
        self.left_out
    }

    pub(super) fn judged(&mut self, at: usize, verdict: Decision) {
        if let Some(exchange) = self.exchanges.last_mut().filter(|exchange| exchange.at == at) {
            exchange.verdict = Some(verdict);
        }
    }

    pub(super) fn take(&mut self, at: usize, kind: Kind, row: &JournalRow<'_>) -> Result<(), ReplayError> {
        if kind == Kind::NetConnect {
            self.begin(at, "connect".to_owned(), row.columns.subject.unwrap_or_default().to_owned(), row);
        } else if matches!(kind, Kind::HttpRequest | Kind::DnsQuery) {
            let payload = typed(row)?.event.payload;
            if let Payload::HttpRequest(p) = payload {
                self.begin(at, p.method, format!("{}://{}:{}{}", p.scheme, p.host, p.port, p.path), row);
            } else if let Payload::DnsQuery(p) = payload {
                self.begin(at, "resolve".to_owned(), format!("{} {}", p.name, p.record_type), row);
                let answer = p.error.or_else(|| p.rcode.filter(|_| p.answers.is_empty()));
                let answer = answer.unwrap_or_else(|| p.answers.join(", "));
                if let Some(exchange) = self.exchanges.last_mut().filter(|exchange| exchange.at == at) {
                    exchange.answer = Some((at, answer));
                }
            }
        } else if matches!(kind, Kind::HttpResponse | Kind::NetClose | Kind::OperationFailed) {
            let Some(open) = row.columns.cause.and_then(|cause| self.open.remove(cause)) else { return Ok(()) };
            let payload = typed(row)?.event.payload;
            let answer = if let Payload::HttpResponse(p) = payload {
                p.error.or_else(|| p.status.map(|status| status.to_string())).unwrap_or_else(|| "no answer".to_owned())
            } else if let Payload::NetClose(p) = payload {
                p.error.unwrap_or_else(|| "closed".to_owned())
            } else if let Payload::OperationFailed(p) = payload {
                p.error
            } else {
                String::new()
            };
            if let Some(exchange) = self.exchanges.get_mut(open) {
                exchange.answer = Some((at, answer));
            }
        }
        Ok(())
    }

    fn begin(&mut self, at: usize, verb: String, subject: String, row: &JournalRow<'_>) {
        if self.exchanges.len() >= MOST {
            self.left_out += 1;
            return;
        }
        self.open.insert(row.columns.id.to_vec(), self.exchanges.len());
        self.exchanges.push(Exchange { at, verb, subject, verdict: None, answer: None });
    }
}
