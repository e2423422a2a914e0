//! Tests: detect: rules, the fields that events offer them, ATT&CK's ids, and each built-in rule on events that were recorded.

mod attack;
mod correlations;
mod coverage;
mod killing;
mod pack;
mod reader;
mod regression;
mod rig;
mod rules;
mod screen;
mod sigma;
mod techniques;

use agentsh::detect::sigma::{Limits, Rules, SigmaEngine, Source};
use agentsh::detect::{Engine as _, Finding};
use agentsh::event::{JournaledEvent, Payload, Seq};

use crate::support::event;

/// An engine with the rules of these texts.
fn engine(texts: &[&str]) -> SigmaEngine {
    let sources = texts.iter().enumerate().map(|(at, text)| Source { file: format!("{at}.yml"), text: (*text).to_owned() });
    SigmaEngine::new(Rules::read(&sources.collect::<Vec<_>>(), Limits::default()))
}

/// An event at a place in the journal.
fn journaled(seq: u64, payload: impl Into<Payload>) -> JournaledEvent {
    let event = event(payload);
    JournaledEvent { seq: Seq::new(seq).unwrap(), kind: event.kind(), event }
}

/// The titles of the rules that an event meets.
fn titles(engine: &mut SigmaEngine, event: &JournaledEvent) -> Vec<String> {
    let mut found: Vec<Finding> = Vec::new();
    engine.look(event, &mut found);
    found.iter().map(|finding| engine.rules()[finding.rule].title.clone()).collect()
}

/// A rule with a condition of one selection.
fn rule(title: &str, product: &str, category: &str, selection: &str) -> String {
    format!(
        "title: {title}\nlogsource:\n  product: {product}\n  category: {category}\ndetection:\n  selection:\n    {selection}\n  \
         condition: selection\nlevel: high\ntags: [attack.t1562.001]\n"
    )
}
