//! CEL: an expression over an event's envelope and payload, compiled once.
//!
//! An expression may name `seq`, `id`, `time_us`, `session_id`, `command_id`, `cause`, `kind`, `family`, `pid`, `subject`, `decision`,
//! `rule`, `severity` (1 to 6), `attack`, `actor`, `sensor` and `payload`; what an event does not have is null. `payload` is the payload
//! as it is stored in JSON, so a field that an event does not have is no key of it: `has(payload.host)` asks.

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::sync::Arc;

use cel::common::ast::{Expr, IdedExpr};
use cel::objects::Key;
use cel::{Context, Env, ExecutionError, Program, Value};

use crate::encode::stored::Columns;
use crate::event::Kind;

/// Bytes of the longest expression.
const LONGEST: usize = 4096;

/// What an expression may name.
const VARIABLES: [&str; 17] = [
    "seq",
    "id",
    "time_us",
    "session_id",
    "command_id",
    "cause",
    "kind",
    "family",
    "pid",
    "subject",
    "decision",
    "rule",
    "severity",
    "attack",
    "actor",
    "sensor",
    "payload",
];

/// Names of CEL's own types, which are values too.
const TYPES: [&str; 11] = ["bool", "bytes", "double", "dyn", "int", "list", "map", "null_type", "string", "type", "uint"];

/// Why an expression cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}: {reason}")]
pub struct CelError {
    /// Line of the expression, from 1.
    pub line: usize,
    /// Character of the line, from 1.
    pub column: usize,
    /// What is wrong there.
    pub reason: String,
}

/// Why an expression said neither yes nor no about an event.
#[derive(Debug, thiserror::Error)]
pub enum CelFailure {
    /// It failed, on a value of another type or a field that is not there.
    #[error("{0}")]
    Execution(String),
    /// Its result is not a boolean.
    #[error("the expression gave a {0} instead of true or false")]
    NotBoolean(&'static str),
    /// The payload is no JSON object.
    #[error("the payload cannot be read: {0}")]
    Payload(#[from] serde_json::Error),
}

/// A compiled expression.
pub struct Cel {
    program: Program,
    source: String,
    env: Arc<Env>,
    /// The variables that it names: no others are prepared.
    names: Vec<&'static str>,
}

impl fmt::Debug for Cel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Cel").field(&self.source).finish()
    }
}

impl Cel {
    /// Compiles an expression.
    ///
    /// # Errors
    /// [`CelError`] with the position: it does not parse, names what is not there, or is too long.
    pub fn compile(source: &str) -> Result<Self, CelError> {
        if source.len() > LONGEST {
            let reason = format!("the expression has {} bytes; at most {LONGEST} are read", source.len());
            return Err(CelError { line: 1, column: 1, reason });
        }
        let env = Arc::new(Env::stdlib());
        let program = env.compile(source).map_err(|errors| {
            let Some(first) = errors.errors.first() else {
                return CelError { line: 1, column: 1, reason: errors.to_string() };
            };
            let place = |number: isize| usize::try_from(number).unwrap_or(0).max(1);
            CelError { line: place(first.pos.0), column: place(first.pos.1), reason: first.msg.clone() }
        })?;
        let mut unknown = Unknown { env: &env, locals: Vec::new(), found: None };
        unknown.look(program.expression());
        if let Some((id, reason)) = unknown.found {
            let (line, column) = position(source, program.source_info().offset_for(id).map_or(0, |(start, _)| start));
            return Err(CelError { line, column, reason });
        }
        let references = program.references();
        let names = VARIABLES.into_iter().filter(|name| references.has_variable(name)).collect();
        Ok(Self { source: source.to_owned(), names, env, program })
    }

    /// Whether it holds for an event.
    ///
    /// # Errors
    /// [`CelFailure`]: it cannot be said, which counts as no.
    pub fn holds(&self, seq: u64, row: &Columns<'_>) -> Result<bool, CelFailure> {
        let mut context = Context::with_env(Arc::clone(&self.env));
        let json = if self.names.iter().any(|name| matches!(*name, "payload" | "actor" | "sensor")) {
            serde_json::from_str(row.payload)?
        } else {
            serde_json::Value::Null
        };
        for name in &self.names {
            context.add_variable_from_value(*name, variable(name, seq, row, &json));
        }
        match self.program.execute(&context) {
            Ok(Value::Bool(holds)) => Ok(holds),
            Ok(other) => Err(CelFailure::NotBoolean(match other {
                Value::Null => "null",
                Value::Int(_) | Value::UInt(_) | Value::Float(_) => "number",
                Value::String(_) => "string",
                _ => "value of another type",
            })),
            Err(error) => Err(CelFailure::Execution(error.to_string())),
        }
    }
}

