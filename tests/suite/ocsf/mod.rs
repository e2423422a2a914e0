//! OCSF: every kind against the schema.
