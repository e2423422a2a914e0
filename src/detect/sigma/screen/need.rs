//! What must be in an event for a rule to be met: texts in fields, in ands and ors, read off the rule. It may ask for too little, never
//! for too much.

use rsigma_ir::{IrCondition, IrDetection, IrDetectionItem, IrEncoding, IrMatcher, IrPatternPart, IrRule, IrStrOp};
use rsigma_parser::{ArrayQuantifier, Quantifier};

use super::bytes::{Beside, ascii_part};
use super::expression;

/// A text that must stand in a field.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Text {
    /// The field; `None` is any of those in which keywords are looked for.
    pub(super) field: Option<String>,
    /// ASCII, in small letters, not empty.
    pub(super) literal: String,
    /// What may stand before it.
    pub(super) before: Beside,
    /// What may stand behind it.
    pub(super) after: Beside,
}

/// What must be there.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Need {
    /// Nothing that is known of.
    Nothing,
    /// The field has a value, be it null.
    Field(String),
    /// The text.
    Text(Text),
    /// Each of these.
    All(Vec<Need>),
    /// One of these.
    Any(Vec<Need>),
}

impl Need {
    /// Each of these.
    pub(super) fn all(needs: impl IntoIterator<Item = Need>) -> Self {
        let mut all = Vec::new();
        for need in needs {
            match need {
                Need::Nothing => {}
                Need::All(more) => all.extend(more),
                other => all.push(other),
            }
        }
        match all.len() {
            0 => Need::Nothing,
            1 => all.swap_remove(0),
            _ => Need::All(all),
        }
    }

    /// One of these. Of none at all nothing is known: whoever asks the rule learns what it says.
    pub(super) fn any(needs: impl IntoIterator<Item = Need>) -> Self {
        let mut any = Vec::new();
        for need in needs {
            match need {
                Need::Nothing => return Need::Nothing,
                Need::Any(more) => any.extend(more),
                other => any.push(other),
            }
        }
        match any.len() {
            0 => Need::Nothing,
            1 => any.swap_remove(0),
            _ => Need::Any(any),
        }
    }
}

/// What a rule needs.
pub(super) fn of_rule(rule: &IrRule) -> Need {
    Need::any(rule.conditions.iter().map(|condition| of_condition(condition, rule)))
}

fn of_condition(condition: &IrCondition, rule: &IrRule) -> Need {
    match condition {
        IrCondition::Detection(name) => rule.detections.get(name).map_or(Need::Nothing, of_detection),
        IrCondition::And(parts) => Need::all(parts.iter().map(|part| of_condition(part, rule))),
        IrCondition::Or(parts) => Need::any(parts.iter().map(|part| of_condition(part, rule))),
        IrCondition::Not(_) => Need::Nothing,
        IrCondition::Selector { quantifier, pattern } => {
            // By name: a hash table has no order, and the same rules are to make the same screen.
            let mut named: Vec<_> = rule.detections.iter().filter(|(name, _)| pattern.matches_detection_name(name)).collect();
            named.sort_by_key(|(name, _)| *name);
            let needs = named.into_iter().map(|(_, detection)| of_detection(detection));
            match quantifier {
                Quantifier::All => Need::all(needs),
                Quantifier::Count(0) => Need::Nothing,
                Quantifier::Any | Quantifier::Count(_) => Need::any(needs),
            }
        }
    }
}

fn of_detection(detection: &IrDetection) -> Need {
    match detection {
        IrDetection::AllOf(items) => Need::all(items.iter().map(of_item)),
        IrDetection::AnyOf(parts) => Need::any(parts.iter().map(of_detection)),
        IrDetection::And(parts) => Need::all(parts.iter().map(of_detection)),
        IrDetection::Keywords(matcher) => of_matcher(matcher, None),
        IrDetection::ArrayMatch { field, quantifier: ArrayQuantifier::Any | ArrayQuantifier::All, .. } => {
            Need::Field(field.clone())
        }
        // It is met where there is no array, too.
        IrDetection::ArrayMatch { quantifier: ArrayQuantifier::AllOrEmpty | ArrayQuantifier::None, .. } => Need::Nothing,
        IrDetection::Conditional { .. } => Need::Nothing,
    }
}

fn of_item(item: &IrDetectionItem) -> Need {
    let Some(field) = item.field.as_deref() else {
        return if item.exists.is_some() { Need::Nothing } else { of_matcher(&item.matcher, None) };
    };
    match item.exists {
        Some(true) => return Need::Field(field.to_owned()),
        Some(false) => return Need::Nothing,
        None => {}
    }
    if met_by_absence(&item.matcher) {
        return Need::Nothing;
    }
    match of_matcher(&item.matcher, Some(field)) {
        Need::Nothing => Need::Field(field.to_owned()),
        need => need,
    }
}

/// Whether a field that is not there may meet it: null is met by that.
fn met_by_absence(matcher: &IrMatcher) -> bool {
    match matcher {
        IrMatcher::Null => true,
        IrMatcher::AnyOf(matchers) => matchers.iter().any(met_by_absence),
        _ => false,
    }
}

fn of_matcher(matcher: &IrMatcher, field: Option<&str>) -> Need {
    match matcher {
        IrMatcher::Str { op, pattern, .. } => match pattern.as_plain() {
            Some(plain) => of_text(&plain, *op, field),
            None => Need::all(pattern.parts.iter().map(|part| match part {
                IrPatternPart::Literal(literal) => of_text(literal, IrStrOp::Contains, field),
                IrPatternPart::WildcardMulti | IrPatternPart::WildcardSingle => Need::Nothing,
            })),
        },
        // Each dash stands for several characters.
        IrMatcher::Encoded { encodings, value, .. } if *encodings == [IrEncoding::Windash] => {
            Need::all(value.split('-').map(|part| of_text(part, IrStrOp::Contains, field)))
        }
        IrMatcher::Regex { pattern, .. } => expression::need(pattern, field),
        IrMatcher::AnyOf(matchers) => Need::any(matchers.iter().map(|matcher| of_matcher(matcher, field))),
        IrMatcher::AllOf(matchers) => Need::all(matchers.iter().map(|matcher| of_matcher(matcher, field))),
        IrMatcher::Encoded { .. }
        | IrMatcher::Cidr { .. }
        | IrMatcher::NumericEq(_)
        | IrMatcher::NumericGt(_)
        | IrMatcher::NumericGte(_)
        | IrMatcher::NumericLt(_)
        | IrMatcher::NumericLte(_)
        | IrMatcher::Exists(_)
        | IrMatcher::FieldRef { .. }
        | IrMatcher::Null
        | IrMatcher::BoolEq(_)
        | IrMatcher::Expand { .. }
        | IrMatcher::TimestampPart { .. }
        | IrMatcher::Not(_) => Need::Nothing,
    }
}

fn of_text(text: &str, op: IrStrOp, field: Option<&str>) -> Need {
    let (literal, whole) = ascii_part(text);
    // One letter is in everything, and would be found again and again.
    if literal.is_empty()
        || (literal.len() == 1 && literal.bytes().all(|byte| byte.is_ascii_alphanumeric() || b" /-._".contains(&byte)))
    {
        return Need::Nothing;
    }
    let (first, last) = match op {
        IrStrOp::Exact => (whole, whole),
        IrStrOp::StartsWith => (whole, false),
        IrStrOp::EndsWith => (false, whole),
        IrStrOp::Contains => (false, false),
    };
    let beside = |end| if end { Beside::END } else { Beside::ANYTHING };
    Need::Text(Text { field: field.map(str::to_owned), literal, before: beside(first), after: beside(last) })
}
