//! An engine over a journal, and its answers as JSON.

use std::path::Path;
use std::sync::Arc;

use agentsh::detect::attack::attack;
use agentsh::journal::DataDir;
use agentsh::query::sql::{Answer, AnswerWriter, Engine, Form, Lake, Limits, SqlError, Techniques};
use serde_json::Value;

struct Tables;

impl Techniques for Tables {
    fn name(&self, id: &str) -> Option<String> {
        attack().current(id).map(|technique| technique.name.to_owned())
    }

    fn tactics(&self, id: &str) -> Vec<String> {
        attack()
            .current(id)
            .map(|technique| technique.tactics.iter().map(|name| (*name).to_owned()).collect())
            .unwrap_or_default()
    }

    fn meant(&self, id: &str) -> Result<Vec<String>, String> {
        attack().asked(id).map_err(|error| error.to_string())
    }
}

pub fn engine(data_dir: &DataDir, lake: Option<&Path>) -> Engine {
    let lake = lake.map_or(Lake::None, |folder| Lake::Folder(folder.to_owned()));
    Engine::open(data_dir, lake, Arc::new(Tables)).unwrap()
}

pub fn start(engine: &Engine, sql: &str, limits: Limits) -> Result<Answer, SqlError> {
    engine.handle().block_on(engine.query(sql, limits))
}

/// The whole answer, as the form `Json` has it.
pub fn ask_within(engine: &Engine, sql: &str, limits: Limits) -> Result<Value, SqlError> {
    let mut answer = start(engine, sql, limits)?;
    let mut written = Vec::new();
    let mut writer = AnswerWriter::start(Form::Json, &answer.schema().clone(), &mut written).unwrap();
    while let Some(batch) = answer.wait(engine.handle())? {
        writer.write(&batch).unwrap();
    }
    writer.finish(answer.is_truncated()).unwrap();
    Ok(serde_json::from_slice(&written).unwrap())
}

pub fn ask(engine: &Engine, sql: &str) -> Result<Value, SqlError> {
    ask_within(engine, sql, Limits::default())
}

/// The rows of an answer.
pub fn rows(engine: &Engine, sql: &str) -> Value {
    match ask(engine, sql) {
        Ok(mut answer) => answer["rows"].take(),
        Err(error) => panic!("{sql}: {error}"),
    }
}
