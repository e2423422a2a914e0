//! Keys as events spell them: a driver sends NT paths, and what is on record has one spelling of a hive.

use crate::event::{Payload, registry_key};

/// The payload with the keys of registry operations in the spelling of events.
pub(super) fn spelt(mut payload: Payload) -> Payload {
    if let Payload::RegistryRenameKey(rename) = &mut payload {
        spell(&mut rename.new_key);
    }
    if let Payload::RegistryCreateKey(crate::event::RegistryCreateKey { key })
    | Payload::RegistryOpenKey(crate::event::RegistryOpenKey { key, .. })
    | Payload::RegistryQueryValue(crate::event::RegistryQueryValue { key, .. })
    | Payload::RegistrySetValue(crate::event::RegistrySetValue { key, .. })
    | Payload::RegistryDeleteValue(crate::event::RegistryDeleteValue { key, .. })
    | Payload::RegistryDeleteKey(crate::event::RegistryDeleteKey { key })
    | Payload::RegistryRenameKey(crate::event::RegistryRenameKey { key, .. }) = &mut payload
    {
        spell(key);
    }
    payload
}

fn spell(key: &mut String) {
    let spelt = registry_key(key).into_owned();
    *key = spelt;
}
