//! The journal against a small model: a list of the ids that must be there, whatever happens in between.

use std::path::PathBuf;

use agentsh::event::{Decision, Event, EventId, Kind};
use agentsh::journal::{Journal, JournalConfig};
use agentsh::policy::OnAuditFailure;
use proptest::prelude::*;

use super::rig::{conserved, copy, entries, gapless, hold, mixed, open_with, small, whole};
use crate::support::{connect_event, exit_event, judgement, open_event, policy};

/// One event, at the durability of its family.
#[derive(Clone, Copy, Debug)]
enum Hand {
    /// Observed, `crash_safe`.
    Publish,
    /// Observed, `buffered`.
    Buffered,
    /// Observed, `durable`.
    Durable,
    /// Gated and let through.
    Allow,
    /// Gated and refused.
    Deny,
}

#[derive(Clone, Debug)]
enum Step {
    /// The recorder is handed events.
    Hands(Vec<Hand>),
    /// It is told to commit.
    Flush,
    /// It signs.
    Checkpoint,
    /// It ends in good order, and another one starts.
    Restart,
    /// It dies, with these events handed over and not committed, and another one starts.
    Crash(Vec<Hand>),
    /// A second recorder comes, is handed events, and ends.
    Neighbour(Vec<Hand>),
}

fn hands(max: usize) -> impl Strategy<Value = Vec<Hand>> {
    let hand = prop_oneof![
        3 => Just(Hand::Publish),
        3 => Just(Hand::Buffered),
        1 => Just(Hand::Durable),
        2 => Just(Hand::Allow),
        1 => Just(Hand::Deny),
    ];
    prop::collection::vec(hand, 0..max)
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => hands(20).prop_map(Step::Hands),
        1 => Just(Step::Flush),
        1 => Just(Step::Checkpoint),
        2 => Just(Step::Restart),
        3 => hands(30).prop_map(Step::Crash),
        2 => hands(20).prop_map(Step::Neighbour),
    ];
    prop::collection::vec(step, 1..9)
}

/// What must be in the journal.
#[derive(Default)]
struct Model {
    /// Ids in their order.
    ids: Vec<EventId>,
    /// Buffered events that died.
    lost: u64,
    checkpoints: u64,
    /// A checkpoint would cover something new.
    unsigned: bool,
}

struct World {
    scratch: tempfile::TempDir,
    root: PathBuf,
    crashes: usize,
    journal: Journal,
    model: Model,
    number: u64,
}

fn config() -> JournalConfig {
    JournalConfig { durability: mixed(), ..small() }
}

impl World {
    fn new() -> Self {
        let scratch = tempfile::tempdir().unwrap();
        let root = scratch.path().join("data-0");
        let journal = open_with(&root, &config());
        Self { scratch, root, crashes: 0, journal, model: Model { unsigned: true, ..Model::default() }, number: 0 }
    }

    /// Hands an event over and returns the ids that it puts on record.
    fn hand(number: &mut u64, journal: &Journal, hand: Hand) -> Vec<EventId> {
        *number += 1;
        let gate = |event: &Event, decision| {
            let verdict = judgement(decision);
            journal.channel().gate(event, &verdict, &policy(OnAuditFailure::Deny)).unwrap();
            vec![event.id, EventId::derived(event.id, Kind::PolicyDecision, 0)]
        };
        let publish = |event: &Event| {
            journal.channel().publish(event);
            vec![event.id]
        };
        match hand {
            Hand::Publish => publish(&open_event(*number)),
            Hand::Buffered => publish(&exit_event(*number)),
            Hand::Durable => publish(&connect_event(*number)),
            Hand::Allow => gate(&open_event(*number), Decision::Allow),
            Hand::Deny => gate(&connect_event(*number), Decision::Deny),
        }
    }

    fn step(self, step: &Step) -> Self {
        match step {
            Step::Hands(hands) => self.hands(hands),
            Step::Flush => {
                assert!(self.journal.flush());
                self
            }
            Step::Checkpoint => self.checkpoint(),
            Step::Restart => self.restart(),
            Step::Crash(hands) => self.crash(hands),
            Step::Neighbour(hands) => self.neighbour(hands),
        }
    }

