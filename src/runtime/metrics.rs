//! Metrics: declared once, with unit and help.

/// Placeholder until the table lands.
pub struct Metrics {
    /// x
    pub gate_latency: H,
}
/// x
pub struct H;
impl H {
    /// x
    pub fn observe(&self, _l: &str, _v: u64) {}
}
static M: Metrics = Metrics { gate_latency: H };
/// x
pub fn metrics() -> &'static Metrics {
    &M
}
