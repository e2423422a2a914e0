//! Collectors, good and bad.
