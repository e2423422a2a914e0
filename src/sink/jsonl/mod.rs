//! JSON Lines files, ours or OCSF.
