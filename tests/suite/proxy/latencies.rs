//! Each step of the proxy's work is timed.

use agentsh::event::Kind;
use agentsh::runtime::metrics::{ProxyStep, metrics};

use super::Proxy;
use super::origin::{Origin, ok};

#[test]
fn a_connection_a_first_byte_an_exchange_and_a_query_are_timed() {
    let (origin, _asked) = Origin::answering(|_| ok("hello"));
    let proxy = Proxy::start();
    let steps = [ProxyStep::Connect, ProxyStep::FirstByte, ProxyStep::Exchange, ProxyStep::Dns];
    let counts = || steps.map(|step| metrics().proxy_latency.of(step).count());
    let before = counts();
    assert_eq!(proxy.connect().get(&origin.url("/")).status, 200);
    // Its server refuses at once, which is an answer too.
    assert_ne!(proxy.connect().get("http://name.test/").status, 200);
    proxy.recording.wait(Kind::HttpResponse, 2);
    for ((step, before), after) in steps.into_iter().zip(before).zip(counts()) {
        assert!(after > before, "{step:?}");
    }
}
