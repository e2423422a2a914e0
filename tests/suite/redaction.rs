//! Tests: redaction.
