//! Batches to an HTTP endpoint, signed.
