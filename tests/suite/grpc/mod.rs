//! The gRPC server: keys, roles, TLS, limits, policies, ingest.
