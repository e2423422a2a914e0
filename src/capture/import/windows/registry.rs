//! Keys as the vocabulary has them: the hive's short name in front.

use crate::event::RegistryValueType;

/// `\REGISTRY\MACHINE\…` → `HKLM\…`, `\REGISTRY\USER\…` → `HKU\…`. Other hives (`\REGISTRY\A\{guid}`) stay what they are.
pub(super) fn key(name: &str) -> String {
    for (nt, short) in [("\\REGISTRY\\MACHINE", "HKLM"), ("\\REGISTRY\\USER", "HKU")] {
        if let Some((head, rest)) = name.split_at_checked(nt.len())
            && head.eq_ignore_ascii_case(nt)
            && (rest.is_empty() || rest.starts_with('\\'))
        {
            return format!("{short}{rest}");
        }
    }
    name.to_owned()
}

/// A key and the name of one of its values, of what names both. The name is what stands behind the last backslash: one that has a
/// backslash itself cannot be told from a key, but both together are the same again.
pub(super) fn key_and_value(object: &str) -> (String, String) {
    let object = key(object);
    match object.rsplit_once('\\') {
        Some((key, "(Default)")) => (key.to_owned(), String::new()),
        Some((key, value)) => (key.to_owned(), value.to_owned()),
        None => (object, String::new()),
    }
}

/// What Sysmon writes for a value: its type where that can be told, and the data. `Binary Data` has none.
pub(super) fn details(details: &str) -> (RegistryValueType, Option<String>) {
    let inner = |name: &str| details.strip_prefix(name)?.strip_prefix(" (")?.strip_suffix(')');
    let hex = |text: &str| text.strip_prefix("0x").and_then(|hex| u64::from_str_radix(hex, 16).ok());
    if let Some(number) = inner("DWORD").and_then(hex) {
        return (RegistryValueType::Dword, Some(number.to_string()));
    }
    if let Some((high, low)) = inner("QWORD").and_then(|words| words.split_once('-'))
        && let (Some(high), Some(low)) = (hex(high), hex(low))
    {
        return (RegistryValueType::Qword, Some(((high << 32) | (low & 0xffff_ffff)).to_string()));
    }
    match details {
        "Binary Data" => (RegistryValueType::Binary, None),
        "(Empty)" => (RegistryValueType::String, Some(String::new())),
        text => (RegistryValueType::String, Some(text.to_owned())),
    }
}

/// The type of a value in a security event (`%%1872` to `%%1883`).
pub(super) fn value_type(code: &str) -> RegistryValueType {
    match code {
        "%%1873" => RegistryValueType::String,
        "%%1874" => RegistryValueType::ExpandString,
        "%%1875" => RegistryValueType::Binary,
        "%%1876" => RegistryValueType::Dword,
        "%%1877" => RegistryValueType::DwordBigEndian,
        "%%1878" => RegistryValueType::Link,
        "%%1879" => RegistryValueType::MultiString,
        "%%1883" => RegistryValueType::Qword,
        _ => RegistryValueType::None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nt_names_become_hives_and_others_stay() {
        for (name, expected) in [
            ("\\REGISTRY\\MACHINE\\SOFTWARE\\A", "HKLM\\SOFTWARE\\A"),
            ("\\Registry\\User\\S-1-5-21\\A", "HKU\\S-1-5-21\\A"),
            ("\\REGISTRY\\A\\{23a0898d}\\B", "\\REGISTRY\\A\\{23a0898d}\\B"),
            ("\\REGISTRY\\MACHINES\\A", "\\REGISTRY\\MACHINES\\A"),
            ("HKLM\\A", "HKLM\\A"),
        ] {
            assert_eq!(key(name), expected);
        }
    }

    #[test]
    fn what_sysmon_writes_for_a_value_has_its_type_and_number() {
        let check = |text: &str, kind, data: Option<&str>| assert_eq!(details(text), (kind, data.map(str::to_owned)), "{text}");
        check("DWORD (0x00000010)", RegistryValueType::Dword, Some("16"));
        check("QWORD (0x00000001-0x00000002)", RegistryValueType::Qword, Some("4294967298"));
        check("Binary Data", RegistryValueType::Binary, None);
        check("C:\\x.exe", RegistryValueType::String, Some("C:\\x.exe"));
        check("DWORD (none)", RegistryValueType::String, Some("DWORD (none)"));
        assert_eq!(key_and_value("HKLM\\A\\(Default)"), ("HKLM\\A".to_owned(), String::new()));
    }
}
