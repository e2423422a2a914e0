//! `Screen`: the needs of all rules of one log source, turned round: from the texts that stand in an event to the rules.

use std::collections::BTreeMap;
use std::ops::Range;

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};
use rsigma_eval::{Event as _, EventValue};
use rsigma_ir::IrRule;

use super::bytes::{Beside, spelling};
use super::need::{Need, Text, of_rule};
use crate::detect::sigma::category::Category;
use crate::detect::sigma::fields;
use crate::detect::sigma::view::View;

/// A need in the numbers of a screen.
enum Node {
    Fact(u32),
    All(Box<[Node]>),
    Any(Box<[Node]>),
}

/// Where a literal counts as found, and as which fact.
struct Place {
    before: u16,
    after: u16,
    fact: u32,
}

/// What is looked for in one field.
struct Field {
    name: String,
    /// The fact that it has a value.
    present: Option<u32>,
    /// Over its literals.
    automaton: Option<AhoCorasick>,
    /// Of each literal, its places.
    of_literal: Vec<Range<usize>>,
    places: Vec<Place>,
}

/// The rules of one log source and product.
pub(in crate::detect::sigma) struct Screen {
    /// Numbers of the rules, in the order in which they are asked.
    rules: Vec<usize>,
    /// What each of them needs; `None` where nothing is known.
    needs: Vec<Option<Node>>,
    fields: Vec<Field>,
    besides: Vec<Beside>,
    /// Of each fact, the rules that are looked at for it.
    of_fact: Vec<Vec<u32>>,
    /// The round in which each fact was last found.
    found: Vec<u32>,
    /// The round in which each rule was last looked at.
    looked: Vec<u32>,
    round: u32,
    /// Rules to be looked at, kept to be filled again.
    waiting: Vec<u32>,
}

impl Screen {
    /// The screen of these rules, in this order.
    pub(in crate::detect::sigma) fn new<'r>(category: Category, rules: impl Iterator<Item = (usize, &'r IrRule)>) -> Self {
        let (rules, needs): (Vec<usize>, Vec<Need>) = rules.map(|(number, rule)| (number, of_rule(rule))).unzip();
        let mut making = Making { category, known: BTreeMap::new(), facts: 0, fields: BTreeMap::new(), besides: Vec::new() };
        let mut watched: Vec<(u32, u32)> = Vec::new();
        let mut nodes = Vec::new();
        for (own, need) in (0..).zip(&needs) {
            nodes.push(cheapest(need).map(|(_, leaves)| {
                watched.extend(leaves.into_iter().map(|leaf| (making.fact(leaf), own)));
                making.node(need)
            }));
        }
        let mut screen = Screen {
            looked: vec![0; rules.len()],
            rules,
            needs: nodes,
            fields: Vec::new(),
            besides: Vec::new(),
            of_fact: Vec::new(),
            found: Vec::new(),
            round: 0,
            waiting: Vec::new(),
        };
        screen.of_fact = vec![Vec::new(); making.facts];
        watched.sort_unstable();
        watched.dedup();
        for (fact, rule) in watched {
            if let Some(rules) = usize::try_from(fact).ok().and_then(|fact| screen.of_fact.get_mut(fact)) {
                rules.push(rule);
            }
        }
        screen.found = vec![0; making.facts];
        screen.besides = making.besides;
        screen.fields = making.fields.into_iter().map(|(name, literals)| literals.field(name)).collect();
        screen
    }

    /// Appends the rules that the event may meet, in their order. Whoever meets it is among them.
    pub(in crate::detect::sigma) fn may_meet(&mut self, view: &View<'_>, rules: &mut Vec<usize>) {
        let mut round = self.round.wrapping_add(1);
        if round == 0 {
            self.found.fill(0);
            self.looked.fill(0);
            round = 1;
        }
        self.round = round;
        self.waiting.clear();
        let Self { fields, besides, of_fact, found, looked, waiting, .. } = self;
        let mut mark = |fact: u32| {
            let at = fact as usize;
            let Some(last) = found.get_mut(at).filter(|last| **last != round) else { return };
            *last = round;
            for rule in of_fact.get(at).into_iter().flatten() {
                if let Some(last) = looked.get_mut(*rule as usize).filter(|last| **last != round) {
                    *last = round;
                    waiting.push(*rule);
                }
            }
        };
        for field in fields.iter() {
            let Some(value) = view.get_field(&field.name) else { continue };
            if let Some(present) = field.present {
                mark(present);
            }
            match value {
                EventValue::Null => {}
                EventValue::Str(text) => field.search(&spelling(&text), besides, &mut mark),
                EventValue::Int(number) if !field.places.is_empty() => field.search(&number.to_string(), besides, &mut mark),
                EventValue::Int(_) => {}
                // No field of ours has one of these.
                EventValue::Float(_) | EventValue::Bool(_) | EventValue::Array(_) | EventValue::Map(_) => {
                    field.places.iter().for_each(|place| mark(place.fact));
                }
            }
        }
        let from = rules.len();
        let holds = |rule: usize| match self.needs.get(rule) {
            Some(Some(node)) => node.holds(&self.found, round),
            Some(None) | None => true,
        };
        let unknown = self.needs.iter().enumerate().filter(|(_, need)| need.is_none()).map(|(rule, _)| rule);
        let known = self.waiting.iter().map(|rule| *rule as usize).filter(|rule| holds(*rule));
        rules.extend(unknown.chain(known));
        if let Some(new) = rules.get_mut(from..) {
            new.sort_unstable();
            new.iter_mut().for_each(|rule| *rule = self.rules.get(*rule).copied().unwrap_or(usize::MAX));
        }
    }
}

