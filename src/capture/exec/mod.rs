//! The command and its whole process tree.
