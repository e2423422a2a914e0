//! `SigmaEngine`: shows each event to the rules of its log sources.

use std::collections::BTreeMap;

use rsigma_eval::{Engine as Matching, EvaluationResult, evaluate_rule};
use rsigma_parser::FilterRule;

use super::category::{Category, Product, categories};
use super::correlate::{Correlations, Counts};
use super::kept::Kept;
use super::load::{Fault, Rules};
use super::screen::Screen;
use super::session::{Session, Sessions};
use super::view::{Shown, View};
use crate::detect::engine::{Engine, SessionState};
use crate::detect::finding::{Finding, RuleInfo};
use crate::event::{JournaledEvent, Payload, ProcessExec};

/// The rules of one log source that events of one product are shown to: its own, then those of any product.
struct Route {
    rules: Vec<usize>,
    /// Made for the first event: most log sources of most rules never see one.
    screen: Option<Screen>,
}

impl Route {
    fn screen(&mut self, category: Category, kept: &[Kept]) -> &mut Screen {
        let rules = &self.rules;
        self.screen
            .get_or_insert_with(|| Screen::new(category, rules.iter().filter_map(|rule| Some((*rule, kept.get(*rule)?.rule())))))
    }
}

/// Sigma's rules, ready to look at events.
pub struct SigmaEngine {
    infos: Vec<RuleInfo>,
    faults: Vec<Fault>,
    /// The rules that are asked.
    kept: Vec<Kept>,
    /// Of each of them, its number among all.
    numbers: Vec<usize>,
    filters: Vec<FilterRule>,
    /// By category and product.
    routes: Vec<[Route; Product::ALL.len()]>,
    screened: bool,
    correlations: Correlations,
    sessions: Sessions,
    /// Rules to be asked, kept to be filled again.
    asked: Vec<usize>,
    /// What one event was recognised as, kept to be filled again.
    recognised: Vec<(usize, EvaluationResult)>,
}

impl SigmaEngine {
    /// Takes the rules in. One that would not compile becomes a fault; the others are compiled when an event first may meet them.
    #[must_use]
    pub fn new(rules: Rules) -> Self {
        Self::with(rules, true)
    }

    /// As [`SigmaEngine::new`], but asks every rule of a log source about every event: what it finds is what the other must find.
    #[must_use]
    pub fn asking_every_rule(rules: Rules) -> Self {
        Self::with(rules, false)
    }

    fn with(mut rules: Rules, screened: bool) -> Self {
        let (mut kept, mut numbers, mut refused) = (Vec::new(), Vec::new(), Vec::new());
        let mut placed: BTreeMap<(Category, Option<Product>), Vec<usize>> = BTreeMap::new();
        for loaded in &rules.loaded {
            match Kept::new(&loaded.rule) {
                Ok(rule) => {
                    for category in &loaded.categories {
                        placed.entry((*category, loaded.product)).or_default().push(kept.len());
                    }
                    kept.push(rule);
                    numbers.push(loaded.number);
                }
                Err(error) => refused.push((loaded.number, error.to_string())),
            }
        }
        rules.loaded.retain(|loaded| !refused.iter().any(|(number, _)| *number == loaded.number));
        for (number, reason) in refused {
            rules.refuse(number, reason);
        }
        let mut filters = std::mem::take(&mut rules.filters.filters);
        filters.retain(|filter| match Matching::new().apply_filter(filter) {
            Ok(()) => true,
            Err(error) => {
                let (file, rule) = ("(filter)".to_owned(), Some(filter.title.clone()));
                rules.faults.push(Fault { file, line: None, rule, reason: error.to_string(), refused: true });
                false
            }
        });
        let of = |category, product| placed.get(&(category, product)).into_iter().flatten().copied();
        let route =
            |category, product| Route { rules: of(category, Some(product)).chain(of(category, None)).collect(), screen: None };
        let routes = Category::ALL.iter().map(|category| Product::ALL.map(|product| route(*category, product))).collect();
        let correlations = Correlations::new(&mut rules);
        Self {
            infos: rules.infos,
            faults: rules.faults,
            kept,
            numbers,
            filters,
            routes,
            screened,
            correlations,
            sessions: Sessions::default(),
            asked: Vec::new(),
            recognised: Vec::new(),
        }
    }

    /// Makes now what the first process of this system would have to wait for.
    pub fn make_ready(&mut self) {
        let Self { kept, routes, screened, .. } = self;
        if *screened {
            for category in categories(&Payload::from(ProcessExec::default())) {
                let of = routes.get_mut(*category as usize).and_then(|routes| routes.get_mut(Product::Linux as usize));
                if let Some(route) = of {
                    let _ready = route.screen(*category, kept);
                }
            }
        }
    }

    /// What was wrong with the rules.
    #[must_use]
    pub fn faults(&self) -> &[Fault] {
        &self.faults
    }

    fn ask(&mut self, event: &JournaledEvent, found: &mut Vec<Finding>) {
        let Self { kept, numbers, filters, routes, screened, correlations, sessions, asked, recognised, .. } = self;
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
            let Some(route) = routes.get_mut(*category as usize).and_then(|routes| routes.get_mut(product as usize)) else {
                continue;
            };
            if route.rules.is_empty() {
                continue;
            }
            let view = View { shown: &shown, category: *category };
            asked.clear();
            if *screened {
                route.screen(*category, kept).may_meet(&view, asked);
            } else {
                asked.extend(&route.rules);
            }
            for rule in asked.iter() {
                let Some(compiled) = kept.get(*rule).and_then(|kept| kept.compiled(filters)) else { continue };
                recognised.extend(evaluate_rule(compiled, &view).map(|result| (*rule, result)));
            }
            if recognised.is_empty() {
                continue;
            }
            for (rule, result) in recognised.iter() {
                let silent = result.header.rule_id.as_deref().is_none_or(|id| correlations.silences(id));
                if let Some(&rule) = numbers.get(*rule).filter(|_| !silent) {
                    found.push(Finding { rule, events: vec![event.seq] });
                }
            }
            recognised.retain(|(_, result)| result.header.rule_id.as_deref().is_some_and(|id| correlations.counts(id)));
            if !recognised.is_empty() {
                if counts.is_none() {
                    *counts = Counts::new(correlations, None);
                }
                if let Some(counts) = counts {
                    let counted = recognised.drain(..).map(|(_, result)| result).collect();
                    counts.take(correlations, &view, counted, found);
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
