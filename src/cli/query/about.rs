//! What can be asked: tables, columns, functions, and questions that are ready.

use std::io::Write as _;

use crate::cli::output::Output;
use crate::query::sql::{Engine, questions};

/// The tables with their columns, and the functions.
pub(super) fn schema(engine: &Engine, out: &mut Output<'_>) -> anyhow::Result<()> {
    let palette = out.palette();
    for table in engine.handle().block_on(engine.tables())? {
        writeln!(out, "{}  {}", palette.bold(&table.name), palette.dim(&table.about))?;
        for column in &table.columns {
            writeln!(out, "  {:<22} {:<20} {}", column.name, column.data_type, column.about)?;
        }
        writeln!(out)?;
    }
    writeln!(out, "{}", palette.bold("functions, beside those of SQL"))?;
    for (call, about) in Engine::functions() {
        writeln!(out, "  {call:<28} {about}")?;
    }
    Ok(())
}

/// The ready questions.
pub(super) fn examples(out: &mut Output<'_>) -> anyhow::Result<()> {
    let palette = out.palette();
    for question in questions() {
        writeln!(out, "{}  {}", palette.bold(question.name), question.title())?;
        for parameter in question.parameters() {
            writeln!(out, "  --param {}={}  {}", parameter.name, parameter.example, palette.dim(parameter.about))?;
        }
        for line in question.sql(|name| Some(format!("{name}…"))).lines() {
            writeln!(out, "    {}", palette.dim(line))?;
        }
        writeln!(out)?;
    }
    writeln!(out, "Ask one with: agentsh query --example NAME [--param NAME=VALUE]")?;
    Ok(())
}
