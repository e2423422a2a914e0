//! Names of registry keys: which hive a key stands in, whatever way it is spelt, and the spelling that events use.
//!
//! A kernel driver sees NT paths (`\REGISTRY\MACHINE\…`), programs and tools write Win32 names (`HKEY_LOCAL_MACHINE\…`, `HKLM\…`,
//! PowerShell's `HKLM:\…`, the registry editor's `Computer\HKEY_LOCAL_MACHINE\…`). They name the same key. Hives that an application loads
//! for itself (`\REGISTRY\A\{guid}`) have no Win32 name and stay what they are.

use std::borrow::Cow;

/// The hive that a key's name starts with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RegistryHive {
    /// `HKLM`, `HKEY_LOCAL_MACHINE`, `\REGISTRY\MACHINE`.
    LocalMachine,
    /// `HKU`, `HKEY_USERS`, `\REGISTRY\USER`: the next segment is a user's SID.
    Users,
    /// `HKCU`, `HKEY_CURRENT_USER`: the hive of a user whose SID the name does not say.
    CurrentUser,
    /// `HKCR`, `HKEY_CLASSES_ROOT`: the classes of the machine and of the user, seen as one.
    ClassesRoot,
    /// `HKCC`, `HKEY_CURRENT_CONFIG`: a part of `HKLM`.
    CurrentConfig,
    /// `HKEY_CURRENT_USER_LOCAL_SETTINGS`: a part of `HKCU`.
    LocalSettings,
}

/// Every name of a hive, in capitals.
const NAMES: [(&str, RegistryHive); 11] = [
    ("HKLM", RegistryHive::LocalMachine),
    ("HKU", RegistryHive::Users),
    ("HKCU", RegistryHive::CurrentUser),
    ("HKCR", RegistryHive::ClassesRoot),
    ("HKCC", RegistryHive::CurrentConfig),
    ("HKEY_LOCAL_MACHINE", RegistryHive::LocalMachine),
    ("HKEY_USERS", RegistryHive::Users),
    ("HKEY_CURRENT_USER", RegistryHive::CurrentUser),
    ("HKEY_CLASSES_ROOT", RegistryHive::ClassesRoot),
    ("HKEY_CURRENT_CONFIG", RegistryHive::CurrentConfig),
    ("HKEY_CURRENT_USER_LOCAL_SETTINGS", RegistryHive::LocalSettings),
];

impl RegistryHive {
    /// The hive that a name starts with and what follows it, without the separators between; `None` where the name starts with no hive
    /// that has a Win32 name.
    #[must_use]
    pub fn split(key: &str) -> Option<(Self, &str)> {
        let (first, rest) = segment(key);
        if first.eq_ignore_ascii_case("REGISTRY") {
            let (second, rest) = segment(rest);
            return match () {
                () if second.eq_ignore_ascii_case("MACHINE") => Some((Self::LocalMachine, rest)),
                () if second.eq_ignore_ascii_case("USER") => Some((Self::Users, rest)),
                () => None,
            };
        }
        // The registry editor's address bar.
        let (first, rest) = if first.eq_ignore_ascii_case("Computer") { segment(rest) } else { (first, rest) };
        let first = first.strip_suffix(':').unwrap_or(first);
        NAMES.iter().find(|(name, _)| first.eq_ignore_ascii_case(name)).map(|(_, hive)| (*hive, rest))
    }

    /// What the hive's name is written as, with the part of another hive that it stands for.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::LocalMachine => "HKLM",
            Self::Users => "HKU",
            Self::CurrentUser => "HKCU",
            Self::ClassesRoot => "HKCR",
            Self::CurrentConfig => r"HKLM\SYSTEM\CurrentControlSet\Hardware Profiles\Current",
            Self::LocalSettings => r"HKCU\Software\Classes\Local Settings",
        }
    }
}

/// The first segment and what follows it; separators in a row count as one, as they do in a name that was put together.
fn segment(key: &str) -> (&str, &str) {
    let key = key.trim_start_matches('\\');
    let (first, rest) = key.split_once('\\').unwrap_or((key, ""));
    (first, rest.trim_start_matches('\\'))
}

/// The key as events spell it: the hive's short name, one separator between segments, none at the end. What follows the hive keeps its
/// case and its segments. A name that starts with no hive that has a Win32 name stays as it is.
#[must_use]
pub fn registry_key(key: &str) -> Cow<'_, str> {
    let Some((hive, rest)) = RegistryHive::split(key) else { return Cow::Borrowed(key) };
    let short = hive.as_str();
    let plain = |tail: &str| tail.is_empty() || (tail.starts_with('\\') && !tail.ends_with('\\') && !tail.contains(r"\\"));
    if key.strip_prefix(short).is_some_and(plain) {
        return Cow::Borrowed(key);
    }
    let mut spelt = String::with_capacity(short.len() + rest.len() + 1);
    spelt.push_str(short);
    for part in rest.split('\\').filter(|part| !part.is_empty()) {
        spelt.push('\\');
        spelt.push_str(part);
    }
    Cow::Owned(spelt)
}
