//! OpenTelemetry collectors, over gRPC or HTTP.
