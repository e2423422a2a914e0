//! Events that were delivered and not acknowledged, as runs of positions.

use std::collections::VecDeque;

/// Positions in ascending order. Costs memory for each run, and so at most for each event that `max_ack_pending` allows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Pending {
    runs: VecDeque<(u64, u64)>,
    count: u64,
}

impl Pending {
    /// Adds the positions from `first` to `last`, which lie behind all others.
    pub(super) fn add(&mut self, first: u64, last: u64) {
        match self.runs.back_mut() {
            Some((_, end)) if *end + 1 == first => *end = last,
            _ => self.runs.push_back((first, last)),
        }
        self.count += last - first + 1;
    }

    /// Adds all of another.
    pub(super) fn append(&mut self, other: &Self) {
        for (first, last) in &other.runs {
            self.add(*first, *last);
        }
    }

    /// Everything up to `seq` is done with.
    pub(super) fn acked(&mut self, seq: u64) {
        while let Some((first, last)) = self.runs.front_mut() {
            if *first > seq {
                return;
            }
            let done = (*last).min(seq);
            self.count -= done - *first + 1;
            if done < *last {
                *first = done + 1;
                return;
            }
            self.runs.pop_front();
        }
    }

    /// How many there are.
    pub(super) const fn count(&self) -> u64 {
        self.count
    }
}

#[cfg(test)]
mod tests {
    use super::Pending;

    #[test]
    fn an_acknowledgement_covers_what_is_in_front_of_it_and_nothing_else() {
        let mut pending = Pending::default();
        for (first, last) in [(1, 3), (4, 5), (9, 9), (12, 20)] {
            pending.add(first, last);
        }
        let mut check = |seq, left| {
            pending.acked(seq);
            assert_eq!(pending.count(), left, "acked {seq}");
        };
        check(0, 15);
        check(2, 13);
        check(8, 10);
        check(9, 9);
        check(15, 5);
        check(15, 5);
        check(99, 0);
    }
}
