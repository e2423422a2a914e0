//! The wire form: messages, their numbers, masks.
