//! What agentsh says of itself: metrics, traces, dashboards.
