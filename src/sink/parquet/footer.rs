//! What a file says of itself: key-value pairs in its footer.
//!
//! | key | value |
//! |---|---|
//! | `agentsh.version` | version of agentsh that wrote the file |
//! | `agentsh.schema` | version of the row's schema, 1 |
//! | `agentsh.journal_id` | the journal |
//! | `agentsh.first_seq`, `agentsh.last_seq` | the range |
//! | `agentsh.tree_before`, `agentsh.tree_after` | the Merkle tree's frontier (base64 of its hashes, largest subtree first) before the first event and behind the last |
//! | `agentsh.root` | root of the tree behind the last event, in hex |
//! | `agentsh.blocks` | base64 of a SHA-256 for each 1,024 events: over their leaves, one behind the other |

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use parquet::file::metadata::KeyValue;

use super::error::LakeError;
use crate::journal::{Frontier, Hash};

/// Version of the row's schema.
pub(super) const SCHEMA: &str = "1";

/// Events that share one hash in the footer.
pub(super) const BLOCK: u64 = 1_024;

/// The footer's key-value pairs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Footer {
    /// Version of agentsh that wrote the file.
    pub version: String,
    /// The journal.
    pub journal_id: String,
    /// `seq` of the first event.
    pub first: u64,
    /// `seq` of the last event.
    pub last: u64,
    /// The tree before the first event; absent where it was not known.
    pub tree_before: Option<Frontier>,
    /// The tree behind the last event; absent where the one before was not known.
    pub tree_after: Option<Frontier>,
    /// For each 1,024 events, SHA-256 over their leaves.
    pub blocks: Vec<Hash>,
}

impl Footer {
    pub(super) fn to_pairs(&self) -> Vec<KeyValue> {
        let pair = |key: &str, value: String| KeyValue::new(format!("agentsh.{key}"), value);
        let mut pairs = vec![
            pair("version", self.version.clone()),
            pair("schema", SCHEMA.to_owned()),
            pair("journal_id", self.journal_id.clone()),
            pair("first_seq", self.first.to_string()),
            pair("last_seq", self.last.to_string()),
            pair("blocks", STANDARD.encode(self.blocks.concat())),
        ];
        if let (Some(before), Some(after)) = (&self.tree_before, &self.tree_after) {
            pairs.push(pair("tree_before", STANDARD.encode(before.to_bytes())));
            pairs.push(pair("tree_after", STANDARD.encode(after.to_bytes())));
            pairs.push(pair("root", hex(&after.root())));
        }
        pairs
    }

    pub(super) fn from_pairs(file: &str, pairs: Option<&Vec<KeyValue>>) -> Result<Self, LakeError> {
        let wrong = |key: &'static str| LakeError::Footer { file: file.to_owned(), key };
        let get = |key: &'static str| {
            let found = pairs.into_iter().flatten().find(|pair| pair.key.strip_prefix("agentsh.") == Some(key));
            found.and_then(|pair| pair.value.as_deref())
        };
        let number = |key: &'static str| get(key).and_then(|text| text.parse::<u64>().ok()).ok_or_else(|| wrong(key));
        if get("schema") != Some(SCHEMA) {
            return Err(wrong("schema"));
        }
        let (first, last) = (number("first_seq")?, number("last_seq")?);
        let tree = |key: &'static str, size: u64| match get(key) {
            None => Ok(None),
            Some(text) => {
                let bytes = STANDARD.decode(text).map_err(|_| wrong(key))?;
                Frontier::from_parts(size, &bytes).map(Some).ok_or_else(|| wrong(key))
            }
        };
        let blocks = STANDARD.decode(get("blocks").ok_or_else(|| wrong("blocks"))?).map_err(|_| wrong("blocks"))?;
        let (blocks, rest) = blocks.as_chunks::<32>();
        if !rest.is_empty() || first == 0 || first > last {
            return Err(wrong("blocks"));
        }
        Ok(Self {
            version: get("version").unwrap_or_default().to_owned(),
            journal_id: get("journal_id").ok_or_else(|| wrong("journal_id"))?.to_owned(),
            first,
            last,
            tree_before: tree("tree_before", first - 1)?,
            tree_after: tree("tree_after", last)?,
            blocks: blocks.to_vec(),
        })
    }
}

pub(super) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
