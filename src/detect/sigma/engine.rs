//! `SigmaEngine`: shows each event to the rules of its log sources.

use std::collections::BTreeMap;

use rsigma_eval::{CompiledRule, Engine as Matching, EvaluationResult, compile_rule};

use super::category::{Category, Product, categories};
use super::correlate::{Correlations, Counts};
use super::load::{Fault, Rules};
use super::session::{Session, Sessions};
use super::view::{Shown, View};
use crate::detect::engine::{Engine, SessionState};
use crate::detect::finding::{Finding, RuleInfo};
use crate::event::{JournaledEvent, Payload};

/// The rules of one log source: those of any product, and those of each.
#[derive(Default)]
struct Routed {
    any: Option<Matching>,
    of_product: [Option<Matching>; Product::ALL.len()],
}

/// Sigma's rules, ready to look at events.
pub struct SigmaEngine {
    infos: Vec<RuleInfo>,
    faults: Vec<Fault>,
    numbers: BTreeMap<String, usize>,
    routes: Vec<Routed>,
    correlations: Correlations,
    sessions: Sessions,
    /// What one event was recognised as, kept to be filled again.
    recognised: Vec<EvaluationResult>,
}

impl SigmaEngine {
    /// Compiles the rules. One that does not compile becomes a fault.
    #[must_use]
    pub fn new(mut rules: Rules) -> Self {
        let mut batches: BTreeMap<(Category, Option<Product>), Vec<CompiledRule>> = BTreeMap::new();
        let mut numbers = BTreeMap::new();
        let mut refused = Vec::new();
        for loaded in &rules.loaded {
            match compile_rule(&loaded.rule) {
                Ok(compiled) => {
                    numbers.insert(loaded.rule.id.clone().unwrap_or_default(), loaded.number);
                    for category in &loaded.categories {
                        batches.entry((*category, loaded.product)).or_default().push(compiled.clone());
                    }
                }
                Err(error) => refused.push((loaded.number, error.to_string())),
            }
        }
        rules.loaded.retain(|loaded| !refused.iter().any(|(number, _)| *number == loaded.number));
        for (number, reason) in refused {
            rules.refuse(number, reason);
        }
        let mut routes: Vec<Routed> = Category::ALL.iter().map(|_| Routed::default()).collect();
        for ((category, product), batch) in batches {
            let mut matching = Matching::new();
            matching.extend_compiled_rules(batch);
            for filter in &rules.filters.filters {
                if let Err(error) = matching.apply_filter(filter) {
                    let (file, rule) = ("(filter)".to_owned(), Some(filter.title.clone()));
                    rules.faults.push(Fault { file, line: None, rule, reason: error.to_string(), refused: true });
                }
            }
            let place = routes.get_mut(category as usize).map(|routed| match product {
                Some(product) => routed.of_product.get_mut(product as usize),
                None => Some(&mut routed.any),
            });
            if let Some(place) = place.flatten() {
                *place = Some(matching);
            }
        }
        let correlations = Correlations::new(&mut rules);
        Self {
            infos: rules.infos,
            faults: rules.faults,
            numbers,
            routes,
            correlations,
            sessions: Sessions::default(),
            recognised: Vec::new(),
        }
    }

    /// What was wrong with the rules.
    #[must_use]
    pub fn faults(&self) -> &[Fault] {
        &self.faults
    }

    fn ask(&mut self, event: &JournaledEvent, found: &mut Vec<Finding>) {
        let Self { numbers, routes, correlations, sessions, recognised, .. } = self;
        let of = &event.event;
        let name = of.session_id.as_ref().map_or("", |session| session.as_str());
        let Some(session) = sessions.of(correlations, name, event.seq.get()) else { return };
        let Session { processes, requests, counts, changed, .. } = session;
        let request = requests.take(of);
        let actor = of.actor.as_ref();
        let process = actor.and_then(|actor| processes.get(actor.pid));
        let parent = actor.and_then(|actor| processes.get(actor.ppid?));
        let shown = Shown::new(event.seq, of, process, parent, request.as_deref());
        let product = Product::of(of);
        let before = found.len();
        for category in categories(&of.payload) {
            let Some(routed) = routes.get(*category as usize) else { continue };
            let of_product = routed.of_product.get(product as usize).and_then(Option::as_ref);
            if of_product.is_none() && routed.any.is_none() {
                continue;
            }
            let view = View { shown: &shown, category: *category };
            for matching in of_product.into_iter().chain(&routed.any) {
                recognised.append(&mut matching.evaluate(&view));
            }
            if recognised.is_empty() {
                continue;
            }
            for result in recognised.iter() {
                let Some(id) = result.header.rule_id.as_deref().filter(|id| !correlations.silences(id)) else { continue };
                let Some(&rule) = numbers.get(id) else { continue };
                found.push(Finding { rule, events: vec![event.seq] });
            }
            recognised.retain(|result| result.header.rule_id.as_deref().is_some_and(|id| correlations.counts(id)));
            if !recognised.is_empty() {
                if counts.is_none() {
                    *counts = Counts::new(correlations, None);
                }
                if let Some(counts) = counts {
                    counts.take(correlations, &view, std::mem::take(recognised), found);
                    *changed = true;
                }
            }
            recognised.clear();
        }
        // A rule that an event meets in two of its categories has found one thing.
        if found.len() > before + 1
            && let Some(of_event) = found.get_mut(before..)
        {
            of_event.sort_by_key(|finding| finding.rule);
            let mut last = None;
            let mut at = 0;
            found.retain(|finding| {
                at += 1;
                if at <= before {
                    return true;
                }
                let new = last != Some(finding.rule);
                last = Some(finding.rule);
                new
            });
        }
    }

    fn tables(&mut self, event: &JournaledEvent, with_requests: bool) {
        let of = &event.event;
        let name = of.session_id.as_ref().map_or("", |session| session.as_str());
        if matches!(of.payload, Payload::SessionEnded(_)) {
            self.sessions.end(name);
            return;
        }
        // Processes of events without a session are of no one machine: nothing is said of their parents.
        if name.is_empty() {
            return;
        }
        if let Some(session) = self.sessions.of(&self.correlations, name, event.seq.get()) {
            session.processes.take(of);
            if with_requests {
                let _completed = session.requests.take(of);
            }
        }
    }
}

impl Engine for SigmaEngine {
    fn rules(&self) -> &[RuleInfo] {
        &self.infos
    }

    fn knows(&self, session: &str) -> bool {
        self.sessions.knows(session)
    }

    fn take_up(&mut self, session: &str, state: Option<&str>) -> bool {
        self.sessions.take_up(&self.correlations, session, state)
    }

    fn remember(&mut self, event: &JournaledEvent) {
        self.tables(event, true);
    }

    fn look(&mut self, event: &JournaledEvent, found: &mut Vec<Finding>) {
        if !categories(&event.event.payload).is_empty() {
            self.ask(event, found);
        }
        self.tables(event, false);
    }

    fn changed(&mut self) -> Vec<SessionState> {
        self.sessions.changed()
    }
}
