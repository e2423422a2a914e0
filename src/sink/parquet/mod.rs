//! The lake: sealed Parquet files, exactly once.
