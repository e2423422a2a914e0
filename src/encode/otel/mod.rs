//! The shape of OpenTelemetry: log records and spans.
