//! What of a question's filters the journal can leave out by itself. It may give more than a filter asks for, never less: the engine looks again.

use datafusion::common::ScalarValue;
use datafusion::logical_expr::{BinaryExpr, Expr, Operator};

use crate::encode::arrow::Column;
use crate::event::{EventId, Family, Kind};
use crate::journal::Condition;

/// What is read of the journal.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Wanted {
    /// `seq` of the first and the last event that may be wanted.
    pub(super) range: (u64, u64),
    pub(super) conditions: Vec<Condition>,
}

impl Wanted {
    /// What may meet all filters, of the events up to `head`.
    pub(super) fn of(filters: &[Expr], head: u64) -> Self {
        let mut wanted = Self { range: (1, head), conditions: Vec::new() };
        for filter in filters {
            wanted.add(filter);
        }
        wanted
    }

    fn add(&mut self, filter: &Expr) {
        match filter {
            Expr::BinaryExpr(BinaryExpr { left, op: Operator::And, right }) => {
                self.add(left);
                self.add(right);
            }
            Expr::BinaryExpr(BinaryExpr { left, op, right }) => match (&**left, &**right) {
                (Expr::Column(column), Expr::Literal(value, _)) => self.compare(&column.name, *op, value),
                (Expr::Literal(value, _), Expr::Column(column)) => {
                    if let Some(op) = op.swap() {
                        self.compare(&column.name, op, value);
                    }
                }
                _ => {}
            },
            Expr::Between(between) if !between.negated => {
                if let (Expr::Column(column), Expr::Literal(low, _), Expr::Literal(high, _)) =
                    (&*between.expr, &*between.low, &*between.high)
                {
                    self.compare(&column.name, Operator::GtEq, low);
                    self.compare(&column.name, Operator::LtEq, high);
                }
            }
            Expr::InList(list) if !list.negated => {
                let (Expr::Column(column), Some(values)) = (&*list.expr, literals(&list.list)) else { return };
                self.one_of(&column.name, &values);
            }
            _ => {}
        }
    }

    fn compare(&mut self, column: &str, op: Operator, value: &ScalarValue) {
        match (Column::named(column), op) {
            (Some(Column::Seq), _) => {
                if let Some(seq) = integer(value) {
                    self.clip(op, seq);
                }
            }
            (Some(Column::Time), _) => {
                let ScalarValue::TimestampMicrosecond(Some(time), _) = value else { return };
                match op {
                    Operator::Gt | Operator::GtEq => self.conditions.push(Condition::Since(*time)),
                    Operator::Lt | Operator::LtEq => self.conditions.push(Condition::Until(time.saturating_add(1))),
                    Operator::Eq => {
                        self.conditions.push(Condition::Since(*time));
                        self.conditions.push(Condition::Until(time.saturating_add(1)));
                    }
                    _ => {}
                }
            }
            (Some(Column::Severity), Operator::Eq | Operator::GtEq | Operator::Gt) => {
                self.conditions.extend(integer(value).map(Condition::Severity));
            }
            (Some(_), Operator::Eq) => self.one_of(column, &[value]),
            _ => {}
        }
    }

    fn clip(&mut self, op: Operator, seq: i64) {
        let seq_or_none = u64::try_from(seq).unwrap_or(0);
        let (first, last) = &mut self.range;
        match op {
            Operator::Eq => {
                *first = (*first).max(seq_or_none.max(1));
                *last = (*last).min(seq_or_none);
            }
            Operator::Gt => *first = (*first).max(seq_or_none.saturating_add(1)),
            Operator::GtEq => *first = (*first).max(seq_or_none),
            Operator::Lt => *last = (*last).min(seq_or_none.saturating_sub(1)),
            Operator::LtEq => *last = (*last).min(seq_or_none),
            _ => {}
        }
    }

    fn one_of(&mut self, column: &str, values: &[&ScalarValue]) {
        let texts = || values.iter().map(|value| text(value).map(str::to_owned)).collect::<Option<Vec<String>>>();
        let ids = || values.iter().map(|value| id(value)).collect::<Option<Vec<EventId>>>();
        let condition = match Column::named(column) {
            Some(Column::SessionId) => texts().map(|texts| match <[String; 1]>::try_from(texts) {
                Ok([one]) => Condition::Session(one),
                Err(several) => Condition::Sessions(several),
            }),
            Some(Column::CommandId) => texts().map(|texts| Condition::Any(texts.into_iter().map(Condition::CommandId).collect())),
            Some(Column::Kind) => texts().map(|texts| {
                // A word that is no kind matches nothing.
                Condition::Kinds(texts.iter().filter_map(|word| word.parse::<Kind>().ok()).collect())
            }),
            Some(Column::Family) => texts().map(|texts| {
                let named = |family: Family| texts.iter().any(|word| word == family.as_str());
                Condition::Kinds(Kind::ALL.iter().copied().filter(|kind| named(kind.family())).collect())
            }),
            Some(Column::Pid) => values
                .iter()
                .map(|value| integer(value).and_then(|pid| u32::try_from(pid).ok()).map(Condition::Pid))
                .collect::<Option<Vec<_>>>()
                .map(Condition::Any),
            Some(Column::Id) => ids().map(Condition::Ids),
            Some(Column::Cause) => ids().map(Condition::Causes),
            _ => None,
        };
        self.conditions.extend(condition);
    }
}

fn literals(list: &[Expr]) -> Option<Vec<&ScalarValue>> {
    list.iter()
        .map(|item| match item {
            Expr::Literal(value, _) => Some(value),
            _ => None,
        })
        .collect()
}

fn integer(value: &ScalarValue) -> Option<i64> {
    match value {
        ScalarValue::Int64(value) => *value,
        _ => None,
    }
}

fn text(value: &ScalarValue) -> Option<&str> {
    match value {
        ScalarValue::Utf8(Some(text)) | ScalarValue::Utf8View(Some(text)) | ScalarValue::LargeUtf8(Some(text)) => Some(text),
        _ => None,
    }
}

fn id(value: &ScalarValue) -> Option<EventId> {
    match value {
        ScalarValue::FixedSizeBinary(16, Some(bytes)) => <[u8; 16]>::try_from(bytes.as_slice()).ok().map(EventId::from_bytes),
        _ => None,
    }
}
