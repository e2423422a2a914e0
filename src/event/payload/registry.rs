//! The Windows registry. Keys are absolute and start with a hive's short name (`HKLM\…`, `HKU\<SID>\…`).

use super::{payload, words};

words! {
    /// The type of a registry value (winnt.h `REG_*`).
    pub enum RegistryValueType {
        /// `REG_NONE`.
        #[default]
        None => "none",
        /// `REG_SZ`.
        String => "sz",
        /// `REG_EXPAND_SZ`.
        ExpandString => "expand_sz",
        /// `REG_BINARY`.
        Binary => "binary",
        /// `REG_DWORD`.
        Dword => "dword",
        /// `REG_DWORD_BIG_ENDIAN`.
        DwordBigEndian => "dword_big_endian",
        /// `REG_LINK`.
        Link => "link",
        /// `REG_MULTI_SZ`.
        MultiString => "multi_sz",
        /// `REG_QWORD`.
        Qword => "qword",
    }
}

payload! {
    /// A key is made.
    pub struct RegistryCreateKey {
        /// The key.
        pub key: String,
    }

    /// A key is opened.
    pub struct RegistryOpenKey {
        /// The key.
        pub key: String,
        /// The rights asked for (`KEY_*` bits of winnt.h).
        pub access: u32,
    }

    /// A value is read.
    pub struct RegistryQueryValue {
        /// The key.
        pub key: String,
        /// The value's name; empty for the key's default value.
        pub value_name: String,
    }

    /// A value is set.
    pub struct RegistrySetValue {
        /// The key.
        pub key: String,
        /// The value's name; empty for the key's default value.
        pub value_name: String,
        /// The value's type.
        pub value_type: RegistryValueType,
        /// The value in text form (strings as they are, numbers in decimal, bytes in hex), redacted.
        pub data: Option<String>,
        /// Bytes of the value.
        pub size: Option<u64>,
        /// The value as the source writes it (Sysmon: `DWORD (0x00000001)`), redacted, where it is not made from type and data.
        pub details: Option<String>,
    }

    /// A value is removed.
    pub struct RegistryDeleteValue {
        /// The key.
        pub key: String,
        /// The value's name; empty for the key's default value.
        pub value_name: String,
    }

    /// A key is removed.
    pub struct RegistryDeleteKey {
        /// The key.
        pub key: String,
    }

    /// A key gets another name.
    pub struct RegistryRenameKey {
        /// The key under its old name.
        pub key: String,
        /// The key under its new name.
        pub new_key: String,
    }
}
