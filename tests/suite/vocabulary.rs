//! Tests: vocabulary.
