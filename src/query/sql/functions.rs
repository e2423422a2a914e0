//! Functions of our own: what ATT&CK says of a technique, ids as text, and the payload's fields that have no column.

use std::fmt;
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, BooleanArray, FixedSizeBinaryArray, ListArray, StringArray};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Field};
use datafusion::common::cast::{as_fixed_size_binary_array, as_list_array, as_string_array};
use datafusion::common::{DataFusionError, Result};
use datafusion::logical_expr::{ColumnarValue, ScalarUDF, Volatility, create_udf};

use crate::event::EventId;

/// What ATT&CK says. `detect` has the tables; whoever puts the program together hands them in.
pub trait Techniques: Send + Sync {
    /// The name of a technique; of a retired one, that of what took its place.
    fn name(&self, id: &str) -> Option<String>;
    /// The tactics of a technique, in the order of the matrix.
    fn tactics(&self, id: &str) -> Vec<String>;
    /// The techniques that are meant by an id: itself, or what took its place.
    ///
    /// # Errors
    /// Says what is wrong with an id that no version has.
    fn meant(&self, id: &str) -> Result<Vec<String>, String>;
}

/// What a function is about, for people.
pub(super) const FUNCTIONS: &[(&str, &str)] = &[
    ("technique_name(id)", "the name of an ATT&CK technique; retired ids give the name of what took their place"),
    ("tactic(id)", "the tactics of a technique, separated by commas"),
    (
        "has_technique(attack, id)",
        "whether a list of techniques has this one or a sub-technique of it; retired ids are understood",
    ),
    ("json_get(payload, 'a.b.0')", "a field of a JSON text: a text as it is, anything else as JSON; NULL where it is not there"),
    ("id_text(id)", "the 16 bytes of an event's id as a UUID"),
    ("event_id('uuid')", "the 16 bytes of a UUID, to compare with `id` and `cause`"),
];

type Work = dyn Fn(&[ArrayRef]) -> Result<ArrayRef> + Send + Sync;

/// All of them.
pub(super) fn functions(techniques: &Arc<dyn Techniques>) -> Vec<ScalarUDF> {
    let list = || DataType::List(Arc::new(Field::new("element", DataType::Utf8, false)));
    let (names, tactics, meant) = (Arc::clone(techniques), Arc::clone(techniques), Arc::clone(techniques));
    vec![
        function("technique_name", vec![DataType::Utf8], DataType::Utf8, move |values| texts(values, |id| names.name(id))),
        function("tactic", vec![DataType::Utf8], DataType::Utf8, move |values| {
            texts(values, |id| Some(tactics.tactics(id).join(", ")).filter(|text| !text.is_empty()))
        }),
        function("has_technique", vec![list(), DataType::Utf8], DataType::Boolean, move |values| {
            has_technique(&*meant, as_list_array(value(values, 0)?)?, as_string_array(value(values, 1)?)?)
        }),
        function("json_get", vec![DataType::Utf8, DataType::Utf8], DataType::Utf8, |values| {
            json_get(as_string_array(value(values, 0)?)?, as_string_array(value(values, 1)?)?)
        }),
        function("id_text", vec![DataType::FixedSizeBinary(16)], DataType::Utf8, |values| {
            id_text(as_fixed_size_binary_array(value(values, 0)?)?)
        }),
        function("event_id", vec![DataType::Utf8], DataType::FixedSizeBinary(16), |values| {
            event_id(as_string_array(value(values, 0)?)?)
        }),
    ]
}

