//! Sinks that are killed between any two steps.
