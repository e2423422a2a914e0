//! What a question about a technique is about today: ids that ATT&CK retired stand for what took their place.

use crate::detect::attack::attack;

/// Today's ids of the techniques that are asked for.
#[must_use]
pub fn techniques_asked<'a>(ids: impl IntoIterator<Item = &'a String>) -> Vec<String> {
    ids.into_iter().flat_map(|id| attack().asked(id)).collect()
}
