//! The messages are the vocabulary: every kind, every field, its type, its words and what is said of it, in both directions.

use std::collections::{BTreeMap, BTreeSet};

use agentsh::event::{Kind, Severity};
use prost_types::{DescriptorProto, EnumValueDescriptorProto, FieldDescriptorProto, FileDescriptorProto};
use serde_json::Value;

use super::descriptors;
use crate::vocabulary::samples::{Schema, Shape, shape};

/// Every name with what it is: `FileOpen.path` → `string`, `FileAccess` → its words.
type Lines = BTreeMap<String, String>;

/// Text with one space between words, and each mark of a list of words as it stands.
fn prose(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// What `event.proto` says.
fn of_wire(file: &FileDescriptorProto) -> Lines {
    let mut lines = Lines::new();
    let files = std::slice::from_ref(file);
    for (name, message) in descriptors::messages(files) {
        for field in &message.field {
            let label = descriptors::label(&message, field);
            lines.insert(format!("{name}.{}", field.name()), format!("{label}{}", descriptors::type_name(field)));
        }
    }
    for (name, one) in descriptors::enums(files) {
        let words: BTreeSet<String> = descriptors::words(&one).into_iter().map(|(word, _)| word).collect();
        lines.insert(name, Vec::from_iter(words).join(" "));
    }
    lines
}

/// What the Rust types say, by their schema.
fn of_vocabulary(schema: &Schema) -> Lines {
    let mut lines = Lines::new();
    for (name, property) in schema.0["properties"].as_object().unwrap() {
        if name != "payload" {
            add_field(schema, &format!("Event.{name}"), property, &mut lines);
        }
    }
    for kind in Kind::ALL {
        let name = definition_name(schema, *kind);
        lines.insert(format!("Event.{}", kind.as_str()), format!("oneof payload {name}"));
        add_message(schema, &name, schema.payload(*kind), &mut lines);
    }
    // Only on the wire: it follows from the payload.
    lines.insert("Event.subject".to_owned(), "optional string".to_owned());
    lines
}

fn definition_name(schema: &Schema, kind: Kind) -> String {
    let definitions = schema.0["$defs"].as_object().unwrap();
    definitions.iter().find(|(_, definition)| std::ptr::eq(*definition, schema.payload(kind))).unwrap().0.clone()
}

fn add_message(schema: &Schema, name: &str, definition: &Value, lines: &mut Lines) {
    for (field, property) in definition["properties"].as_object().unwrap() {
        add_field(schema, &format!("{name}.{field}"), property, lines);
    }
}

fn add_field(schema: &Schema, path: &str, property: &Value, lines: &mut Lines) {
    let may_be_null = property["type"].as_array().is_some_and(|types| types.contains(&"null".into()));
    let (label, value) = match shape(property) {
        Shape::Nullable(value) => ("optional ", value),
        Shape::List(items) => ("repeated ", items),
        _ if may_be_null => ("optional ", property),
        _ => ("", property),
    };
    let name = type_of(schema, value, lines);
    // A message has presence by itself.
    let is_message = name.starts_with(char::is_uppercase) && !lines.contains_key(&name);
    let label = if is_message && label == "optional " { "" } else { label };
    lines.insert(path.to_owned(), format!("{label}{name}"));
}

/// The type's name in `proto/`. What it refers to is added.
fn type_of(schema: &Schema, value: &Value, lines: &mut Lines) -> String {
    match shape(value) {
        Shape::Reference(reference) => {
            let name = reference.rsplit('/').next().unwrap();
            let definition = schema.definition(reference);
            match shape(definition) {
                Shape::Words(words) => {
                    let words: BTreeSet<&str> = words.iter().filter_map(Value::as_str).collect();
                    lines.insert(name.to_owned(), Vec::from_iter(words).join(" "));
                    name.to_owned()
                }
                Shape::Object(_) => {
                    add_message(schema, name, definition, lines);
                    name.to_owned()
                }
                _ => type_of(schema, definition, lines),
            }
        }
        Shape::Text | Shape::Address => "string".to_owned(),
        Shape::Bool => "bool".to_owned(),
        // proto3 has no narrower number.
        Shape::Integer("uint16") => "uint32".to_owned(),
        Shape::Integer(format) => format.to_owned(),
        Shape::Nullable(_) | Shape::List(_) | Shape::Words(_) | Shape::Object(_) => panic!("{value}"),
    }
}

/// What only one side says.
fn differences(wire: &Lines, vocabulary: &Lines) -> Vec<String> {
    let names: BTreeSet<&String> = wire.keys().chain(vocabulary.keys()).collect();
    let line = |lines: &Lines, name: &str| lines.get(name).cloned().unwrap_or_else(|| "nothing".to_owned());
    names
        .into_iter()
        .filter(|name| wire.get(*name) != vocabulary.get(*name))
        .map(|name| format!("{name}: `{}` on the wire, `{}` in the vocabulary", line(wire, name), line(vocabulary, name)))
        .collect()
}

#[test]
fn the_messages_are_the_vocabulary_field_by_field() {
    let (wire, vocabulary) = (of_wire(&descriptors::vocabulary()), of_vocabulary(&Schema::new()));
    assert!(wire.len() > 300, "{} names", wire.len());
    assert_eq!(differences(&wire, &vocabulary), Vec::<String>::new());
}

/// The file with one thing changed.
fn changed(change: impl FnOnce(&mut FileDescriptorProto)) -> FileDescriptorProto {
    let mut file = descriptors::vocabulary();
    change(&mut file);
    file
}

fn message<'f>(file: &'f mut FileDescriptorProto, name: &str) -> &'f mut DescriptorProto {
    file.message_type.iter_mut().find(|message| message.name() == name).unwrap()
}

