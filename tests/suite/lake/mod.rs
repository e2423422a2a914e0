//! Parquet: rows, files, sealing, exactly once.
