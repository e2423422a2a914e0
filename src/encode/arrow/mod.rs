//! The columnar shape: one flat typed row for an event.
