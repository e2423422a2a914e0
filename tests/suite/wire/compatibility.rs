//! What is released stays: no field, value or method of a released message changes its number, name, type or label.
//!
//! `proto/released.json` lists everything on the wire. Additions are recorded with `UPDATE_GOLDEN=1`, which never changes or removes what
//! the file says. Something that is gone must be `reserved`, number and name, and its line stays in the file.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use agentsh::encode::proto::DESCRIPTORS;
use prost::Message;
use prost_types::{EnumValueDescriptorProto, FieldDescriptorProto, FileDescriptorProto, FileDescriptorSet};
use serde_json::{Map, Value};

use super::descriptors;
use crate::golden;

const RELEASED: &str = "proto/released.json";

/// For `message X`, `enum X`, `service X`: each part's name and what must stay.
type Parts = BTreeMap<String, BTreeMap<String, String>>;

/// What the files say now.
fn current(files: &[FileDescriptorProto]) -> Parts {
    let mut parts = Parts::new();
    for (name, message) in descriptors::messages(files) {
        let line = |field: &FieldDescriptorProto| {
            let label = descriptors::label(&message, field);
            (field.name().to_owned(), format!("{} {label}{}", field.number(), descriptors::type_name(field)))
        };
        parts.insert(format!("message {name}"), message.field.iter().map(line).collect());
    }
    for (name, one) in descriptors::enums(files) {
        let line = |value: &EnumValueDescriptorProto| (value.name().to_owned(), value.number().to_string());
        parts.insert(format!("enum {name}"), one.value.iter().map(line).collect());
    }
    for service in files.iter().flat_map(|file| &file.service) {
        let lines = service.method.iter().map(|method| {
            let side = |streams: bool, message: &str| {
                format!("{}{}", if streams { "stream " } else { "" }, message.trim_start_matches(".agentsh.v1."))
            };
            let from = side(method.client_streaming(), method.input_type());
            (method.name().to_owned(), format!("{from} -> {}", side(method.server_streaming(), method.output_type())))
        });
        parts.insert(format!("service {}", service.name()), lines.collect());
    }
    parts
}

/// The names and numbers that a message or an enum will never use again.
fn reserved(files: &[FileDescriptorProto], part: &str) -> (BTreeSet<String>, Vec<std::ops::Range<i32>>) {
    let (sort, name) = part.split_once(' ').unwrap();
    match sort {
        "message" => descriptors::messages(files).remove(name).map(|message| {
            let ranges = message.reserved_range.iter().map(|range| range.start()..range.end());
            (message.reserved_name.into_iter().collect(), ranges.collect())
        }),
        // An enum's ranges include their ends.
        "enum" => descriptors::enums(files).remove(name).map(|one| {
            let ranges = one.reserved_range.iter().map(|range| range.start()..range.end() + 1);
            (one.reserved_name.into_iter().collect(), ranges.collect())
        }),
        _ => None,
    }
    .unwrap_or_default()
}

fn released() -> Parts {
    golden::read(RELEASED).map_or_else(Parts::new, |text| serde_json::from_str(&text).unwrap())
}

/// Where the files break what is released.
fn broken(released: &Parts, files: &[FileDescriptorProto]) -> Vec<String> {
    let now = current(files);
    let mut broken = Vec::new();
    for (part, lines) in released {
        let Some(own) = now.get(part) else {
            broken.push(format!("{part} is gone"));
            continue;
        };
        let (names, numbers) = reserved(files, part);
        for (name, line) in lines {
            let number = line.split(' ').next().and_then(|number| number.parse::<i32>().ok());
            match own.get(name) {
                Some(same) if same == line => {}
                Some(other) => broken.push(format!("{part}: `{name}` was `{line}` and is `{other}`")),
                None if names.contains(name) && number.is_some_and(|n| numbers.iter().any(|range| range.contains(&n))) => {}
                None => broken.push(format!("{part}: `{name}` was `{line}` and is gone without being reserved")),
            }
        }
    }
    broken
}

/// The released parts with those that are new.
fn with_additions(mut released: Parts, now: Parts) -> Parts {
    for (part, lines) in now {
        let known = released.entry(part).or_default();
        for (name, line) in lines {
            known.entry(name).or_insert(line);
        }
    }
    released
}

/// By number, so that a reader finds a message as `proto/` has it.
fn text(parts: &Parts) -> String {
    let ordered = |lines: &BTreeMap<String, String>| {
        let mut lines: Vec<_> = lines.iter().collect();
        lines.sort_by_key(|(_, line)| line.split(' ').next().and_then(|number| number.parse::<i32>().ok()));
        lines.into_iter().map(|(name, line)| (name.clone(), Value::from(line.as_str()))).collect::<Map<_, _>>()
    };
    let parts: Map<String, Value> = parts.iter().map(|(part, lines)| (part.clone(), Value::from(ordered(lines)))).collect();
    serde_json::to_string_pretty(&parts).unwrap() + "\n"
}

#[test]
fn what_is_released_has_its_number_name_type_and_label() {
    let (released, files) = (released(), descriptors::files());
    assert!(released.len() > 100, "{RELEASED} lists {} parts", released.len());
    assert_eq!(broken(&released, &files), Vec::<String>::new(), "clients of a released version would break");
}

#[test]
fn everything_on_the_wire_is_on_the_list_of_what_is_released() {
    golden::assert_current(RELEASED, &text(&with_additions(released(), current(&descriptors::files()))));
}

