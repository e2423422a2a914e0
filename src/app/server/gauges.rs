//! Gauges that are read and not counted: other recorders move the journal too.

use crate::journal::{Journal, ReaderStore};
use crate::runtime::metrics::metrics;

/// Brings them up to date.
pub(super) fn refresh(journal: &Journal) {
    let (used, capacity) = journal.channel().intake().usage();
    metrics().channel_bytes.set(used);
    metrics().channel_capacity.set(capacity);
    let Ok(store) = ReaderStore::open(&journal.data_dir().journal()) else { return };
    match (store.head(), store.last_checkpoint()) {
        (Ok(head), Ok(checkpoint)) => {
            metrics().journal_head.set(head);
            metrics().checkpoint_size.set(checkpoint.map_or(0, |checkpoint| checkpoint.tree_size));
        }
        (Err(error), _) | (_, Err(error)) => tracing::warn!(%error, "the journal's head cannot be read for the metrics"),
    }
}
