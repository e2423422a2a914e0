//! Every `unsafe` system call that no crate wraps safely, each with its SAFETY sentence.