fn check(what: &str, change: impl FnOnce(&mut FileDescriptorProto), wanted: &[&str]) {
    let mut files = descriptors::files();
    let released = current(&files);
    change(files.iter_mut().find(|file| file.name() == descriptors::VOCABULARY).unwrap());
    assert_eq!(broken(&released, &files), wanted, "{what}");
    // The list never forgets: with the change recorded, it still says what was released.
    let recorded = with_additions(released.clone(), current(&files));
    for (part, lines) in &released {
        for (name, line) in lines {
            assert_eq!(recorded[part].get(name), Some(line), "{what}: {part}.{name}");
        }
    }
}

fn fields<'f>(file: &'f mut FileDescriptorProto, message: &str) -> &'f mut Vec<FieldDescriptorProto> {
    &mut file.message_type.iter_mut().find(|one| one.name() == message).unwrap().field
}

#[test]
fn a_change_that_breaks_a_client_is_found() {
    use prost_types::descriptor_proto::ReservedRange;
    use prost_types::field_descriptor_proto::{Label, Type};
    check(
        "number",
        |file| fields(file, "FileRename")[1].number = Some(9),
        &["message FileRename: `to` was `2 string` and is `9 string`"],
    );
    check(
        "name",
        |file| fields(file, "FileRename")[1].name = Some("target".into()),
        &["message FileRename: `to` was `2 string` and is gone without being reserved"],
    );
    check(
        "type",
        |file| fields(file, "FileRename")[2].set_type(Type::Uint64),
        &["message FileRename: `flags` was `3 uint32` and is `3 uint64`"],
    );
    check(
        "label",
        |file| fields(file, "FileRename")[1].set_label(Label::Repeated),
        &["message FileRename: `to` was `2 string` and is `2 repeated string`"],
    );
    check(
        "presence",
        |file| fields(file, "FileClose")[6].proto3_optional = None,
        &["message FileClose: `size_before` was `7 optional uint64` and is `7 oneof _size_before uint64`"],
    );
    check("message", |file| file.message_type.retain(|one| one.name() != "PipeCreate"), &["message PipeCreate is gone"]);
    check("value", |file| file.enum_type[1].value[6].number = Some(7), &["enum Severity: `SEVERITY_FATAL` was `6` and is `7`"]);
    check("enum", |file| file.enum_type.retain(|one| one.name() != "Layer"), &["enum Layer is gone"]);
    check(
        "a removal that reserves the name only",
        |file| {
            let message = file.message_type.iter_mut().find(|one| one.name() == "FileRename").unwrap();
            message.field.truncate(2);
            message.reserved_name.push("flags".into());
        },
        &["message FileRename: `flags` was `3 uint32` and is gone without being reserved"],
    );
    check(
        "a removal that is reserved",
        |file| {
            let message = file.message_type.iter_mut().find(|one| one.name() == "FileRename").unwrap();
            message.field.truncate(2);
            message.reserved_name.push("flags".into());
            message.reserved_range.push(ReservedRange { start: Some(3), end: Some(4) });
        },
        &[],
    );
    check(
        "an addition",
        |file| {
            let mut more = fields(file, "FileRename")[1].clone();
            (more.name, more.number) = (Some("more".into()), Some(4));
            fields(file, "FileRename").push(more);
        },
        &[],
    );
}

#[test]
fn a_method_that_changes_or_goes_is_found() {
    let released = current(&descriptors::files());
    let with = |change: &dyn Fn(&mut prost_types::ServiceDescriptorProto)| {
        let mut files = descriptors::files();
        let services = files.iter_mut().flat_map(|file| &mut file.service);
        change(services.into_iter().find(|service| service.name() == "EventService").unwrap());
        broken(&released, &files)
    };
    assert_eq!(with(&|_| {}), Vec::<String>::new());
    assert_eq!(
        with(&|service| service.method[0].server_streaming = None),
        [
            "service EventService: `Subscribe` was `SubscribeRequest -> stream SubscribeResponse` and is `SubscribeRequest -> SubscribeResponse`"
        ]
    );
    assert_eq!(
        with(&|service| service.method.retain(|method| method.name() != "Ack")),
        ["service EventService: `Ack` was `AckRequest -> AckResponse` and is gone without being reserved"]
    );
}

/// Files beneath `proto/`, as they import each other.
fn proto_files(folder: &Path, root: &Path) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path: PathBuf = entry.unwrap().path();
        if path.is_dir() {
            found.extend(proto_files(&path, root));
        } else if path.extension().is_some_and(|extension| extension == "proto") {
            found.insert(path.strip_prefix(root).unwrap().to_str().unwrap().to_owned());
        }
    }
    found
}

#[test]
fn every_file_of_the_folder_is_compiled_and_described() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("proto");
    let there = proto_files(&root, &root);
    let build = golden::read("build.rs").unwrap();
    let listed: BTreeSet<String> =
        build.split('"').filter(|word| word.starts_with("agentsh/") && word.ends_with(".proto")).map(str::to_owned).collect();
    assert_eq!(listed, there, "the list in build.rs");
    let described: BTreeSet<String> = descriptors::files().iter().map(|file| file.name().to_owned()).collect();
    assert_eq!(described, there, "the descriptors");
    // What they import is described too, or a client that uses reflection could not read them.
    let all = FileDescriptorSet::decode(DESCRIPTORS).unwrap().file;
    for import in all.iter().flat_map(|file| &file.dependency) {
        assert!(all.iter().any(|file| file.name() == import), "{import}");
    }
}
