//! What a question about a technique is about today: ids that ATT&CK retired stand for what took their place.

use crate::detect::attack::{UnknownTechnique, attack};

/// Today's ids of the techniques that are asked for.
///
/// # Errors
/// [`UnknownTechnique`] for the first id that no version of ATT&CK has.
pub fn techniques_asked<'a>(ids: impl IntoIterator<Item = &'a String>) -> Result<Vec<String>, UnknownTechnique> {
    let asked = ids.into_iter().map(|id| attack().asked(id)).collect::<Result<Vec<_>, _>>()?;
    Ok(asked.into_iter().flatten().collect())
}