fn field<'f>(file: &'f mut FileDescriptorProto, name: &str, field: &str) -> &'f mut FieldDescriptorProto {
    message(file, name).field.iter_mut().find(|one| one.name() == field).unwrap()
}

#[test]
fn a_message_that_differs_from_the_vocabulary_is_found() {
    use prost_types::field_descriptor_proto::{Label, Type};
    let vocabulary = of_vocabulary(&Schema::new());
    let found = |change: &dyn Fn(&mut FileDescriptorProto)| differences(&of_wire(&changed(change)), &vocabulary);
    assert_eq!(found(&|_| {}), Vec::<String>::new());
    for (change, wanted) in [
        // A field that is not there, one too many, another name, another type, another width, another label.
        (
            &(|file: &mut FileDescriptorProto| message(file, "FileRename").field.retain(|f| f.name() != "to")) as &dyn Fn(&mut _),
            "FileRename.to",
        ),
        (
            &|file| {
                message(file, "FileDelete").field.push(FieldDescriptorProto { name: Some("more".into()), ..Default::default() })
            },
            "FileDelete.more",
        ),
        (&|file| field(file, "Actor", "exe").name = Some("image".into()), "Actor.exe"),
        (&|file| field(file, "FileOpen", "path").set_type(Type::Bytes), "FileOpen.path"),
        (&|file| field(file, "FileClose", "reads").set_type(Type::Uint32), "FileClose.reads"),
        (&|file| field(file, "SignalSent", "target_pid").set_type(Type::Uint64), "SignalSent.target_pid"),
        (&|file| field(file, "ProcessExec", "argv").set_label(Label::Optional), "ProcessExec.argv"),
        (&|file| field(file, "FileClose", "size_before").proto3_optional = None, "FileClose.size_before"),
        (&|file| field(file, "FileOpen", "access").type_name = Some(".agentsh.v1.FileType".into()), "FileOpen.access"),
        (&|file| field(file, "Event", "dir_list").type_name = Some(".agentsh.v1.DirCreate".into()), "Event.dir_list"),
        (&|file| file.message_type.retain(|message| message.name() != "DirList"), "DirList.path"),
        // Words.
        (
            &|file| {
                file.enum_type[3].value.pop();
            },
            "FileType",
        ),
        (
            &|file| {
                file.enum_type[0].value.push(EnumValueDescriptorProto {
                    name: Some("KIND_FILE_EATEN".into()),
                    number: Some(999),
                    options: None,
                })
            },
            "Kind",
        ),
    ] {
        let differences = found(change);
        assert!(differences.iter().any(|line| line.starts_with(&format!("{wanted}:"))), "{wanted}: {differences:?}");
    }
}

