//! REMEMBER: the journal.
