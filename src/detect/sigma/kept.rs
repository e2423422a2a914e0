//! A rule as it is kept: checked, small, and compiled when it is asked for the first time. Most rules never are.

use std::cell::OnceCell;

use rsigma_eval::{CompiledRule, Engine as Matching, EvalError, compile_to_compiled};
use rsigma_ir::{IrDetection, IrEncoding, IrMatcher, IrNumber, IrPatternPart, IrRule, IrRuleMetadata, LowerOptions, lower_rule};
use rsigma_parser::{FilterRule, SigmaRule};

use super::weight::weight;

/// What an expression may weigh before it is compiled to see whether it is refused: `regex` allows 10 MiB.
const SURE: u64 = 2 << 20;

/// Parts that a text with wildcards may have, and bytes in all, before the same.
const SURE_PARTS: (usize, usize) = (64, 4_096);

/// A rule that compiles.
pub(super) struct Kept {
    rule: Box<IrRule>,
    compiled: OnceCell<Option<Box<CompiledRule>>>,
}

impl Kept {
    /// Checks a rule. What cannot be seen to compile is compiled, and thrown away.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(super) fn new(rule: &SigmaRule) -> Result<Self, EvalError> {
        let mut rule = lower_rule(rule, &LowerOptions::default())?;
        let IrRuleMetadata { title, id, level, custom_attributes, .. } = std::mem::take(&mut rule.metadata);
        rule.metadata = IrRuleMetadata { title, id, level, custom_attributes, ..IrRuleMetadata::default() };
        if !rule.detections.values().all(surely_compiles) {
            compile_to_compiled(&rule)?;
        }
        Ok(Self { rule: Box::new(rule), compiled: OnceCell::new() })
    }

    pub(super) const fn rule(&self) -> &IrRule {
        &self.rule
    }

    /// The rule, ready to be asked, with the filters that are about it.
    pub(super) fn compiled(&self, filters: &[FilterRule]) -> Option<&CompiledRule> {
        let made = self.compiled.get_or_init(|| match compile(&self.rule, filters) {
            Ok(compiled) => Some(Box::new(compiled)),
            Err(error) => {
                let rule = self.rule.metadata.title.as_str();
                tracing::error!(rule, %error, "a rule that was taken in does not compile and is not asked");
                None
            }
        });
        made.as_deref()
    }
}

fn compile(rule: &IrRule, filters: &[FilterRule]) -> Result<CompiledRule, EvalError> {
    let compiled = compile_to_compiled(rule)?;
    if filters.is_empty() {
        return Ok(compiled);
    }
    let mut matching = Matching::new();
    matching.extend_compiled_rules([compiled.clone()]);
    for filter in filters {
        // One that cannot be used was reported when rules were read.
        let _refused = matching.apply_filter(filter);
    }
    Ok(matching.rules().first().cloned().unwrap_or(compiled))
}

/// Whether nothing in it can be refused.
fn surely_compiles(detection: &IrDetection) -> bool {
    match detection {
        IrDetection::AllOf(items) => items.iter().all(|item| is_sure(&item.matcher)),
        IrDetection::AnyOf(parts) | IrDetection::And(parts) => parts.iter().all(surely_compiles),
        IrDetection::Keywords(matcher) => is_sure(matcher),
        IrDetection::ArrayMatch { body, .. } => surely_compiles(body),
        IrDetection::Conditional { named, condition: _ } => named.values().all(surely_compiles),
    }
}

fn is_sure(matcher: &IrMatcher) -> bool {
    match matcher {
        // One with wildcards becomes an expression.
        IrMatcher::Str { pattern, .. } => {
            let bytes = pattern.parts.iter().map(|part| if let IrPatternPart::Literal(text) = part { text.len() } else { 1 });
            pattern.is_plain() || (pattern.parts.len() <= SURE_PARTS.0 && bytes.sum::<usize>() <= SURE_PARTS.1)
        }
        IrMatcher::Encoded { encodings, .. } => !encodings.contains(&IrEncoding::Windash),
        IrMatcher::Regex { pattern, .. } => weight(pattern).is_some_and(|weight| weight <= SURE),
        IrMatcher::NumericEq(number)
        | IrMatcher::NumericGt(number)
        | IrMatcher::NumericGte(number)
        | IrMatcher::NumericLt(number)
        | IrMatcher::NumericLte(number) => matches!(number, IrNumber::Literal(_)),
        IrMatcher::TimestampPart { inner, .. } | IrMatcher::Not(inner) => is_sure(inner),
        IrMatcher::AnyOf(matchers) | IrMatcher::AllOf(matchers) => matchers.iter().all(is_sure),
        IrMatcher::Cidr { .. } => false,
        IrMatcher::Exists(_) | IrMatcher::FieldRef { .. } | IrMatcher::Null | IrMatcher::BoolEq(_) | IrMatcher::Expand { .. } => {
            true
        }
    }
}
