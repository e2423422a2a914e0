//! COMPOSITION ROOT: build, pipeline, shutdown.
