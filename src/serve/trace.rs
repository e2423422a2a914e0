//! Whose work a call is: the span of its caller, where it says so (W3C Trace Context).

use opentelemetry::trace::{SpanContext, SpanId, TraceContextExt as _, TraceFlags, TraceId, TraceState};
use opentelemetry::{Context, ContextGuard};

use crate::event::trace::TraceParent;

/// The header, and the metadata, that says so.
pub(super) const TRACEPARENT: &str = "traceparent";

/// A span that is made while the guard lives is a child of the caller's. A header that is malformed counts as none (Trace Context §4.3).
pub(super) fn within(header: Option<&http::HeaderValue>) -> Option<ContextGuard> {
    let caller: TraceParent = header?.to_str().ok()?.parse().ok()?;
    let (trace, span) = (TraceId::from_bytes(*caller.trace.as_bytes()), SpanId::from_bytes(*caller.span.as_bytes()));
    let remote = SpanContext::new(trace, span, TraceFlags::new(caller.flags), true, TraceState::NONE);
    Some(Context::new().with_remote_span_context(remote).attach())
}
