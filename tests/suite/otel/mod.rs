//! OpenTelemetry: log records, spans, collectors that misbehave.
