//! The row's columns against the vocabulary: no field without a place, no place without a field.

use agentsh::encode::arrow::{Column, Data, Field, Rows, Target, actor_fields, fields, imported_fields, schema, sensor_fields};
use agentsh::encode::stored::{self, Columns};
use agentsh::event::{Event, EventId, Kind, Payload};
use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{Array, RecordBatch};
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};

use super::rig::{full_event, stored_payload};
use crate::golden;
use crate::vocabulary::samples::Schema;

fn batch_of(events: &[Event]) -> RecordBatch {
    let mut rows = Rows::new(false);
    for (event, seq) in events.iter().zip(1..) {
        let mut frame = Vec::new();
        stored::encode(event, &mut frame);
        rows.push(seq, &Columns::parse(&frame).unwrap().0, &[]);
    }
    rows.finish().unwrap()
}

/// What a column holds in a row, as the JSON of the field it came from.
fn shown(batch: &RecordBatch, column: Column, row: usize) -> Value {
    let array = batch.column_by_name(column.as_str()).unwrap();
    if array.is_null(row) {
        return Value::Null;
    }
    match column.data() {
        Data::Integer => json!(array.as_primitive::<Int64Type>().value(row)),
        Data::Text => json!(array.as_string::<i32>().value(row)),
        Data::Flag => json!(array.as_boolean().value(row)),
        Data::Id => json!(EventId::from_bytes(array.as_fixed_size_binary().value(row).try_into().unwrap())),
        Data::Texts => {
            let list = array.as_list::<i32>().value(row);
            json!(list.as_string::<i32>().iter().map(Option::unwrap).collect::<Vec<_>>())
        }
        Data::Integers => {
            let list = array.as_list::<i32>().value(row);
            json!(list.as_primitive::<Int64Type>().values().to_vec())
        }
        Data::Time | Data::Hash => panic!("no field of a payload goes into `{}`", column.as_str()),
    }
}

/// Fields and columns that disagree, for one object of a payload.
fn disagreements(batch: &RecordBatch, row: usize, own: &[Field], object: &Value, path: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    for (name, value) in object.as_object().unwrap() {
        if path.is_empty() && (name == "actor" || name == "sensor" || name == "imported") {
            continue;
        }
        let place = format!("{path}{name}");
        match own.iter().find(|(field, _)| field == name).map(|(_, target)| target) {
            None => wrong.push(format!("{place} has no place")),
            Some(Target::Object(inner)) => wrong.extend(disagreements(batch, row, inner, value, &format!("{place}."))),
            Some(Target::PayloadOnly(reason)) => assert!(reason.len() > 10, "{place}: {reason}"),
            Some(Target::Column(column) | Target::Envelope(column)) => {
                // A number beyond the type is null, and so is a list with one.
                let beyond = |value: &Value| value.as_u64().is_some_and(|number| i64::try_from(number).is_err());
                let any = beyond(value) || value.as_array().is_some_and(|list| list.iter().any(beyond));
                let expected = if any { &Value::Null } else { value };
                let found = shown(batch, *column, row);
                if found != *expected {
                    wrong.push(format!("{place} is {expected}, `{}` holds {found}", column.as_str()));
                }
            }
        }
    }
    wrong
}

fn all_disagreements(event: &Event, own: &[Field]) -> Vec<String> {
    let (batch, payload) = (batch_of(std::slice::from_ref(event)), stored_payload(event));
    let mut wrong = disagreements(&batch, 0, own, &payload, "");
    for (key, fields) in [("actor", actor_fields()), ("sensor", sensor_fields()), ("imported", imported_fields())] {
        if let Some(object) = payload.get(key) {
            wrong.extend(disagreements(&batch, 0, fields, object, &format!("{key}.")));
        }
    }
    wrong
}

#[test]
fn every_field_of_every_kind_is_in_its_column_or_declared_to_be_in_the_payload_alone() {
    let schema = Schema::new();
    for (place, kind) in Kind::ALL.iter().enumerate() {
        let event = full_event(&schema, place, *kind);
        assert_eq!(all_disagreements(&event, fields(*kind)), Vec::<String>::new(), "{}", kind.as_str());
    }
    // Under another kind's table, fields have no place.
    let rename = full_event(&schema, 0, Kind::FileRename);
    assert_eq!(all_disagreements(&rename, fields(Kind::FileDelete)), ["to has no place", "flags has no place"]);
}

#[test]
fn no_place_is_for_a_field_that_is_not_there_and_places_are_in_the_fields_order() {
    let schema = Schema::new();
    let misplaced = |kind: Kind, own: &[Field]| {
        let known: Vec<&str> = schema.fields(kind);
        let order: Vec<&str> = own.iter().map(|(name, _)| *name).collect();
        known != order
    };
    for kind in Kind::ALL {
        assert!(!misplaced(*kind, fields(*kind)), "{}", kind.as_str());
    }
    assert!(misplaced(Kind::FileClose, &fields(Kind::FileClose)[1..]));
    assert!(misplaced(Kind::FileDelete, fields(Kind::FileRename)));
}

