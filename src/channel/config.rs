//! The channel's own configuration: durability, overload, size.

use serde::{Deserialize, Deserializer};

use crate::event::Family;

/// What it takes before an operation counts as on record.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Durability {
    /// In the recorder's memory: lost if the recorder dies, and then counted.
    Buffered,
    /// In the intake: survives kill -9 of the recorder; on the disk within `sync_interval`.
    #[default]
    CrashSafe,
    /// On the disk before it happens: survives power loss. Operations that wait at once share one sync.
    Durable,
}

impl Durability {
    /// The word that configuration and metrics use.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Durability::Buffered => "buffered",
            Durability::CrashSafe => "crash_safe",
            Durability::Durable => "durable",
        }
    }
}

/// What happens to an operation when the intake is full.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnOverload {
    /// It waits. Nothing is lost; the session runs at the journal's speed.
    #[default]
    Block,
    /// It is refused. Observed events, which cannot be refused, wait.
    Deny,
    /// It is let through unrecorded and counted in an `events_lost`.
    Shed,
}

/// Durability for each class of operation: one word for all, or a word for each family.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DurabilityConfig {
    /// What holds for families that are not named.
    pub default: Durability,
    /// Files and directories.
    pub file: Option<Durability>,
    /// Names, connections, HTTP and TLS.
    pub network: Option<Durability>,
    /// Programs and signals.
    pub process: Option<Durability>,
    /// Unix sockets and pipes.
    pub ipc: Option<Durability>,
    /// The Windows registry.
    pub registry: Option<Durability>,
}

impl DurabilityConfig {
    /// The durability of a family's events.
    #[must_use]
    pub fn of(&self, family: Family) -> Durability {
        match family {
            Family::File => self.file,
            Family::Network => self.network,
            Family::Process => self.process,
            Family::Ipc => self.ipc,
            Family::Registry => self.registry,
            Family::Command | Family::Session | Family::Derived | Family::Outcome | Family::Pipeline => None,
        }
        .unwrap_or(self.default)
    }
}

impl<'de> Deserialize<'de> for DurabilityConfig {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;

        #[derive(Default, Deserialize)]
        #[serde(default, deny_unknown_fields)]
        struct ByFamily {
            default: Durability,
            file: Option<Durability>,
            network: Option<Durability>,
            process: Option<Durability>,
            ipc: Option<Durability>,
            registry: Option<Durability>,
        }

        impl<'de> serde::de::Visitor<'de> for Visitor {
            type Value = DurabilityConfig;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("`buffered`, `crash_safe`, `durable`, or one of them for each of default, file, network, process, ipc, registry")
            }

            fn visit_str<E: serde::de::Error>(self, word: &str) -> Result<DurabilityConfig, E> {
                let default = Durability::deserialize(serde::de::value::StrDeserializer::new(word))?;
                Ok(DurabilityConfig { default, ..DurabilityConfig::default() })
            }

            fn visit_map<A: serde::de::MapAccess<'de>>(self, map: A) -> Result<DurabilityConfig, A::Error> {
                let ByFamily { default, file, network, process, ipc, registry } =
                    ByFamily::deserialize(serde::de::value::MapAccessDeserializer::new(map))?;
                Ok(DurabilityConfig { default, file, network, process, ipc, registry })
            }
        }

        deserializer.deserialize_any(Visitor)
    }
}

/// How the channel hands events over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChannelConfig {
    /// Bytes of the intake's ring. Larger rides out longer stalls of the disk; it is allocated on disk for each recorder.
    pub intake_bytes: u64,
    /// What it takes before an operation counts as on record.
    pub durability: DurabilityConfig,
    /// What happens when the intake is full.
    pub on_overload: OnOverload,
}

impl Default for ChannelConfig {
    fn default() -> Self {
        Self { intake_bytes: 8 << 20, durability: DurabilityConfig::default(), on_overload: OnOverload::Block }
    }
}
