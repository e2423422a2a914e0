//! Tests: proxy.