#[test]
fn no_kind_fills_a_column_twice_and_every_column_is_filled_by_something() {
    fn columns(own: &[Field], into: &mut Vec<Column>) {
        for (_, target) in own {
            match target {
                Target::Column(column) => into.push(*column),
                Target::Object(inner) => columns(inner, into),
                Target::Envelope(_) | Target::PayloadOnly(_) => {}
            }
        }
    }
    let envelope = [
        Column::Seq,
        Column::Id,
        Column::Time,
        Column::SessionId,
        Column::CommandId,
        Column::Cause,
        Column::Kind,
        Column::Family,
        Column::Subject,
        Column::Decision,
        Column::Rule,
        Column::Severity,
        Column::Attack,
        Column::Pid,
        Column::Payload,
        Column::Leaf,
    ];
    let mut filled = Vec::new();
    for kind in Kind::ALL {
        let mut own = envelope.to_vec();
        columns(fields(*kind), &mut own);
        columns(actor_fields(), &mut own);
        columns(sensor_fields(), &mut own);
        columns(imported_fields(), &mut own);
        let all = own.len();
        own.sort_unstable();
        own.dedup();
        assert_eq!(own.len(), all, "{} fills a column twice", kind.as_str());
        filled.extend(own);
    }
    let idle: Vec<_> = Column::ALL.iter().filter(|column| !filled.contains(column)).collect();
    assert!(idle.is_empty(), "{idle:?}");
}

#[test]
fn any_payload_that_fits_is_scanned_as_a_json_reader_reads_it() {
    let schema = Schema::new();
    let mut runner = TestRunner::deterministic();
    for kind in Kind::ALL {
        for _case in 0..12 {
            let payload = schema.arbitrary(schema.payload(*kind)).new_tree(&mut runner).unwrap().current();
            let actor = schema.arbitrary(schema.definition("#/$defs/Actor")).new_tree(&mut runner).unwrap().current();
            let event = Event {
                actor: Some(serde_json::from_value(actor).unwrap()),
                payload: Payload::from_json(*kind, &payload.to_string()).unwrap(),
                ..full_event(&schema, 1, *kind)
            };
            assert_eq!(all_disagreements(&event, fields(*kind)), Vec::<String>::new(), "{} {payload}", kind.as_str());
        }
    }
}

#[test]
fn a_payload_that_is_no_json_fills_the_envelope_alone_and_is_kept() {
    let event = full_event(&Schema::new(), 0, Kind::FileOpen);
    let mut frame = Vec::new();
    stored::encode(&event, &mut frame);
    let columns = Columns::parse(&frame).unwrap().0;
    let texts = [
        "",
        "{",
        "[]",
        "null",
        "{\"path\":",
        "{\"path\":\"a",
        "{\"path\":\"\\",
        "{\"path\":{\"a\":[1,{}]},\"flags\":\"x\"}",
        "{\"path\" \"a\"}",
        "{\"flags\":1e400}",
        "{\"path\":\"\\ud800\"}",
        "{\"actor\":[1,2]}",
        "{\"a\":]}",
        "{\"flags\":}",
    ];
    let mut rows = Rows::new(false);
    for (text, seq) in texts.iter().zip(1..) {
        rows.push(seq, &Columns { payload: text, kind: if seq == 1 { "later_kind" } else { "file_open" }, ..columns }, &[]);
    }
    let batch = rows.finish().unwrap();
    for (row, text) in texts.iter().enumerate() {
        assert_eq!(shown(&batch, Column::Payload, row), json!(text));
        assert_eq!(shown(&batch, Column::Path, row), Value::Null, "{text}");
        assert_eq!(shown(&batch, Column::Flags, row), Value::Null, "{text}");
        assert_eq!(shown(&batch, Column::Pid, row), json!(event.actor.as_ref().unwrap().pid));
    }
    // Spaces and another order are read.
    rows.push(1, &Columns { payload: " { \"flags\" : 7 , \"path\" : \"a\\nb\" } ", ..columns }, &[]);
    let batch = rows.finish().unwrap();
    assert_eq!((shown(&batch, Column::Path, 0), shown(&batch, Column::Flags, 0)), (json!("a\nb"), json!(7)));
}

#[test]
fn the_page_in_the_documentation_lists_the_columns_as_they_are() {
    let (begin, end) = ("<!-- columns -->\n", "<!-- end -->");
    let page = golden::read("docs/parquet.md").unwrap();
    let mut table = String::from("\n| column | type | what |\n|---|---|---|\n");
    for column in Column::ALL {
        table += &format!("| `{}` | {} | {} |\n", column.as_str(), column.data().words(), column.about());
    }
    table.push('\n');
    let (before, rest) = page.split_once(begin).unwrap();
    let (_, after) = rest.split_once(end).unwrap();
    golden::assert_current("docs/parquet.md", &format!("{before}{begin}{table}{end}{after}"));
    assert_eq!(schema().fields().len(), Column::ALL.len());
}
