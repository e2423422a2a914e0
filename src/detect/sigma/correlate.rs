//! Correlations: which rules they count, and what they have counted in one session.

use std::collections::{BTreeMap, BTreeSet};

use rsigma_eval::{
    CorrelationConfig, CorrelationEngine, CorrelationEventMode, CorrelationSnapshot, EvaluationResult, TimestampFallback,
};
use rsigma_parser::{
    ConditionExpr, Detection, DetectionItem, Detections, FieldSpec, Modifier, SigmaCollection, SigmaRule, SigmaValue,
};

use super::load::Rules;
use super::view::View;
use crate::detect::finding::Finding;
use crate::event::Seq;

/// Events of one detection that are named; of more, the newest.
const NAMED: usize = 100;

/// Entries of one group of a window; of more, the newest count.
const GROUP: usize = 10_000;

/// Groups that are counted in one session. When there are as many and none has run out, no further one is begun.
const GROUPS: usize = 20_000;

/// The correlations of the loaded rules.
#[derive(Default)]
pub(super) struct Correlations {
    collection: SigmaCollection,
    /// Ids of the rules that some correlation counts.
    counted: BTreeSet<String>,
    /// Those of them that are not detections by themselves.
    silent: BTreeSet<String>,
    numbers: BTreeMap<String, usize>,
}

/// What the correlations have counted in one session.
pub(super) struct Counts {
    engine: CorrelationEngine,
    /// The second of the last time that windows which ran out were looked for.
    swept: i64,
}

impl Correlations {
    pub(super) fn new(rules: &mut Rules) -> Self {
        let mut this = Self::default();
        let identities: Vec<(String, Option<String>)> =
            rules.loaded.iter().map(|loaded| (loaded.rule.id.clone().unwrap_or_default(), loaded.rule.name.clone())).collect();
        let named = |of: &String| {
            let wanted = of.clone();
            identities.iter().filter(move |(id, name)| *id == wanted || name.as_ref() == Some(&wanted)).map(|(id, _)| id.clone())
        };
        let mut loud: BTreeSet<String> = BTreeSet::new();
        let mut refused = Vec::new();
        for (rule, number) in &rules.correlations {
            let mut with = this.collection.clone();
            with.correlations.push(rule.clone());
            let bases: BTreeSet<String> = rule.rules.iter().flat_map(named).collect();
            let absent = |id: &String| !this.counted.contains(id);
            for base in rules.loaded.iter().map(|loaded| &loaded.rule) {
                if base.id.as_ref().is_some_and(|id| bases.contains(id) && absent(id)) {
                    with.rules.push(by_name(base));
                }
            }
            // One that counts a correlation further down the list is looked at with all of them, below.
            if let Err(error) = engine(&with)
                && !matches!(error, rsigma_eval::EvalError::UnknownRuleRef(_))
            {
                refused.push((*number, error.to_string()));
                continue;
            }
            this.collection = with;
            this.counted.extend(bases.iter().cloned());
            if rule.generate { &mut loud } else { &mut this.silent }.extend(bases);
            this.numbers.insert(rule.id.clone().unwrap_or_default(), *number);
        }
        if let Err(error) = engine(&this.collection) {
            // What is left is a chain whose end was refused: without it none of the others is sound.
            refused.extend(this.numbers.values().map(|number| (*number, error.to_string())));
            this = Self::default();
        }
        this.silent.retain(|id| !loud.contains(id));
        for (number, reason) in refused {
            rules.refuse(number, reason);
        }
        this
    }

    /// Whether some correlation counts the rule.
    pub(super) fn counts(&self, rule: &str) -> bool {
        self.counted.contains(rule)
    }

    /// Whether the rule is only there to be counted.
    pub(super) fn silences(&self, rule: &str) -> bool {
        self.silent.contains(rule)
    }
}

/// A rule that only has the other's names: it is asked elsewhere, and every session that counts has rules of its own here.
fn by_name(rule: &SigmaRule) -> SigmaRule {
    let mut rule = rule.clone();
    let none = "none".to_owned();
    let field = FieldSpec::new(Some(none.clone()), vec![Modifier::Exists]);
    let nothing = Detection::AllOf(vec![DetectionItem { field, values: vec![SigmaValue::Bool(true)] }]);
    rule.detection = Detections {
        named: [(none.clone(), nothing)].into(),
        conditions: vec![ConditionExpr::Identifier(none.clone())],
        condition_strings: vec![none],
        timeframe: None,
    };
    rule
}

fn engine(collection: &SigmaCollection) -> Result<CorrelationEngine, rsigma_eval::EvalError> {
    let mut engine = CorrelationEngine::new(CorrelationConfig {
        timestamp_fallback: TimestampFallback::Skip,
        // Its own way to make room depends on the order of a hash table: see `GROUPS`.
        max_state_entries: usize::MAX,
        max_group_entries: Some(GROUP),
        correlation_event_mode: CorrelationEventMode::Refs,
        max_correlation_events: NAMED,
        ..CorrelationConfig::default()
    });
    engine.add_collection(collection)?;
    Ok(engine)
}

impl Counts {
    /// Nothing counted, or what the text says. `None` when it says nothing that can be read.
    pub(super) fn new(correlations: &Correlations, state: Option<&str>) -> Option<Self> {
        let mut engine = engine(&correlations.collection).ok()?;
        if let Some(state) = state {
            let snapshot: CorrelationSnapshot = serde_json::from_str(state).ok()?;
            if !engine.import_state(snapshot) {
                return None;
            }
        }
        Some(Self { engine, swept: i64::MIN })
    }

    /// Counts what was recognised in an event. Appends what that completes.
    pub(super) fn take(
        &mut self,
        correlations: &Correlations,
        view: &View<'_>,
        recognised: Vec<EvaluationResult>,
        found: &mut Vec<Finding>,
    ) {
        let second = view.shown.event.time.as_micros().div_euclid(1_000_000);
        if self.engine.state_count() >= GROUPS {
            if second != self.swept {
                self.swept = second;
                self.engine.evict_expired(second);
            }
            if self.engine.state_count() >= GROUPS {
                return;
            }
        }
        for result in self.engine.process_with_detections(view, recognised, second) {
            let Some(body) = result.as_correlation() else { continue };
            let Some(&rule) = result.header.rule_id.as_ref().and_then(|id| correlations.numbers.get(id)) else { continue };
            let refs = body.event_refs.iter().flatten();
            let mut events: Vec<Seq> = refs.filter_map(|of| Seq::new(of.id.as_ref()?.parse().ok()?)).collect();
            events.push(view.shown.seq);
            events.sort_unstable();
            events.dedup();
            found.push(Finding { rule, events });
        }
    }

    /// What was counted, as text; `None` when that is nothing.
    pub(super) fn state(&self) -> Option<String> {
        if self.engine.state_count() == 0 { None } else { serde_json::to_string(&self.engine.export_state()).ok() }
    }
}
