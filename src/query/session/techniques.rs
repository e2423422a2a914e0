//! How often detections named each technique of ATT&CK.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use super::error::StoryError;
use crate::event::Kind;
use crate::query::{Filter, Reader};

/// Detections by the technique's id, as it was named then: of one session, by its full name, or of all.
///
/// # Errors
/// [`StoryError`].
pub fn technique_counts(reader: &Reader, session: Option<&str>) -> Result<BTreeMap<String, u64>, StoryError> {
    let sessions = session.map(str::to_owned).into_iter().collect();
    let filter = Filter { sessions, kinds: vec![Kind::Detection], ..Filter::default() };
    let mut counts = BTreeMap::new();
    reader.rows::<StoryError>(0, &filter.conditions(), |row| {
        let named: Option<Vec<String>> = row.columns.attack.and_then(|attack| serde_json::from_str(attack).ok());
        for technique in named.unwrap_or_default() {
            *counts.entry(technique).or_default() += 1;
        }
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(counts)
}
