//! Locking a standard mutex, also after another thread panicked while it held the lock.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Locks. What is guarded must be consistent at every step, so that a poisoned lock is no reason to stop recording.
pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