fn variable(name: &str, seq: u64, row: &Columns<'_>, payload: &serde_json::Value) -> Value {
    let text = |text: Option<&str>| text.map_or(Value::Null, Value::from);
    match name {
        "seq" => Value::Int(i64::try_from(seq).unwrap_or(i64::MAX)),
        "id" => text(uuid(row.id).as_deref()),
        "time_us" => Value::Int(row.time_us),
        "session_id" => text(row.session_id),
        "command_id" => text(row.command_id),
        "cause" => text(row.cause.and_then(uuid).as_deref()),
        "kind" => text(Some(row.kind)),
        "family" => text(row.kind.parse::<Kind>().ok().map(|kind| kind.family().as_str())),
        "pid" => row.pid.map_or(Value::Null, Value::Int),
        "subject" => text(row.subject),
        "decision" => text(row.decision),
        "rule" => text(row.rule),
        "severity" => Value::Int(row.severity),
        "attack" => {
            let named: Vec<String> = row.attack.and_then(|attack| serde_json::from_str(attack).ok()).unwrap_or_default();
            Value::from(named)
        }
        "payload" => value(payload),
        // The envelope's two objects stand within the stored payload.
        key => payload.get(key).map_or(Value::Null, value),
    }
}

fn uuid(bytes: &[u8]) -> Option<String> {
    let bytes: [u8; 16] = bytes.try_into().ok()?;
    Some(crate::event::EventId::from_bytes(bytes).to_string())
}

/// A JSON value. Whole numbers are `int` where they fit, so that they can be compared and added to what an expression writes.
fn value(json: &serde_json::Value) -> Value {
    match json {
        serde_json::Value::Null => Value::Null,
        serde_json::Value::Bool(bool) => Value::Bool(*bool),
        serde_json::Value::Number(number) => match (number.as_i64(), number.as_u64()) {
            (Some(number), _) => Value::Int(number),
            (None, Some(number)) => Value::UInt(number),
            (None, None) => Value::Float(number.as_f64().unwrap_or(f64::NAN)),
        },
        serde_json::Value::String(text) => Value::from(text.as_str()),
        serde_json::Value::Array(values) => Value::from(values.iter().map(value).collect::<Vec<_>>()),
        serde_json::Value::Object(fields) => {
            Value::from(fields.iter().map(|(key, field)| (Key::from(key.as_str()), value(field))).collect::<HashMap<_, _>>())
        }
    }
}

/// Looks for the first name in an expression that stands for nothing.
struct Unknown<'e> {
    env: &'e Arc<Env>,
    /// Variables that macros bring.
    locals: Vec<String>,
    found: Option<(u64, String)>,
}

impl Unknown<'_> {
    fn say(&mut self, id: u64, reason: String) {
        self.found.get_or_insert((id, reason));
    }

    fn look(&mut self, at: &IdedExpr) {
        match &at.expr {
            Expr::Unspecified | Expr::Literal(_) => {}
            Expr::Ident(name) => {
                let name = name.trim_start_matches('.');
                let known = VARIABLES.contains(&name) || TYPES.contains(&name) || self.locals.iter().any(|local| local == name);
                if !known {
                    self.say(at.id, format!("`{name}` is no field of an event; there are {}", VARIABLES.join(", ")));
                }
            }
            Expr::Call(call) => {
                if !self.is_function(&call.func_name, call.target.is_some(), call.args.len()) {
                    self.say(at.id, format!("there is no function `{}` that is called so", call.func_name));
                }
                for part in call.target.as_deref().into_iter().chain(&call.args) {
                    self.look(part);
                }
            }
            Expr::Comprehension(of) => {
                self.look(&of.iter_range);
                self.look(&of.accu_init);
                let before = self.locals.len();
                self.locals.extend([of.iter_var.clone(), of.accu_var.clone()].into_iter().chain(of.iter_var2.clone()));
                for part in [&of.loop_cond, &of.loop_step, &of.result] {
                    self.look(part);
                }
                self.locals.truncate(before);
            }
            Expr::List(list) => list.elements.iter().for_each(|element| self.look(element)),
            Expr::Select(select) => self.look(&select.operand),
            Expr::Map(map) => {
                for entry in &map.entries {
                    if let cel::common::ast::EntryExpr::MapEntry(entry) = &entry.expr {
                        self.look(&entry.key);
                        self.look(&entry.value);
                    }
                }
            }
            Expr::Struct(of) => self.say(at.id, format!("there is no message type `{}`", of.type_name)),
        }
    }

    /// Whether there is such a function: one that is not is told apart from one that refuses its arguments by calling it.
    fn is_function(&self, name: &str, on_target: bool, arguments: usize) -> bool {
        // An operator, as the parser names them, or what macros use.
        if !name.chars().all(|ch| ch.is_ascii_alphanumeric() || ch == '_') || name.starts_with(['_', '@']) {
            return true;
        }
        let arguments = vec!["1"; arguments].join(", ");
        let call = if on_target { format!("\"\".{name}({arguments})") } else { format!("{name}({arguments})") };
        let Ok(program) = self.env.compile(&call) else { return true };
        !matches!(program.execute(&Context::with_env(Arc::clone(self.env))), Err(ExecutionError::UndeclaredReference(_)))
    }
}

/// Line and column, from 1, of a place in a text that is counted in characters.
fn position(source: &str, place: u32) -> (usize, usize) {
    let before: Vec<char> = source.chars().take(usize::try_from(place).unwrap_or(usize::MAX)).collect();
    let line = before.iter().filter(|ch| **ch == '\n').count() + 1;
    let column = before.iter().rev().take_while(|ch| **ch != '\n').count() + 1;
    (line, column)
}

/// What an expression may name, for those who document it.
#[must_use]
pub fn cel_variables() -> BTreeSet<&'static str> {
    VARIABLES.into_iter().collect()
}
