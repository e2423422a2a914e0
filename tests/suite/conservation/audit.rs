//! What everybody has, compared with the journal.

use std::collections::HashSet;
use std::path::Path;

use agentsh::encode::stored;
use agentsh::event::{Payload, Seq};
use agentsh::journal::{DataDir, ReaderStore, StoreError, verify};

use super::collectors::Taken;
use super::consumers::Subscriber;
use super::faults::Scene;
use super::oracle;

/// The journal once all is over: for each seq the leaf and the id.
pub struct Journaled {
    data_dir: std::path::PathBuf,
    events: Vec<([u8; 32], String)>,
    /// The oracle's numbers.
    numbers: Vec<u64>,
}

impl Journaled {
    pub fn read(data_dir: &Path) -> Self {
        let store = ReaderStore::open(&DataDir::at(data_dir).journal()).unwrap();
        let (mut events, mut numbers) = (Vec::new(), Vec::new());
        store
            .rows::<StoreError>(0, &[], None, |row| {
                assert_eq!(row.seq, events.len() as u64 + 1, "G-3: the journal has no gap");
                let event = row.to_event().unwrap().event;
                events.push((row.leaf.try_into().unwrap(), event.id.to_string()));
                if let Payload::FileOpen(open) = &event.payload {
                    let path = open.path.as_text().into_owned();
                    let number = path.strip_prefix("/home/dev/project/src/module_").and_then(|rest| rest.strip_suffix(".c"));
                    numbers.push(number.unwrap().parse().unwrap());
                }
                Ok(std::ops::ControlFlow::Continue(()))
            })
            .unwrap();
        Self { data_dir: data_dir.to_owned(), events, numbers }
    }

    pub fn len(&self) -> usize {
        self.events.len()
    }

    pub fn is_whole_and_has_what_was_answered(&self, scene: &Scene) {
        let verification = verify(&DataDir::at(&self.data_dir), None, &[], |_, _| {}).unwrap();
        assert!(verification.findings.is_empty(), "{:?}", verification.findings);
        let there: HashSet<u64> = self.numbers.iter().copied().collect();
        assert_eq!(there.len(), self.numbers.len(), "no number is recorded twice");
        for answers in &scene.answers {
            let missing: Vec<u64> = oracle::answered(answers).into_iter().filter(|number| !there.contains(number)).collect();
            assert!(missing.is_empty(), "G-1: answered and not in the journal: {missing:?}");
        }
    }

    pub fn agrees_with_subscriber(&self, subscriber: &Subscriber) {
        assert_eq!(*subscriber.wrong.lock().unwrap(), None, "{}", subscriber.name);
        let seen = subscriber.seen.lock().unwrap();
        assert!(seen.len() <= self.events.len());
        for (index, (leaf, (journaled, _))) in seen.iter().zip(&self.events).enumerate() {
            assert!(subscriber.masked || leaf == journaled, "{}: seq {} differs", subscriber.name, index + 1);
        }
    }

    /// Every seq once, in the order of the files' names, with the journal's leaf.
    pub fn agrees_with_parquet(&self, lake: &Path) {
        let rows = crate::lake::rig::rows(lake);
        for (index, (seq, frame)) in rows.iter().enumerate() {
            let leaf = stored::leaf_hash(Seq::new(*seq).unwrap(), frame);
            assert_eq!(*seq, index as u64 + 1, "parquet: each seq once and in order");
            assert_eq!(leaf, self.events[index].0, "parquet: seq {seq} differs");
        }
        assert!(rows.len() + 64 > self.events.len(), "parquet has {} of {}", rows.len(), self.events.len());
    }

    /// Every seq once and in order, with the journal's id.
    pub fn agrees_with_jsonl(&self, path: &Path) {
        let text = std::fs::read_to_string(path).unwrap();
        let mut count = 0;
        for line in text.lines() {
            let event: serde_json::Value = serde_json::from_str(line).unwrap();
            count += 1;
            assert_eq!(event["seq"].as_u64().unwrap(), count, "jsonl: each seq once and in order");
            assert_eq!(event["id"].as_str().unwrap(), self.events[count as usize - 1].1, "jsonl: seq {count} differs");
        }
        assert!(count + 64 > self.events.len() as u64, "jsonl has {count} of {}", self.events.len());
    }

    /// Every seq at least once, always with the same id.
    pub fn agrees_with_collector(&self, name: &str, taken: &Taken) {
        for (index, (seq, id)) in taken.events().into_iter().enumerate() {
            assert_eq!(seq, index as u64 + 1, "{name}: nothing is missing");
            assert_eq!(id, self.events[index].1, "{name}: seq {seq} differs");
        }
    }
}
