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
impl Metrics {
    /// x
    pub fn committed(&self, _e: u64, _t: u64, _h: u64) {}
    /// x
    pub fn lost(&self, _h: &str, _n: u64) {}
}
static M: Metrics = Metrics { gate_latency: H };
/// x
pub fn metrics() -> &'static Metrics {
    &M
}
