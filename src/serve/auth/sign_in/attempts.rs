//! `Attempts`: how often signing in failed of late, by address.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Failures of one address within [`WITHIN`]; then nobody signs in from there until it is over.
const MOST: u32 = 10;

/// How long failures are counted together, from the first.
const WITHIN: Duration = Duration::from_secs(60);

/// Addresses that are remembered. For a further one the oldest is forgotten.
const ADDRESSES: usize = 1024;

/// Signing in failed too often from the caller's address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("signing in failed {MOST} times within a minute from this address: try again in {} s", wait.as_secs().max(1))]
pub struct TooManyFailures {
    /// How long until it may be tried again.
    pub wait: Duration,
}

/// The failures of late.
#[derive(Debug, Default)]
pub struct Attempts {
    table: Mutex<BTreeMap<IpAddr, Failures>>,
}

#[derive(Clone, Copy, Debug)]
struct Failures {
    first: Instant,
    count: u32,
}

impl Attempts {
    /// Whether somebody may try from there.
    ///
    /// # Errors
    /// [`TooManyFailures`], also for a key that is good: otherwise the answer would say that it is.
    pub fn may_try(&self, from: IpAddr, now: Instant) -> Result<(), TooManyFailures> {
        let table = self.table.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(failures) = table.get(&network(from)) else { return Ok(()) };
        let wait = WITHIN.saturating_sub(now.saturating_duration_since(failures.first));
        if failures.count < MOST || wait.is_zero() { Ok(()) } else { Err(TooManyFailures { wait }) }
    }

    /// Counts a failure.
    pub fn failed(&self, from: IpAddr, now: Instant) {
        let mut table = self.table.lock().unwrap_or_else(PoisonError::into_inner);
        table.retain(|_, failures| now.saturating_duration_since(failures.first) < WITHIN);
        let from = network(from);
        if table.len() >= ADDRESSES && !table.contains_key(&from) {
            let oldest = table.iter().min_by_key(|(_, failures)| failures.first).map(|(address, _)| *address);
            if let Some(oldest) = oldest {
                table.remove(&oldest);
            }
        }
        table.entry(from).or_insert(Failures { first: now, count: 0 }).count += 1;
    }
}

/// Who has one address of IPv6 has the other 2^64 of its network too (RFC 6177).
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => IpAddr::V6((address.to_bits() >> 64 << 64).into()),
    }
}
