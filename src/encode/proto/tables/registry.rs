//! The Windows registry: numbers on the wire.

use super::super::form::{messages, words};
use crate::event::*;

words! {
    RegistryValueType { None = None, String = Sz, ExpandString = ExpandSz, Binary = Binary, Dword = Dword, DwordBigEndian = DwordBigEndian, Link = Link, MultiString = MultiSz, Qword = Qword }
}

messages! {
    RegistryCreateKey { key: String = 1 }
    RegistryOpenKey { key: String = 1, access: u32 = 2 }
    RegistryQueryValue { key: String = 1, value_name: String = 2 }
    RegistrySetValue { key: String = 1, value_name: String = 2, value_type: RegistryValueType = 3, data: Option<String> = 4, size: Option<u64> = 5, details: Option<String> = 6 }
    RegistryDeleteValue { key: String = 1, value_name: String = 2 }
    RegistryDeleteKey { key: String = 1 }
    RegistryRenameKey { key: String = 1, new_key: String = 2 }
}