#[test]
fn a_kind_has_one_number_as_a_word_and_as_a_payload() {
    let file = descriptors::vocabulary();
    let event = file.message_type.iter().find(|message| message.name() == "Event").unwrap();
    let kinds = descriptors::words(&file.enum_type[0]);
    let payloads: Vec<(String, i32)> = event
        .field
        .iter()
        .filter(|field| descriptors::label(event, field) == "oneof payload ")
        .map(|field| (field.name().to_owned(), field.number()))
        .collect();
    assert_eq!(kinds, payloads);
    let known: Vec<&str> = Kind::ALL.iter().map(|kind| kind.as_str()).collect();
    assert_eq!(kinds.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), known);
    for (name, number) in kinds {
        assert_eq!(agentsh::encode::proto::kind_of_number(number).map(Kind::as_str), Some(name.as_str()));
    }
    assert_eq!(agentsh::encode::proto::kind_of_number(0), None);
}

#[test]
fn a_severity_has_the_number_of_ocsf() {
    let file = descriptors::vocabulary();
    let severities = file.enum_type.iter().find(|one| one.name() == "Severity").unwrap();
    let numbers: Vec<i32> = descriptors::words(severities).into_iter().map(|(_, number)| number).collect();
    assert_eq!(numbers, Severity::ALL.map(|severity| i32::from(severity.number())));
}

/// What is said of each name in `event.proto`.
fn comments(file: &FileDescriptorProto) -> Lines {
    let info = file.source_code_info.clone().unwrap_or_default();
    let mut comments = Lines::new();
    for place in info.location {
        let at = |index: usize| usize::try_from(place.path[index]).unwrap();
        // Numbers of the fields of FileDescriptorProto (4, 5) and of what they hold (2).
        let name = match place.path.as_slice() {
            [4, _] => file.message_type[at(1)].name().to_owned(),
            [4, _, 2, _] => {
                let message = &file.message_type[at(1)];
                format!("{}.{}", message.name(), message.field[at(3)].name())
            }
            [5, _] => file.enum_type[at(1)].name().to_owned(),
            [5, _, 2, _] => {
                let one = &file.enum_type[at(1)];
                match at(3).checked_sub(1) {
                    Some(word) => format!("{}.{}", one.name(), descriptors::words(one)[word].0),
                    None => continue,
                }
            }
            _ => continue,
        };
        comments.insert(name, prose(place.leading_comments()));
    }
    comments
}

/// What is said of each name of the vocabulary beside the envelope's.
fn descriptions(schema: &Schema) -> Lines {
    let mut lines = Lines::new();
    for (name, definition) in schema.0["$defs"].as_object().unwrap() {
        let text = |value: &Value| prose(value["description"].as_str().unwrap_or_default());
        for (field, property) in definition["properties"].as_object().into_iter().flatten() {
            lines.insert(format!("{name}.{field}"), text(property));
        }
        let words = definition["oneOf"].as_array().filter(|_| !["Kind", "Severity"].contains(&name.as_str()));
        for word in words.into_iter().flatten() {
            lines.insert(format!("{name}.{}", word["const"].as_str().unwrap()), text(word));
        }
        if definition["properties"].is_object() || words.is_some() {
            lines.insert(name.clone(), text(definition));
        }
    }
    lines
}

#[test]
fn the_comments_of_the_messages_say_what_the_vocabulary_says() {
    let (comments, descriptions) = (comments(&descriptors::vocabulary()), descriptions(&Schema::new()));
    let said = |name: &str| comments.get(name).cloned().unwrap_or_default();
    let differ: Vec<String> = descriptions
        .iter()
        .filter(|(name, text)| said(name) != **text)
        .map(|(name, text)| format!("{name}: `{}` in event.proto, `{text}` in the vocabulary", said(name)))
        .collect();
    assert!(descriptions.len() > 300, "{}", descriptions.len());
    assert_eq!(differ, Vec::<String>::new());
    // And nothing of the envelope is without a word.
    for name in
        ["seq", "id", "time_us", "session_id", "command_id", "cause", "actor", "sensor", "kind", "severity", "attack", "subject"]
    {
        assert!(!said(&format!("Event.{name}")).is_empty(), "{name}");
    }
}