/// A function of arrays; an argument that is one value for all rows is spread over them.
fn function(
    name: &str,
    takes: Vec<DataType>,
    gives: DataType,
    work: impl Fn(&[ArrayRef]) -> Result<ArrayRef> + Send + Sync + 'static,
) -> ScalarUDF {
    let work: Arc<Work> = Arc::new(work);
    let wanted = takes.clone();
    create_udf(
        name,
        takes,
        gives,
        Volatility::Immutable,
        Arc::new(move |arguments: &[ColumnarValue]| {
            let scalar = arguments.iter().all(|argument| matches!(argument, ColumnarValue::Scalar(_)));
            let arrays = ColumnarValue::values_to_arrays(arguments)?;
            // The planner may hand views and lists of views over, which say the same.
            let arrays = arrays.iter().zip(&wanted).map(|(array, wanted)| cast(array, wanted));
            let given = work(&arrays.collect::<std::result::Result<Vec<_>, _>>()?)?;
            if scalar {
                return Ok(ColumnarValue::Scalar(datafusion::common::ScalarValue::try_from_array(&given, 0)?));
            }
            Ok(ColumnarValue::Array(given))
        }),
    )
}

fn value(values: &[ArrayRef], at: usize) -> Result<&ArrayRef> {
    values.get(at).ok_or_else(|| DataFusionError::Execution(format!("argument {at} is missing")))
}

fn texts(values: &[ArrayRef], of: impl Fn(&str) -> Option<String>) -> Result<ArrayRef> {
    let given: StringArray = as_string_array(value(values, 0)?)?.iter().map(|text| text.and_then(&of)).collect();
    Ok(Arc::new(given))
}

fn has_technique(techniques: &dyn Techniques, lists: &ListArray, ids: &StringArray) -> Result<ArrayRef> {
    let mut asked: Option<(&str, Vec<String>)> = None;
    let mut found = Vec::with_capacity(lists.len());
    for (row, id) in ids.iter().enumerate() {
        let Some(id) = id else {
            found.push(false);
            continue;
        };
        // Also where the list is empty: what is asked for does not exist, whatever the rows are.
        if asked.as_ref().is_none_or(|(known, _)| *known != id) {
            asked = Some((id, techniques.meant(id).map_err(DataFusionError::Plan)?));
        }
        if lists.is_null(row) {
            found.push(false);
            continue;
        }
        let meant = asked.as_ref().map_or(&[][..], |(_, meant)| meant);
        let list = lists.value(row);
        let is_one = |technique: &str| {
            meant
                .iter()
                .any(|meant| technique.strip_prefix(meant.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('.')))
        };
        found.push(as_string_array(&list)?.iter().flatten().any(is_one));
    }
    Ok(Arc::new(BooleanArray::from(found)))
}

fn json_get(texts: &StringArray, paths: &StringArray) -> Result<ArrayRef> {
    let given: StringArray = texts
        .iter()
        .zip(paths)
        .map(|(text, path)| {
            let value: serde_json::Value = serde_json::from_str(text?).ok()?;
            let found = path?.split('.').try_fold(&value, |value, part| match value {
                serde_json::Value::Array(items) => items.get(part.parse::<usize>().ok()?),
                other => other.get(part),
            });
            match found? {
                serde_json::Value::Null => None,
                serde_json::Value::String(text) => Some(text.clone()),
                other => Some(other.to_string()),
            }
        })
        .collect();
    Ok(Arc::new(given))
}

fn id_text(ids: &FixedSizeBinaryArray) -> Result<ArrayRef> {
    let given: StringArray =
        ids.iter().map(|bytes| Some(EventId::from_bytes(<[u8; 16]>::try_from(bytes?).ok()?).to_string())).collect();
    Ok(Arc::new(given))
}

fn event_id(texts: &StringArray) -> Result<ArrayRef> {
    let ids = texts.iter().map(|text| {
        text.map(|text| {
            let id: std::result::Result<EventId, _> = text.parse();
            id.map(|id| *id.as_bytes()).map_err(|_| DataFusionError::Plan(format!("`{text}` is no event's id (a UUID)")))
        })
        .transpose()
    });
    let ids = ids.collect::<Result<Vec<_>>>()?;
    Ok(Arc::new(FixedSizeBinaryArray::try_from_sparse_iter_with_size(ids.into_iter(), 16)?))
}

impl fmt::Debug for dyn Techniques {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the tables of ATT&CK")
    }
}
