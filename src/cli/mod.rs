//! TYPE: a file for each subcommand.
