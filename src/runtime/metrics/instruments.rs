//! Counters, gauges and histograms: atomics that any thread may touch at any time.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};

use crate::event::{Decision, Family, Kind};

/// A number that only grows while the process lives.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// Adds `count`.
    pub fn add(&self, count: u64) {
        self.0.fetch_add(count, Relaxed);
    }

    /// What was added so far.
    #[must_use]
    pub fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

/// A number that goes up and down.
#[derive(Debug, Default)]
pub struct Gauge(AtomicI64);

impl Gauge {
    /// Sets the number; beyond `i64::MAX` it stays there.
    pub fn set(&self, value: u64) {
        self.0.store(i64::try_from(value).unwrap_or(i64::MAX), Relaxed);
    }

    /// Adds `change`, which may be negative.
    pub fn add(&self, change: i64) {
        self.0.fetch_add(change, Relaxed);
    }

    /// The number now.
    #[must_use]
    pub fn get(&self) -> i64 {
        self.0.load(Relaxed)
    }
}

/// How observed values are shown: the text format wants base units.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scale {
    /// Observed in microseconds, shown in seconds.
    MicrosAsSeconds,
    /// Shown as observed.
    Plain,
}

/// Counts observations by size.
#[derive(Debug)]
pub struct Histogram {
    /// Upper bounds, inclusive, ascending.
    pub(super) bounds: &'static [u64],
    pub(super) scale: Scale,
    /// One count for each bound and one for what is larger than all; not cumulative.
    pub(super) counts: Box<[AtomicU64]>,
    pub(super) sum: AtomicU64,
}

impl Histogram {
    pub(super) fn new(scale: Scale, bounds: &'static [u64]) -> Self {
        Self { bounds, scale, counts: (0..=bounds.len()).map(|_| AtomicU64::new(0)).collect(), sum: AtomicU64::new(0) }
    }

    /// Counts one value: microseconds for a latency, a plain number for a size.
    pub fn observe(&self, value: u64) {
        let place = self.bounds.partition_point(|bound| *bound < value);
        if let Some(count) = self.counts.get(place) {
            count.fetch_add(1, Relaxed);
            self.sum.fetch_add(value, Relaxed);
        }
    }

    /// How many values were observed.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.counts.iter().map(|count| count.load(Relaxed)).sum()
    }
}

/// The values of a label: a closed list.
pub trait Label: Copy + 'static {
    /// Every value.
    const VALUES: &'static [Self];

    /// The place of a value in `VALUES`.
    fn place(self) -> usize;

    /// The value's text.
    fn text(self) -> &'static str;
}

macro_rules! label {
    ($($type:ty = $values:expr),*) => {
        $(impl Label for $type {
            const VALUES: &'static [Self] = $values;

            fn place(self) -> usize {
                self as usize
            }

            fn text(self) -> &'static str {
                self.as_str()
            }
        })*
    };
}
label!(Kind = Kind::ALL, Decision = Decision::ALL, Family = &Family::ALL);

/// One instrument for each value of a label.
#[derive(Debug)]
pub struct By<L, I> {
    pub(super) of: Box<[(L, I)]>,
    pub(super) other: I,
}

impl<L: Label, I> By<L, I> {
    pub(super) fn new(make: impl Fn() -> I) -> Self {
        Self { of: L::VALUES.iter().map(|value| (*value, make())).collect(), other: make() }
    }

    /// The instrument of a value.
    #[must_use]
    pub fn of(&self, value: L) -> &I {
        self.of.get(value.place()).map_or(&self.other, |(_, instrument)| instrument)
    }
}

/// One instrument for each of a few words that a stage above names. Any other word is shown as `other`.
#[derive(Debug)]
pub struct ByWord<I> {
    pub(super) of: Box<[(&'static str, I)]>,
    pub(super) other: I,
}

impl<I> ByWord<I> {
    pub(super) fn new(words: &[&'static str], make: impl Fn() -> I) -> Self {
        Self { of: words.iter().map(|word| (*word, make())).collect(), other: make() }
    }

    /// The instrument of a word.
    #[must_use]
    pub fn of(&self, word: &str) -> &I {
        self.of.iter().find(|(known, _)| *known == word).map_or(&self.other, |(_, instrument)| instrument)
    }
}

impl ByWord<Histogram> {
    /// Counts one value under a word.
    pub fn observe(&self, word: &str, value: u64) {
        self.of(word).observe(value);
    }
}

/// Names that a [`ByName`] keeps apart unless it is told another number; further ones share `other`.
const NAMES: usize = 64;

/// One instrument for each name that turns up, such as the name of a reader. Finding one takes a lock, so keep it.
#[derive(Debug)]
pub struct ByName<I> {
    of: Mutex<BTreeMap<String, Arc<I>>>,
    most: usize,
}

impl<I> Default for ByName<I> {
    fn default() -> Self {
        Self::at_most(NAMES)
    }
}

impl<I> ByName<I> {
    /// Keeps `most` names apart.
    pub(super) const fn at_most(most: usize) -> Self {
        Self { of: Mutex::new(BTreeMap::new()), most }
    }
}

impl<I: Default> ByName<I> {
    /// The instrument of a name, made when it is asked for first.
    #[must_use]
    pub fn of(&self, name: &str) -> Arc<I> {
        let mut of = self.of.lock().unwrap_or_else(PoisonError::into_inner);
        let name = if of.len() < self.most || of.contains_key(name) { name } else { "other" };
        of.entry(name.to_owned()).or_default().clone()
    }

    /// Forgets a name: a reader that is gone lags no more.
    pub fn remove(&self, name: &str) {
        self.of.lock().unwrap_or_else(PoisonError::into_inner).remove(name);
    }

    pub(super) fn all(&self) -> Vec<(String, Arc<I>)> {
        let of = self.of.lock().unwrap_or_else(PoisonError::into_inner);
        of.iter().map(|(name, instrument)| (name.clone(), instrument.clone())).collect()
    }
}
