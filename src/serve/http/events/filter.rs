//! The parameters that say which events, by the words of `agentsh events`.

use utoipa::IntoParams;
use utoipa::openapi::Required;
use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::{Array, KnownFormat, ObjectBuilder, Schema, SchemaFormat, Type};

use crate::detect::attack::attack;
use crate::event::{Severity, Timestamp};
use crate::query::{Cel, Filter, decision, family, kind, parse_time_utc};
use crate::serve::http::parameters::Parameters;
use crate::serve::http::problem::{Position, Problem};

/// Values of one parameter, lists taken apart. More are refused.
const MOST_VALUES: usize = 1000;

/// How a parameter is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shape {
    /// A text, once.
    Text,
    /// A text that may stand several times.
    Texts,
    /// Words of a list, separated by commas or several times.
    Words,
    /// A whole number that is not negative.
    Number,
    /// `asc` or `desc`.
    Order,
}

/// Every parameter of the route: its name, its shape, and what it says.
const PARAMETERS: &[(&str, Shape, &str)] = &[
    ("session", Shape::Texts, "Of this session: its id, the start of its id, or `last`."),
    ("kind", Shape::Words, "Of these kinds. Kinds and families are alternatives."),
    ("family", Shape::Words, "Of these families."),
    ("decision", Shape::Words, "Operations that got one of these verdicts, and the decisions themselves."),
    ("rule", Shape::Texts, "Operations that one of these rules decided, and the decisions themselves."),
    ("since", Shape::Text, "Seen at this time or later: RFC 3339, a date, or microseconds since 1970; `2h` is two hours ago."),
    ("until", Shape::Text, "Seen before this time."),
    ("path", Shape::Texts, "About this path, what is beneath it, or what it matches as a glob."),
    ("host", Shape::Texts, "Network events about this host and names beneath it."),
    ("command", Shape::Text, "Done by, or starting, the program of this name or path; or of the command with this id."),
    ("pid", Shape::Words, "Done by one of these processes."),
    ("technique", Shape::Words, "Detections of these ATT&CK techniques and their sub-techniques."),
    ("severity", Shape::Text, "At least this severe: informational, low, medium, high, critical or fatal."),
    ("text", Shape::Text, "With this text anywhere in the event, whatever its case."),
    ("where", Shape::Text, "An expression in CEL that must hold."),
    ("after", Shape::Number, "Behind this position."),
    ("before", Shape::Number, "Before this position; not live."),
    ("limit", Shape::Number, "At most so many: 1 to 1000 for a page (100 if left out); for streams none if left out. Not live."),
    ("order", Shape::Order, "`asc` (the default) or `desc`, the newest first; not live."),
    ("cursor", Shape::Text, "`next` of the page before, with the same filter and order; only for pages."),
];

/// The names of all parameters.
pub(super) fn names() -> Vec<&'static str> {
    PARAMETERS.iter().map(|(name, _, _)| *name).collect()
}

/// What the document says of the parameters.
pub(super) enum EventParameters {}

impl IntoParams for EventParameters {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let describe = |(name, shape, what): &(&str, Shape, &str)| {
            ParameterBuilder::new()
                .name(*name)
                .parameter_in(ParameterIn::Query)
                .required(Required::False)
                .description(Some(*what))
                .schema(Some(shape.schema()))
                .build()
        };
        PARAMETERS.iter().map(describe).collect()
    }
}

impl Shape {
    fn schema(self) -> Schema {
        let text = || ObjectBuilder::new().schema_type(Type::String);
        match self {
            Shape::Text => text().min_length(Some(1)).build().into(),
            Shape::Texts | Shape::Words => Array::new(text().min_length(Some(1)).build()).into(),
            Shape::Number => ObjectBuilder::new()
                .schema_type(Type::Integer)
                .format(Some(SchemaFormat::KnownFormat(KnownFormat::Int64)))
                .minimum(Some(0))
                .build()
                .into(),
            Shape::Order => text().enum_values(Some(["asc", "desc"])).build().into(),
        }
    }
}

