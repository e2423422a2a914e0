//! What everybody has, compared with the journal.

use std::collections::HashSet;
use std::path::Path;

use agentsh::encode::{json, stored};
use agentsh::event::{EventId, Payload, Seq};
use agentsh::journal::{DataDir, ReaderStore, StoreError, verify};
use sha2::{Digest as _, Sha256};

use super::collectors;
use super::consumers::Subscriber;
use super::oracle;
use super::scene::Scene;
use crate::peers::nats_server::Message;

pub type Digest = [u8; 32];

pub fn digest(bytes: &[u8]) -> Digest {
    Sha256::digest(bytes).into()
}

/// An event of the journal.
struct Expected {
    leaf: [u8; 32],
    id: EventId,
    /// Of the stored payload, which is the body of a log record.
    payload: Digest,
    /// Of the line of JSON that it is outside.
    line: Digest,
}

/// The journal once all is over.
pub struct Journaled {
    data_dir: std::path::PathBuf,
    events: Vec<Expected>,
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
                let event = row.to_event().unwrap();
                let mut line = Vec::new();
                json::put(&event, &mut line).unwrap();
                events.push(Expected {
                    leaf: row.leaf.try_into().unwrap(),
                    id: event.event.id,
                    payload: digest(row.columns.payload.as_bytes()),
                    line: digest(&line),
                });
                if let Payload::FileOpen(open) = &event.event.payload {
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
        for (index, (leaf, expected)) in seen.iter().zip(&self.events).enumerate() {
            assert!(subscriber.masked || *leaf == expected.leaf, "{}: seq {} differs", subscriber.name, index + 1);
        }
    }

    /// All but what the server said of its own end.
    fn has_all(&self, name: &str, count: usize) {
        assert!(count + 64 > self.events.len(), "{name} has {count} of {}", self.events.len());
    }

    /// Every seq once, in the order of the files' names, with the journal's leaf.
    pub fn agrees_with_parquet(&self, name: &str, lake: &Path) {
        let rows = crate::lake::rig::rows(lake);
        for (index, (seq, frame)) in rows.iter().enumerate() {
            let leaf = stored::leaf_hash(Seq::new(*seq).unwrap(), frame);
            assert_eq!(*seq, index as u64 + 1, "{name}: each seq once and in order: {:?}", crate::lake::rig::ranges(lake));
            assert_eq!(leaf, self.events[index].leaf, "{name}: seq {seq} differs");
        }
        self.has_all(name, rows.len());
    }

    /// Every seq once and in order, as the journal's line.
    pub fn agrees_with_jsonl(&self, path: &Path) {
        let text = std::fs::read(path).unwrap();
        let lines: Vec<&[u8]> = text.split_inclusive(|byte| *byte == b'\n').collect();
        for (index, line) in lines.iter().enumerate() {
            let line = line.strip_suffix(b"\n").unwrap();
            assert_eq!(digest(line), self.events[index].line, "jsonl: seq {} differs", index + 1);
        }
        self.has_all("jsonl", lines.len());
    }

    /// Every seq at least once, always with the same id and content. Returns how many came again.
    pub fn agrees_with_collector(&self, collector: &collectors::Order, lines: bool) -> u64 {
        let name = &collector.name;
        let (mut last, mut again) = (0, 0);
        for (seq, (id, digest, times)) in collector.read() {
            assert_eq!(seq, last + 1, "{name}: nothing is missing");
            let expected = &self.events[last as usize];
            assert_eq!(id, expected.id, "{name}: seq {seq} differs");
            assert_eq!(digest, if lines { expected.line } else { expected.payload }, "{name}: seq {seq} differs");
            (last, again) = (seq, again + times - 1);
        }
        self.has_all(name, last as usize);
        again
    }

    /// Every seq in order, once where the stream remembers all ids; where it does not, what came again has the same id and content.
    /// Returns how many came again.
    pub fn agrees_with_stream(&self, name: &str, messages: &[Message], remembers: bool) -> u64 {
        let mut last: usize = 0;
        for (_, id, body) in messages {
            let value: serde_json::Value = serde_json::from_slice(body).unwrap();
            let seq = value["seq"].as_u64().unwrap() as usize;
            assert!(seq == last + 1 || (!remembers && (1..=last).contains(&seq)), "{name}: {seq} came behind {last}");
            let expected = &self.events[seq - 1];
            assert_eq!(*id, expected.id.to_string(), "{name}: seq {seq} differs");
            assert_eq!(digest(body), expected.line, "{name}: seq {seq} differs");
            last = last.max(seq);
        }
        self.has_all(name, last);
        (messages.len() - last) as u64
    }
}
