//! From an event to its row, to the wire and back: nothing is lost, whatever it holds.

use agentsh::encode::proto::{self, Mask};
use agentsh::event::{Event, Kind};
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use prost::Message;

use super::events::{arbitrary, bytes, extreme, full, hostile, message};
use crate::vocabulary::samples::Schema;

/// The event comes back, and the envelope says of it what the vocabulary says.
fn comes_back(seq: u64, event: &Event) -> Result<(), String> {
    let sent = message(seq, event, &Mask::all());
    let told = |what: &str, right: bool| if right { Ok(()) } else { Err(format!("{what}: {sent:?}")) };
    told("seq", sent.seq == seq)?;
    told("kind", proto::kind_of_number(sent.kind) == Some(event.kind()))?;
    told("subject", sent.subject.as_deref() == event.subject().as_deref())?;
    let back = proto::to_event(sent.clone()).map_err(|error| error.to_string())?;
    told("event", back == *event)?;
    // What prost itself writes for the message is the same message.
    let again = sent.encode_to_vec();
    told("length", again.len() == bytes(seq, event, &Mask::all()).len())?;
    told("prost's bytes", proto::Event::decode(again.as_slice()).as_ref() == Ok(&sent))
}

#[test]
fn an_event_of_every_kind_with_every_field_comes_back() {
    let schema = Schema::new();
    for (seq, kind) in (1..).zip(Kind::ALL) {
        comes_back(seq, &full(&schema, *kind)).unwrap_or_else(|error| panic!("{}: {error}", kind.as_str()));
    }
}

#[test]
fn numbers_at_the_ends_of_their_ranges_and_hostile_text_come_back() {
    let schema = Schema::new();
    for kind in Kind::ALL {
        for text in hostile() {
            let event = extreme(&schema, *kind, text);
            comes_back(u64::MAX, &event).unwrap_or_else(|error| panic!("{} {text:?}: {error}", kind.as_str()));
        }
    }
}

#[test]
fn any_event_of_any_kind_comes_back() {
    let schema = Schema::new();
    for kind in Kind::ALL {
        let config = ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() };
        let result = TestRunner::new(config)
            .run(&(any::<u64>(), arbitrary(&schema, *kind)), |(seq, event)| comes_back(seq, &event).map_err(TestCaseError::fail));
        assert!(result.is_ok(), "{}: {}", kind.as_str(), result.unwrap_err());
    }
}
