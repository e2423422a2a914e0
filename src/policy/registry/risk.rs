//! `Risk`: what the table of high-risk paths says of a key. The table is a tree of segments, so that a look-up is one walk down the key,
//! and the longest path that fits is the last one on the way.

use std::sync::{Arc, LazyLock};

use super::fold::{Classes, SEPARATOR, UNKNOWN_USER, fold_into, is_classes};
use super::table::{HighRiskPath, high_risk_paths};
use crate::event::{Decision, TechniqueId};
use crate::policy::judgement::Judgement;

/// One path of the table.
#[derive(Debug)]
pub(super) struct Risk {
    /// Segments of the path.
    pub(super) depth: usize,
    /// What is said where no rule names the path.
    pub(super) refusal: Judgement,
    /// `Run keys (T1547.001)`.
    what: String,
}

impl Risk {
    fn new(path: &HighRiskPath, depth: usize) -> Self {
        let HighRiskPath { path, technique, name } = path;
        let what = format!("{name} ({technique})");
        let reason = format!("`{path}` is a high-risk path: {what}; it is written only under a rule that names it");
        let attack: Arc<[TechniqueId]> = Arc::from([TechniqueId::new(*technique)]);
        Self { depth, refusal: Judgement { attack, ..Judgement::new(Decision::Deny, None, reason) }, what }
    }

    /// A rule's verdict that goes ahead of the refusal.
    pub(super) fn lift(&self, by: &Judgement) -> Judgement {
        let reason = format!("{}; this lifts the built-in refusal of {}", by.reason, self.what);
        self.tag(Judgement { reason: reason.into(), ..by.clone() })
    }

    /// A verdict on an operation here, with the technique.
    pub(super) fn tag(&self, judgement: Judgement) -> Judgement {
        Judgement { attack: Arc::clone(&self.refusal.attack), ..judgement }
    }
}

/// What the table says of a key or value in its form for comparing. A key that is renamed takes what lies beneath with it.
pub(super) fn risk_of(folded: &str, renamed: bool) -> Option<&'static Risk> {
    let tree: &'static Tree = &TREE;
    let found = tree.walk(0, 0, Some(folded), Found::default());
    let at = found.deepest.map(|(_, risk)| risk).or(if renamed { found.beneath } else { None });
    at.and_then(|risk| tree.risks.get(risk))
}

static TREE: LazyLock<Tree> = LazyLock::new(Tree::build);

#[derive(Default)]
struct Tree {
    nodes: Vec<Node>,
    risks: Vec<Risk>,
}

#[derive(Default)]
struct Node {
    /// Sorted by name.
    children: Vec<(Box<str>, usize)>,
    /// Any segment.
    any: Option<usize>,
    risk: Option<usize>,
    /// A path that goes through here.
    beneath: Option<usize>,
}

#[derive(Clone, Copy, Default)]
struct Found {
    /// How deep the path ends, and which it is.
    deepest: Option<(usize, usize)>,
    /// A path that goes on where the key ends.
    beneath: Option<usize>,
}

impl Tree {
    fn build() -> Self {
        let mut tree = Self { nodes: vec![Node::default()], risks: Vec::new() };
        for path in high_risk_paths() {
            tree.add(&path, Classes::Machine);
            if is_classes(path.path) {
                tree.add(&path, Classes::User);
            }
        }
        tree
    }

    fn add(&mut self, path: &HighRiskPath, classes: Classes) {
        let mut folded = String::new();
        fold_into(path.path, classes, &mut folded);
        let risk = self.risks.len();
        let (mut at, mut depth) = (0, 0);
        for segment in folded.split(SEPARATOR) {
            at = self.child(at, segment);
            depth += 1;
            if let Some(node) = self.nodes.get_mut(at) {
                node.beneath.get_or_insert(risk);
            }
        }
        if let Some(node) = self.nodes.get_mut(at) {
            node.risk = Some(risk);
        }
        self.risks.push(Risk::new(path, depth));
    }

    /// The node of a segment, made if it is not there.
    fn child(&mut self, at: usize, segment: &str) -> usize {
        let new = self.nodes.len();
        let any = segment == "*" || segment == UNKNOWN_USER;
        let found = self.nodes.get_mut(at).map_or(new, |node| {
            if any {
                return *node.any.get_or_insert(new);
            }
            match node.children.binary_search_by(|(name, _)| (**name).cmp(segment)) {
                Ok(place) => node.children.get(place).map_or(new, |(_, child)| *child),
                Err(place) => {
                    node.children.insert(place, (segment.into(), new));
                    new
                }
            }
        });
        if found == new {
            self.nodes.push(Node::default());
        }
        found
    }

    /// Follows the segments of a key as far as the tree goes.
    fn walk(&self, at: usize, depth: usize, rest: Option<&str>, mut found: Found) -> Found {
        let Some(node) = self.nodes.get(at) else { return found };
        if let Some(risk) = node.risk
            && found.deepest.is_none_or(|(deepest, _)| depth > deepest)
        {
            found.deepest = Some((depth, risk));
        }
        let Some(rest) = rest else {
            found.beneath = found.beneath.or(node.beneath);
            return found;
        };
        let (segment, rest) = match rest.split_once(SEPARATOR) {
            Some((segment, rest)) => (segment, Some(rest)),
            None => (rest, None),
        };
        if let Ok(place) = node.children.binary_search_by(|(name, _)| (**name).cmp(segment))
            && let Some((_, child)) = node.children.get(place)
        {
            found = self.walk(*child, depth + 1, rest, found);
        }
        match node.any {
            Some(child) => self.walk(child, depth + 1, rest, found),
            None => found,
        }
    }
}
