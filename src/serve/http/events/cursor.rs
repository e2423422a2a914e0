//! `Cursor`: where a page ended, as a text that goes with one filter and one direction.
//!
//! It is no secret and gives no rights, since `after` says the same. Its sum is there so that one that was cut, edited or used with
//! another filter is refused, and not read as another place.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};

use crate::event::Timestamp;
use crate::query::Filter;
use crate::serve::http::parameters::Parameters;
use crate::serve::http::problem::Problem;

/// Parameters that are not the same from page to page.
const OF_A_PAGE: &[&str] = &["cursor", "limit"];

/// Bytes of the sum.
const SUM: usize = 8;

/// A place. Times are kept with it, so that `since=2h` means the same on every page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cursor {
    pub(super) seq: u64,
    pub(super) since: Option<Timestamp>,
    pub(super) until: Option<Timestamp>,
}

impl Cursor {
    /// The place behind `seq` under a filter.
    pub(super) fn behind(seq: u64, filter: &Filter) -> Self {
        Self { seq, since: filter.since, until: filter.until }
    }

    /// Its text, for the query that these parameters are.
    pub(super) fn text(&self, parameters: &Parameters) -> String {
        let mut bytes = self.seq.to_be_bytes().to_vec();
        for time in [self.since, self.until] {
            bytes.extend_from_slice(&time.map_or(i64::MIN, Timestamp::as_micros).to_be_bytes());
        }
        bytes.extend_from_slice(&sum(&bytes, parameters));
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// Reads one.
    pub(super) fn read(text: &str, parameters: &Parameters) -> Result<Self, Problem> {
        let bad = || {
            Problem::parameter("cursor", "it is no cursor of this query: give `next` as it was, with the same filter and order")
        };
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| bad())?;
        let (place, given) = bytes.split_last_chunk::<SUM>().ok_or_else(bad)?;
        if *given != sum(place, parameters) {
            return Err(bad());
        }
        let (seq, times) = place.split_first_chunk::<8>().ok_or_else(bad)?;
        let (since, until) = times.split_first_chunk::<8>().ok_or_else(bad)?;
        let until = until.first_chunk::<8>().ok_or_else(bad)?;
        let time =
            |bytes: &[u8; 8]| Some(i64::from_be_bytes(*bytes)).filter(|time| *time != i64::MIN).map(Timestamp::from_micros);
        Ok(Self { seq: u64::from_be_bytes(*seq), since: time(since), until: time(until) })
    }
}

fn sum(place: &[u8], parameters: &Parameters) -> [u8; SUM] {
    let mut hasher = Sha256::new();
    hasher.update(b"agentsh cursor 1");
    hasher.update(place);
    for (name, value) in parameters.without(OF_A_PAGE) {
        for part in [name, value] {
            hasher.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            hasher.update(part);
        }
    }
    let digest = hasher.finalize();
    digest.first_chunk::<SUM>().copied().unwrap_or_default()
}
