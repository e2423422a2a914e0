//! The registry's kinds: 201001 Registry Key Activity and 201002 Registry Value Activity.

use super::class::Class;
use super::object::Object;
use super::record::Body;
use crate::event::{RegistryRenameKey, RegistrySetValue, RegistryValueType};

pub(super) fn key(path: &str) -> Object {
    Object::new().with("path", path)
}

pub(super) fn value(key: &str, name: &str) -> Object {
    Object::new().with("name", name).with("path", key).with("is_default", name.is_empty())
}

pub(super) fn key_activity(activity: u8, path: &str) -> Body {
    Body::new(Class::RegistryKey, activity).fields(Object::new().with("reg_key", key(path)))
}

pub(super) fn opened(path: &str, access: u32) -> Body {
    key_activity(6, path).fields(Object::new().with("access_mask", access))
}

pub(super) fn renamed(p: &RegistryRenameKey) -> Body {
    key_activity(5, &p.new_key).fields(Object::new().with("prev_reg_key", key(&p.key)))
}

pub(super) fn value_activity(activity: u8, key: &str, name: &str) -> Body {
    Body::new(Class::RegistryValue, activity).fields(Object::new().with("reg_value", value(key, name)))
}

/// `type_id` and `type` of a registry value.
const fn value_type(value_type: RegistryValueType) -> (u8, &'static str) {
    match value_type {
        RegistryValueType::Binary => (1, "REG_BINARY"),
        RegistryValueType::Dword => (2, "REG_DWORD"),
        RegistryValueType::DwordBigEndian => (3, "REG_DWORD_BIG_ENDIAN"),
        RegistryValueType::ExpandString => (4, "REG_EXPAND_SZ"),
        RegistryValueType::Link => (5, "REG_LINK"),
        RegistryValueType::MultiString => (6, "REG_MULTI_SZ"),
        RegistryValueType::None => (7, "REG_NONE"),
        RegistryValueType::Qword => (8, "REG_QWORD"),
        RegistryValueType::String => (10, "REG_SZ"),
    }
}

pub(super) fn set(p: &RegistrySetValue) -> Body {
    let (type_id, type_name) = value_type(p.value_type);
    let data = p.data.as_deref();
    let value = value(&p.key, &p.value_name).with("type_id", type_id).with("type", type_name).maybe("data", data);
    let value = match p.value_type {
        RegistryValueType::String | RegistryValueType::ExpandString | RegistryValueType::Link => {
            value.maybe("reg_string_data", data)
        }
        RegistryValueType::Dword | RegistryValueType::DwordBigEndian | RegistryValueType::Qword => {
            value.maybe("reg_integer_data", data.and_then(|data| data.parse::<i64>().ok()))
        }
        RegistryValueType::None | RegistryValueType::Binary | RegistryValueType::MultiString => value,
    };
    Body::new(Class::RegistryValue, 2).fields(Object::new().with("reg_value", value))
}