impl Field {
    fn search(&self, text: &str, besides: &[Beside], mark: &mut impl FnMut(u32)) {
        let Some(automaton) = &self.automaton else {
            // Its automaton could not be built: everything may stand there.
            return self.places.iter().for_each(|place| mark(place.fact));
        };
        let bytes = text.as_bytes();
        for found in automaton.find_overlapping_iter(text) {
            let before = found.start().checked_sub(1).and_then(|at| bytes.get(at)).copied();
            let after = bytes.get(found.end()).copied();
            let places = self.of_literal.get(found.pattern().as_usize()).and_then(|range| self.places.get(range.clone()));
            for place in places.into_iter().flatten() {
                let may = |which: u16, byte| besides.get(usize::from(which)).is_none_or(|beside| beside.has(byte));
                if may(place.before, before) && may(place.after, after) {
                    mark(place.fact);
                }
            }
        }
    }
}

impl Node {
    fn holds(&self, found: &[u32], round: u32) -> bool {
        match self {
            Node::Fact(fact) => found.get(*fact as usize) == Some(&round),
            Node::All(nodes) => nodes.iter().all(|node| node.holds(found, round)),
            Node::Any(nodes) => nodes.iter().any(|node| node.holds(found, round)),
        }
    }
}

/// The facts of which one is there whenever the need holds, as rare as can be told, and how often one is; `None` where nothing is known.
fn cheapest(need: &Need) -> Option<(f64, Vec<&Need>)> {
    match need {
        Need::Nothing => None,
        Need::Field(_) => Some((1.0, vec![need])),
        Need::Text(text) => Some((often(text), vec![need])),
        Need::All(needs) => needs.iter().filter_map(cheapest).min_by(|(a, _), (b, _)| a.total_cmp(b)),
        Need::Any(needs) => {
            let (mut all, mut leaves) = (0.0, Vec::new());
            for need in needs {
                let (own, more) = cheapest(need)?;
                all += own;
                leaves.extend(more);
            }
            Some((all, leaves))
        }
    }
}

/// How often a text is met, roughly: it only decides for which facts a rule is looked at.
fn often(text: &Text) -> f64 {
    let length = i32::try_from(text.literal.len()).unwrap_or(i32::MAX).min(16);
    let beside = |beside: Beside| match beside {
        Beside::END => 0.1,
        beside if beside.is_anything() => 1.0,
        _ => 0.5,
    };
    0.6_f64.powi(length) * beside(text.before) * beside(text.after)
}

/// What is gathered while a screen is made.
struct Making<'n> {
    category: Category,
    known: BTreeMap<&'n Need, u32>,
    facts: usize,
    fields: BTreeMap<String, Literals>,
    besides: Vec<Beside>,
}

#[derive(Default)]
struct Literals {
    present: Option<u32>,
    places: BTreeMap<String, Vec<Place>>,
}

impl<'n> Making<'n> {
    fn node(&mut self, need: &'n Need) -> Node {
        match need {
            // Never within one of the others.
            Need::Nothing => Node::All(Box::default()),
            Need::Field(_) | Need::Text(_) => Node::Fact(self.fact(need)),
            Need::All(needs) => Node::All(needs.iter().map(|need| self.node(need)).collect()),
            Need::Any(needs) => Node::Any(needs.iter().map(|need| self.node(need)).collect()),
        }
    }

    fn fact(&mut self, leaf: &'n Need) -> u32 {
        if let Some(fact) = self.known.get(leaf) {
            return *fact;
        }
        let fact = u32::try_from(self.facts).unwrap_or(u32::MAX);
        self.facts += 1;
        self.known.insert(leaf, fact);
        if let Need::Field(name) = leaf {
            self.fields.entry(name.clone()).or_default().present = Some(fact);
        }
        if let Need::Text(text) = leaf {
            let (before, after) = (self.beside(text.before), self.beside(text.after));
            let named = match &text.field {
                Some(name) => vec![name.as_str()],
                None => fields::names(self.category).to_vec(),
            };
            for name in named {
                let places = &mut self.fields.entry(name.to_owned()).or_default().places;
                places.entry(text.literal.clone()).or_default().push(Place { before, after, fact });
            }
        }
        fact
    }

    /// The number of what may stand beside a text; that which is out of range stands for anything.
    fn beside(&mut self, beside: Beside) -> u16 {
        if beside.is_anything() {
            return u16::MAX;
        }
        let at = self.besides.iter().position(|known| *known == beside).unwrap_or_else(|| {
            self.besides.push(beside);
            self.besides.len() - 1
        });
        u16::try_from(at).unwrap_or(u16::MAX)
    }
}

impl Literals {
    fn field(self, name: String) -> Field {
        let mut field = Field { name, present: self.present, automaton: None, of_literal: Vec::new(), places: Vec::new() };
        let mut literals = Vec::new();
        for (literal, places) in self.places {
            let from = field.places.len();
            field.places.extend(places);
            field.of_literal.push(from..field.places.len());
            literals.push(literal);
        }
        if !literals.is_empty() {
            // Overlapping: of two literals one of which is in the other, both count. A table of all transitions (a DFA) would take ten
            // times the memory for a quarter of the time.
            let builder = AhoCorasick::builder()
                .match_kind(MatchKind::Standard)
                .ascii_case_insensitive(true)
                .kind(Some(AhoCorasickKind::ContiguousNFA))
                .build(&literals);
            field.automaton = builder.ok();
        }
        field
    }
}
