//! What `proto/` says, as lines that can be compared: from the descriptors that the program carries.

use std::collections::BTreeMap;

use agentsh::encode::proto::DESCRIPTORS;
use prost::Message;
use prost_types::field_descriptor_proto::{Label, Type};
use prost_types::{DescriptorProto, EnumDescriptorProto, FieldDescriptorProto, FileDescriptorProto, FileDescriptorSet};

pub const VOCABULARY: &str = "agentsh/v1/event.proto";

/// The files of `proto/`, without those that they import from elsewhere.
pub fn files() -> Vec<FileDescriptorProto> {
    let all = FileDescriptorSet::decode(DESCRIPTORS).unwrap().file;
    all.into_iter().filter(|file| file.package() == "agentsh.v1").collect()
}

/// The file of the vocabulary.
pub fn vocabulary() -> FileDescriptorProto {
    files().into_iter().find(|file| file.name() == VOCABULARY).unwrap()
}

/// Every message, those within another under its name (`StreamEnd.Reason` for an enum).
pub fn messages(files: &[FileDescriptorProto]) -> BTreeMap<String, DescriptorProto> {
    fn within(prefix: &str, message: &DescriptorProto, found: &mut BTreeMap<String, DescriptorProto>) {
        let name = format!("{prefix}{}", message.name());
        for inner in &message.nested_type {
            within(&format!("{name}."), inner, found);
        }
        found.insert(name, message.clone());
    }
    let mut found = BTreeMap::new();
    for message in files.iter().flat_map(|file| &file.message_type) {
        within("", message, &mut found);
    }
    found
}

/// Every enum, those within a message under its name.
pub fn enums(files: &[FileDescriptorProto]) -> BTreeMap<String, EnumDescriptorProto> {
    let own = files.iter().flat_map(|file| &file.enum_type).map(|one| (one.name().to_owned(), one.clone()));
    let inner = messages(files)
        .into_iter()
        .flat_map(|(name, message)| message.enum_type.into_iter().map(move |one| (format!("{name}.{}", one.name()), one)));
    own.chain(inner).collect()
}

/// The type of a field by its name in `proto/`; a message or enum of ours without the package.
pub fn type_name(field: &FieldDescriptorProto) -> String {
    match field.r#type() {
        Type::Message | Type::Enum => field.type_name().trim_start_matches(".agentsh.v1.").to_owned(),
        scalar => scalar.as_str_name().trim_start_matches("TYPE_").to_lowercase(),
    }
}

/// `optional`, `repeated`, `oneof <name>`, or nothing.
pub fn label(message: &DescriptorProto, field: &FieldDescriptorProto) -> String {
    match field.oneof_index {
        _ if field.label() == Label::Repeated => "repeated ".to_owned(),
        _ if field.proto3_optional() => "optional ".to_owned(),
        Some(at) => format!("oneof {} ", message.oneof_decl[usize::try_from(at).unwrap()].name()),
        None => String::new(),
    }
}

/// The word of an enum's value: its name without the enum's, in lower case. `None` for 0, which says that nothing is set.
pub fn words(one: &EnumDescriptorProto) -> Vec<(String, i32)> {
    let mut prefix = String::new();
    for (at, ch) in one.name().char_indices() {
        if at > 0 && ch.is_uppercase() {
            prefix.push('_');
        }
        prefix.push(ch.to_ascii_uppercase());
    }
    prefix.push('_');
    let (zero, rest) = one.value.split_first().unwrap();
    assert_eq!((zero.name(), zero.number()), (format!("{prefix}UNSPECIFIED").as_str(), 0));
    rest.iter().map(|value| (value.name().strip_prefix(&prefix).unwrap().to_lowercase(), value.number())).collect()
}
