//! The types of the envelope's numbers and names: position, identity, time, severity.

use std::borrow::Cow;
use std::fmt;
use std::num::NonZeroU64;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::kind::Kind;

/// Position of an event in the journal. Assigned at commit, starting at 1, without gaps (G-3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(transparent)]
pub struct Seq(NonZeroU64);

impl Seq {
    /// The position of the first event of a journal.
    pub const FIRST: Seq = Seq(NonZeroU64::MIN);

    /// `None` for 0, which is the position before the first event.
    #[must_use]
    pub const fn new(number: u64) -> Option<Self> {
        match NonZeroU64::new(number) {
            Some(number) => Some(Self(number)),
            None => None,
        }
    }

    /// The position as a number, at least 1.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0.get()
    }
}

impl fmt::Display for Seq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Identity of an event: a UUIDv7 (RFC 9562 §5.7) for an observed event, a UUIDv8 (§5.8) made from the cause for a derived one,
/// so that a replay gives it again (G-6).
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EventId(Uuid);

impl EventId {
    /// A UUIDv7 from a wall-clock time in milliseconds since 1970 and ten random bytes.
    #[must_use]
    pub fn observed(unix_ms: u64, random: [u8; 10]) -> Self {
        Self(uuid::Builder::from_unix_timestamp_millis(unix_ms, &random).into_uuid())
    }

    /// The id of the `index`-th event of `kind` that derives from `cause`.
    ///
    /// The first 16 bytes of SHA-256 over `agentsh derived 1`, the cause's 16 bytes, the kind's name, a zero byte and the index
    /// (big endian), with the version and variant bits of a UUIDv8.
    #[must_use]
    pub fn derived(cause: EventId, kind: Kind, index: u32) -> Self {
        let digest = Sha256::new()
            .chain_update(b"agentsh derived 1")
            .chain_update(cause.0.as_bytes())
            .chain_update(kind.as_str().as_bytes())
            .chain_update([0])
            .chain_update(index.to_be_bytes())
            .finalize();
        let mut bytes = [0_u8; 16];
        for (to, from) in bytes.iter_mut().zip(digest.iter()) {
            *to = *from;
        }
        Self(uuid::Builder::from_custom_bytes(bytes).into_uuid())
    }

    /// The id of the detection that a rule makes on `cause`.
    ///
    /// The first 16 bytes of SHA-256 over `agentsh detection 1`, the cause's 16 bytes and the rule's id, with the version and variant
    /// bits of a UUIDv8.
    #[must_use]
    pub fn of_detection(cause: EventId, rule_id: &str) -> Self {
        let digest = Sha256::new()
            .chain_update(b"agentsh detection 1")
            .chain_update(cause.0.as_bytes())
            .chain_update(rule_id.as_bytes())
            .finalize();
        let mut bytes = [0_u8; 16];
        for (to, from) in bytes.iter_mut().zip(digest.iter()) {
            *to = *from;
        }
        Self(uuid::Builder::from_custom_bytes(bytes).into_uuid())
    }

    /// The 16 bytes, as the journal's `id` and `cause` columns hold them.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 16] {
        self.0.as_bytes()
    }

    /// The id that these 16 bytes are.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(Uuid::from_bytes(bytes))
    }
}

impl fmt::Debug for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0.as_hyphenated(), f)
    }
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0.as_hyphenated(), f)
    }
}

impl std::str::FromStr for EventId {
    type Err = uuid::Error;

    fn from_str(text: &str) -> Result<Self, uuid::Error> {
        Uuid::parse_str(text).map(Self)
    }
}

impl schemars::JsonSchema for EventId {
    fn schema_name() -> Cow<'static, str> {
        "EventId".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({"type": "string", "format": "uuid"})
    }
}

/// Wall-clock time in microseconds since 1970-01-01T00:00:00Z, leap seconds not counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(transparent)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The time that lies `micros` microseconds after 1970 (before it, if negative).
    #[must_use]
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// Microseconds since 1970.
    #[must_use]
    pub const fn as_micros(self) -> i64 {
        self.0
    }
}

macro_rules! name {
    ($(#[$doc:meta])* $type:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $type(Arc<str>);

        impl $type {
            /// Takes the name as it is.
            #[must_use]
            pub fn new(name: impl Into<Arc<str>>) -> Self {
                Self(name.into())
            }

            /// The name.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Debug for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&self.0, f)
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer).map(Self::new)
            }
        }

        impl schemars::JsonSchema for $type {
            fn schema_name() -> Cow<'static, str> {
                stringify!($type).into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({"type": "string"})
            }
        }
    };
}

name! {
    /// Name of a session: one recorded run, from `session_created` to `session_ended`.
    SessionId
}
name! {
    /// Name of a command that a user asked a session to run.
    CommandId
}
name! {
    /// An ATT&CK technique or sub-technique, such as `T1552.004`.
    TechniqueId
}

/// How much an event matters, with the numbers of OCSF 1.8.0 `severity_id`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Nothing to act on.
    #[default]
    Informational,
    /// Worth a look when it repeats.
    Low,
    /// Worth a look.
    Medium,
    /// Someone should look soon.
    High,
    /// Someone must look now.
    Critical,
    /// Damage that cannot be undone.
    Fatal,
}

impl Severity {
    /// Every severity, least first.
    pub const ALL: [Severity; 6] =
        [Severity::Informational, Severity::Low, Severity::Medium, Severity::High, Severity::Critical, Severity::Fatal];

    /// OCSF's `severity_id`, 1 to 6; the journal's `severity` column.
    #[must_use]
    pub const fn number(self) -> u8 {
        match self {
            Severity::Informational => 1,
            Severity::Low => 2,
            Severity::Medium => 3,
            Severity::High => 4,
            Severity::Critical => 5,
            Severity::Fatal => 6,
        }
    }

    /// The severity that a number stands for.
    #[must_use]
    pub fn from_number(number: i64) -> Option<Self> {
        Self::ALL.into_iter().find(|severity| i64::from(severity.number()) == number)
    }
}
