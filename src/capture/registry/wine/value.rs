//! Data of values: its type and its text form.

use std::fmt::Write as _;

use crate::event::{RegistryValueType, redact};

/// The type with this number (winnt.h `REG_*`); one that is none counts as bytes.
#[must_use]
pub const fn value_type(number: u32) -> RegistryValueType {
    match number {
        0 => RegistryValueType::None,
        1 => RegistryValueType::String,
        2 => RegistryValueType::ExpandString,
        4 => RegistryValueType::Dword,
        5 => RegistryValueType::DwordBigEndian,
        6 => RegistryValueType::Link,
        7 => RegistryValueType::MultiString,
        11 => RegistryValueType::Qword,
        _ => RegistryValueType::Binary,
    }
}

/// Data as text: texts as they are (the lines of a `REG_MULTI_SZ` on lines), numbers in decimal, all else in hex. What the value's name
/// says to be a secret is taken out (G-7).
#[must_use]
pub fn data(value_type: RegistryValueType, name: &str, bytes: &[u8]) -> String {
    let plain = match (value_type, bytes) {
        (RegistryValueType::String | RegistryValueType::ExpandString | RegistryValueType::Link, _) => {
            utf16(bytes).trim_end_matches('\0').to_owned()
        }
        (RegistryValueType::MultiString, _) => utf16(bytes).trim_end_matches('\0').replace('\0', "\n"),
        (RegistryValueType::Dword, [a, b, c, d]) => u32::from_le_bytes([*a, *b, *c, *d]).to_string(),
        (RegistryValueType::DwordBigEndian, [a, b, c, d]) => u32::from_be_bytes([*a, *b, *c, *d]).to_string(),
        (RegistryValueType::Qword, [a, b, c, d, e, f, g, h]) => u64::from_le_bytes([*a, *b, *c, *d, *e, *f, *g, *h]).to_string(),
        (
            RegistryValueType::None
            | RegistryValueType::Binary
            | RegistryValueType::Dword
            | RegistryValueType::DwordBigEndian
            | RegistryValueType::Qword,
            _,
        ) => hex(bytes),
    };
    redact::named_value(name, &plain)
}

fn utf16(bytes: &[u8]) -> String {
    let units: Vec<u16> = bytes.chunks_exact(2).map(|pair| u16::from_le_bytes(pair.try_into().unwrap_or_default())).collect();
    String::from_utf16_lossy(&units)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
