//! ASK: filters over the journal.
