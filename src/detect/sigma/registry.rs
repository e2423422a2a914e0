//! Registry events in Sysmon's shape (events 12, 13 and 14).

use std::borrow::Cow;

use crate::event::{Payload, RegistryValueType};

/// The name that Sysmon gives a key's default value.
const DEFAULT_VALUE: &str = "(Default)";

/// What Sysmon says of a value that it does not show.
const BINARY: &str = "Binary Data";

/// What Sysmon says of a registry event, but for `Details`.
pub(super) struct Change<'a> {
    /// `EventType`.
    pub(super) event_type: &'static str,
    /// `TargetObject`: the key, and the value's name behind it.
    pub(super) target_object: Cow<'a, str>,
    /// `NewName` of a rename.
    pub(super) new_name: Option<Cow<'a, str>>,
}

/// What Sysmon says of an event of the registry; reads, which it does not see, have names of our own.
pub(super) fn change(payload: &Payload) -> Option<Change<'_>> {
    let of_key = |event_type, key| Some(Change { event_type, target_object: current(key), new_name: None });
    let of_value = |event_type, key, name| Some(Change { event_type, target_object: value(key, name), new_name: None });
    if let Payload::RegistrySetValue(p) = payload {
        of_value("SetValue", &p.key, &p.value_name)
    } else if let Payload::RegistryCreateKey(p) = payload {
        of_key("CreateKey", &p.key)
    } else if let Payload::RegistryDeleteValue(p) = payload {
        of_value("DeleteValue", &p.key, &p.value_name)
    } else if let Payload::RegistryDeleteKey(p) = payload {
        of_key("DeleteKey", &p.key)
    } else if let Payload::RegistryRenameKey(p) = payload {
        let change = Change { event_type: "RenameKey", target_object: current(&p.key), new_name: Some(current(&p.new_key)) };
        Some(change)
    } else if let Payload::RegistryOpenKey(p) = payload {
        of_key("OpenKey", &p.key)
    } else if let Payload::RegistryQueryValue(p) = payload {
        of_value("QueryValue", &p.key, &p.value_name)
    } else {
        None
    }
}

/// `Details` of a value that was set; `Some(None)` when nothing is known of it.
pub(super) fn details(payload: &Payload) -> Option<Option<Cow<'_, str>>> {
    let Payload::RegistrySetValue(set) = payload else { return None };
    let Some(data) = set.data.as_deref() else { return Some(None) };
    let details = match set.value_type {
        RegistryValueType::Dword | RegistryValueType::DwordBigEndian => match number(data) {
            Some(number) => Cow::Owned(format!("DWORD (0x{number:08x})")),
            // It is in Sysmon's words already.
            None => Cow::Borrowed(data),
        },
        RegistryValueType::Qword => match number(data) {
            Some(number) => Cow::Owned(format!("QWORD (0x{:08x}-0x{:08x})", number >> 32, number & 0xffff_ffff)),
            None => Cow::Borrowed(data),
        },
        RegistryValueType::Binary => Cow::Borrowed(BINARY),
        RegistryValueType::String
        | RegistryValueType::ExpandString
        | RegistryValueType::MultiString
        | RegistryValueType::Link
        | RegistryValueType::None => {
            if data.is_empty() {
                Cow::Borrowed("(Empty)")
            } else {
                Cow::Borrowed(data)
            }
        }
    };
    Some(Some(details))
}

fn number(data: &str) -> Option<u64> {
    match data.strip_prefix("0x").or_else(|| data.strip_prefix("0X")) {
        Some(hex) => u64::from_str_radix(hex, 16).ok(),
        None => data.parse().ok(),
    }
}

fn value<'a>(key: &'a str, name: &str) -> Cow<'a, str> {
    let name = if name.is_empty() { DEFAULT_VALUE } else { name };
    Cow::Owned(format!("{}\\{name}", current(key)))
}

/// Sysmon writes the control set in use as `CurrentControlSet`, whatever its number.
fn current(key: &str) -> Cow<'_, str> {
    const SYSTEM: &str = "HKLM\\SYSTEM\\ControlSet";
    let Some(head) = key.get(..SYSTEM.len()).filter(|head| head.eq_ignore_ascii_case(SYSTEM)) else {
        return Cow::Borrowed(key);
    };
    let rest = key.get(SYSTEM.len()..).unwrap_or_default();
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    let after = rest.get(digits..).unwrap_or_default();
    if digits != 3 || !(after.is_empty() || after.starts_with('\\')) {
        return Cow::Borrowed(key);
    }
    let system = head.get(..head.len() - "ControlSet".len()).unwrap_or_default();
    Cow::Owned(format!("{system}CurrentControlSet{after}"))
}
