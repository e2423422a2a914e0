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

#[test]
fn a_program_is_forgotten_where_it_was_refused_and_not_where_it_only_would_have_been() {
    use agentsh::channel::decision_event;
    use agentsh::detect::Processes;
    use agentsh::event::{Decision, ProcessExec};
    use agentsh::policy::Judgement;

    let exec = event(ProcessExec { path: "/usr/bin/curl".into(), ..ProcessExec::default() });
    let pid = exec.actor.as_ref().unwrap().pid;
    let judged = Judgement::new(Decision::Deny, None, "a test says so");
    for (judgement, is_running) in [(judged.clone(), false), (judged.in_hindsight(), true)] {
        let mut processes = Processes::default();
        processes.take(&exec);
        processes.take(&decision_event(&exec, &judgement, ""));
        assert_eq!(processes.get(pid).is_some(), is_running, "{judgement:?}");
    }
}
