//! Every stage's own Config, read and checked together.
