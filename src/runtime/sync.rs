//! Locks and atomics of the event path: the standard ones, or shuttle's when schedules are explored (`--features shuttle`).

#[cfg(feature = "shuttle")]
pub use shuttle::sync::{Condvar, Mutex, MutexGuard, atomic};
#[cfg(not(feature = "shuttle"))]
pub use std::sync::{Condvar, Mutex, MutexGuard, atomic};

/// Locks, also after another thread panicked while it held the lock.
///
/// What the event path guards stays consistent at every step (a record counts only once its number is written), so a poisoned lock
/// is no reason to stop recording.
pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}
