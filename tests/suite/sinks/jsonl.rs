//! JSON lines in files.