    fn hands(mut self, hands: &[Hand]) -> Self {
        for hand in hands {
            let ids = Self::hand(&mut self.number, &self.journal, *hand);
            self.model.ids.extend(ids);
            self.model.unsigned = true;
        }
        self
    }

    fn checkpoint(mut self) -> Self {
        assert!(self.journal.checkpoint());
        self.model.checkpoints += u64::from(std::mem::take(&mut self.model.unsigned));
        self
    }

    fn restart(mut self) -> Self {
        self.journal.close().unwrap();
        self.model.checkpoints += u64::from(self.model.unsigned);
        self.journal = open_with(&self.root, &config());
        self.model.unsigned = true;
        self
    }

    fn neighbour(mut self, hands: &[Hand]) -> Self {
        // The order between two recorders is that of their commits: make it a known one.
        assert!(self.journal.flush());
        let neighbour = open_with(&self.root, &config());
        assert_eq!(neighbour.found().intakes_drained, 0, "this one lives");
        for hand in hands {
            self.model.ids.extend(Self::hand(&mut self.number, &neighbour, *hand));
        }
        neighbour.close().unwrap();
        self.model.checkpoints += 1;
        self.model.unsigned = false;
        self
    }

    fn crash(mut self, hands: &[Hand]) -> Self {
        assert!(self.journal.flush());
        // The database stands still, so that what is handed over now is in the intake or in memory.
        let holder = hold(&self.root);
        let mut handed = Vec::new();
        for hand in hands {
            handed.push((Self::hand(&mut self.number, &self.journal, *hand), matches!(hand, Hand::Buffered)));
        }
        self.crashes += 1;
        let root = self.scratch.path().join(format!("data-{}", self.crashes));
        copy(&self.root, &root);
        drop(holder);
        // Whatever this one does from now on concerns another journal.
        self.journal.close().unwrap();
        self.root = root;
        self.journal = open_with(&self.root, &config());
        let recovered = usize::try_from(self.journal.found().events_recovered).unwrap();
        assert_eq!(self.journal.found().intakes_drained, 1);

        // All up to the last that was not only buffered is there. Of those behind it, as many as the writer had come to.
        let safe = handed.iter().rposition(|(_, buffered)| !buffered).map_or(0, |last| last + 1);
        let safe = handed[..safe].iter().map(|(ids, _)| ids.len()).sum::<usize>();
        let handed: Vec<_> = handed.into_iter().flat_map(|(ids, _)| ids).collect();
        assert!((safe..=handed.len()).contains(&recovered), "{recovered} of {safe} to {}", handed.len());
        self.model.ids.extend_from_slice(&handed[..recovered]);
        self.model.lost += (handed.len() - recovered) as u64;
        self.model.unsigned = true;
        self
    }

    fn check(&self) {
        assert!(self.journal.flush());
        let entries = entries(&self.root);
        let own = |kind| matches!(kind, Kind::JournalOpened | Kind::JournalCheckpoint | Kind::EventsLost);
        let ids: Vec<_> = entries.iter().filter(|entry| !own(entry.kind)).map(|entry| EventId::from_bytes(entry.id)).collect();
        assert_eq!(ids, self.model.ids);
        assert_eq!(super::rig::declared(&self.root).values().sum::<u64>(), self.model.lost);
        let checkpoints = entries.iter().filter(|entry| entry.kind == Kind::JournalCheckpoint).count() as u64;
        assert_eq!(checkpoints, self.model.checkpoints);
        gapless(&self.root);
        whole(&self.root);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, failure_persistence: None, max_shrink_iters: 60, ..ProptestConfig::default() })]

    #[test]
    fn the_journal_is_what_a_list_would_be_whatever_happens_in_between(steps in steps()) {
        let mut world = World::new();
        for step in &steps {
            world = world.step(step);
            world.check();
        }
        let World { journal, root, model, .. } = world;
        journal.close().unwrap();
        let intakes = conserved(&root);
        prop_assert_eq!(intakes.iter().map(|intake| intake.journaled).sum::<u64>(), model.ids.len() as u64);
    }
}
