//! New ids: events, sessions, commands. Randomness comes from the kernel, a block at a time.

use std::cell::RefCell;

use crate::event::{CommandId, EventId, SessionId, Timestamp};

/// Bytes of randomness that a thread fetches at once, so that an id costs no system call.
const POOL: usize = 2_000;

thread_local! {
    static RANDOM: RefCell<(Vec<u8>, usize)> = const { RefCell::new((Vec::new(), 0)) };
}

/// `N` bytes from the kernel's random number generator (`getrandom(2)`).
///
/// Where the kernel has none (before 3.17, or a filter forbids the call) the process ends: an id that can be guessed or repeats
/// would break the journal's order for ever.
#[must_use]
pub fn random<const N: usize>() -> [u8; N] {
    RANDOM.with_borrow_mut(|(pool, used)| {
        if pool.len() < *used + N {
            pool.resize(POOL.max(N), 0);
            if getrandom::fill(pool).is_err() {
                std::process::abort();
            }
            *used = 0;
        }
        let mut bytes = [0_u8; N];
        for (to, from) in bytes.iter_mut().zip(pool.iter().skip(*used)) {
            *to = *from;
        }
        *used += N;
        bytes
    })
}

/// A new id for an event that was seen at `time`.
#[must_use]
pub fn event_id(time: Timestamp) -> EventId {
    let millis = u64::try_from(time.as_micros() / 1_000).unwrap_or(0);
    EventId::observed(millis, random())
}

/// A new session name: `s` and sixteen letters or digits that sort by time.
#[must_use]
pub fn session_id(time: Timestamp) -> SessionId {
    SessionId::new(sortable('s', time))
}

/// A new command name: `c` and sixteen letters or digits that sort by time.
#[must_use]
pub fn command_id(time: Timestamp) -> CommandId {
    CommandId::new(sortable('c', time))
}

/// `prefix`, then 48 bits of milliseconds and 32 random bits in base 32 (Crockford's alphabet in lower case, which sorts).
fn sortable(prefix: char, time: Timestamp) -> String {
    const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
    let millis = u64::try_from(time.as_micros() / 1_000).unwrap_or(0);
    let number = (u128::from(millis) << 32) | u128::from(u32::from_be_bytes(random()));
    let mut text = String::with_capacity(17);
    text.push(prefix);
    for place in (0..16).rev() {
        let digit = usize::try_from((number >> (place * 5)) & 31).unwrap_or(0);
        text.push(ALPHABET.get(digit).map_or('0', |byte| char::from(*byte)));
    }
    text
}
