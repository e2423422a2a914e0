//! Batches of events that are encoded already: what a client reads is what was put in, and sharing changes no byte.

use agentsh::encode::proto::{
    self, BatchMarks, EncodedResponse, EventBatch, Heartbeat, Mask, SubscribeResponse, put_batch, put_entry, put_event_entry,
    subscribe_response,
};
use bytes::Bytes;
use proptest::prelude::*;
use prost::Message;

use super::events::{bytes, columns, frame, message};
use crate::support::{exit_event, open_event};

fn batch(response: &[u8]) -> EventBatch {
    match SubscribeResponse::decode(response).unwrap().message {
        Some(subscribe_response::Message::Batch(batch)) => batch,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_batch_has_its_events_in_order_and_says_where_it_stands() {
    let (mut entries, mut scratch) = (Vec::new(), b"of the last event".to_vec());
    for seq in 1..=300 {
        put_event_entry(seq, &columns(&frame(&open_event(seq))), &Mask::all(), &mut scratch, &mut entries).unwrap();
    }
    let mut last = Vec::new();
    let exit = exit_event(9);
    put_entry(&bytes(301, &exit, &Mask::all()), &mut last);

    let marks = BatchMarks { through_seq: 305, head_seq: u64::MAX, redelivered: true };
    let mut response = Vec::new();
    put_batch([entries.as_slice(), &last], marks, &mut response);
    let read = batch(&response);
    assert_eq!(read.events.iter().map(|event| event.seq).collect::<Vec<_>>(), (1..=301).collect::<Vec<_>>());
    assert_eq!(read.events[300], message(301, &exit, &Mask::all()));
    assert_eq!((read.through_seq, read.head_seq, read.redelivered), (305, u64::MAX, true));
    // prost writes the same message in as many bytes.
    assert_eq!(SubscribeResponse::decode(response.as_slice()).unwrap().encoded_len(), response.len());

    response.clear();
    put_batch([], BatchMarks::default(), &mut response);
    assert_eq!(batch(&response), EventBatch::default());
}

#[test]
fn a_row_that_cannot_be_put_leaves_the_batch_as_it_was() {
    let frame = frame(&open_event(1));
    let mut entries = b"before".to_vec();
    let bad = agentsh::encode::stored::Columns { payload: "{\"path\":\"a\",\"flags\":x}", ..columns(&frame) };
    assert!(put_event_entry(1, &bad, &Mask::all(), &mut Vec::new(), &mut entries).is_err());
    assert_eq!(entries, b"before");
}

#[test]
fn an_encoded_response_is_sent_as_it_is_and_read_as_what_it_is() {
    let heartbeat = Heartbeat { through_seq: 1, head_seq: 2, time_us: -3, paused: true, ack_pending: 4 };
    let response = SubscribeResponse { message: Some(subscribe_response::Message::Heartbeat(heartbeat)) };
    let encoded = EncodedResponse::of(&response);
    assert_eq!(encoded.encoded_len(), response.encoded_len());
    assert_eq!(encoded.encode_to_vec(), response.encode_to_vec());
    assert_eq!(SubscribeResponse::decode(encoded.encode_to_vec().as_slice()), Ok(response));
    // Two streams hold the same bytes.
    let other = encoded.clone();
    assert_eq!(other.0.as_ptr(), encoded.0.as_ptr());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn an_encoded_response_reads_the_bytes_that_prost_reads(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
        let known = proto::SubscribeResponse::decode(bytes.as_slice());
        let read = EncodedResponse::decode(bytes.as_slice());
        if let (Ok(known), Ok(read)) = (&known, &read) {
            prop_assert_eq!(&proto::SubscribeResponse::decode(read.0.clone()).unwrap(), known);
        }
        // What is read is what is written: fields, in their order.
        if let Ok(read) = read {
            prop_assert_eq!(&EncodedResponse::decode(Bytes::from(read.encode_to_vec())).unwrap(), &read);
        }
    }
}