/// The parameters that say which events and not how they are read: those of a view of one session.
pub(in crate::serve::http) enum SessionFilter {}

/// What is no filter of the events of one session.
const NOT_OF_A_SESSION: [&str; 6] = ["session", "after", "before", "limit", "order", "cursor"];

impl SessionFilter {
    /// Their names.
    pub(in crate::serve::http) fn names() -> impl Iterator<Item = &'static str> {
        names().into_iter().filter(|name| !NOT_OF_A_SESSION.contains(name))
    }
}

impl IntoParams for SessionFilter {
    fn into_params(place: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let mut all = EventParameters::into_params(place);
        all.retain(|parameter| !NOT_OF_A_SESSION.contains(&parameter.name.as_str()));
        all
    }
}

/// The filter and its expression. Its sessions are as they were given.
pub(in crate::serve::http) fn read(parameters: &Parameters, now: Timestamp) -> Result<(Filter, Option<Cel>), Problem> {
    let one = |name| parameters.one(name).map(|value| value.map(str::to_owned));
    let time = |name| parameters.one(name)?.map(|text| time(name, text, now)).transpose();
    let techniques = words(parameters, "technique", |id| attack().asked(id))?.concat();
    let severity = |word: &str| {
        let unknown = |_| Problem::parameter("severity", "it is informational, low, medium, high, critical or fatal");
        serde_json::from_value::<Severity>(serde_json::Value::from(word)).map_err(unknown)
    };
    let filter = Filter {
        sessions: texts(parameters, "session")?,
        kinds: words(parameters, "kind", kind)?,
        families: words(parameters, "family", family)?,
        decisions: words(parameters, "decision", decision)?,
        rules: texts(parameters, "rule")?,
        since: time("since")?,
        until: time("until")?,
        paths: texts(parameters, "path")?,
        hosts: texts(parameters, "host")?,
        command: one("command")?,
        pids: words(parameters, "pid", str::parse::<u32>)?,
        techniques,
        min_severity: parameters.one("severity")?.map(severity).transpose()?,
        text: one("text")?,
        ..Filter::default()
    };
    let compile = |source| {
        Cel::compile(source).map_err(|error| {
            let place = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
            let position = Position { line: place(error.line), column: place(error.column) };
            Problem::parameter("where", error).at(position)
        })
    };
    Ok((filter, parameters.one("where")?.map(compile).transpose()?))
}

/// Microseconds, or a time as `agentsh events` reads it, in UTC.
fn time(name: &str, text: &str, now: Timestamp) -> Result<Timestamp, Problem> {
    if text.len() > 8 && text.bytes().all(|byte| byte.is_ascii_digit()) {
        let micros = text.parse().map_err(|_| Problem::parameter(name, "so many microseconds are no time"))?;
        return Ok(Timestamp::from_micros(micros));
    }
    parse_time_utc(text, now).map_err(|error| Problem::parameter(name, error))
}

fn texts(parameters: &Parameters, name: &str) -> Result<Vec<String>, Problem> {
    let values: Vec<String> = parameters.all(name).map(str::to_owned).collect();
    if values.iter().any(String::is_empty) { Err(Problem::parameter(name, "it is empty")) } else { Ok(values) }
}

fn words<T, E: std::fmt::Display>(
    parameters: &Parameters,
    name: &str,
    read: impl Fn(&str) -> Result<T, E>,
) -> Result<Vec<T>, Problem> {
    let mut words = Vec::new();
    for word in parameters.all(name).flat_map(|value| value.split(',')) {
        if words.len() == MOST_VALUES {
            return Err(Problem::parameter(name, format_args!("it has more than {MOST_VALUES} values")));
        }
        words.push(read(word.trim()).map_err(|error| Problem::parameter(name, error))?);
    }
    Ok(words)
}
