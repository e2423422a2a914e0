//! `agentsh query`: SQL over the journal and its lake.

mod about;
mod table;

use std::fs::File;
use std::io::{BufWriter, IsTerminal as _, Read as _, Write};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, bail};
use clap::Args;
use indicatif::{ProgressBar, ProgressDrawTarget};

use super::output::{Exit, Output};
use crate::app;
use crate::config::Config;
use crate::query::sql::{Answer, AnswerWriter, Engine, Form, Limits, SqlError, questions};
use crate::query::{DataDir, Reader};
use crate::runtime::clock;
use crate::runtime::units::Millis;

/// How long a question takes before it is shown that it is worked on.
const SHOWN_AFTER: Duration = Duration::from_secs(2);

/// How often that is looked at.
const LOOK: Duration = Duration::from_millis(100);

/// Rows of a table where nobody says how many.
const TABLE_ROWS: u64 = 1_000;

/// `agentsh query`.
#[derive(Clone, Debug, Args)]
#[command(
    after_help = "The table `events` has a row for each event; `file_events`, `network_events` … are views of it, `operations` has operation, \
    decision and\noutcome in one row. Only questions are answered: nothing is written, no file is read.\n\n\
    Examples:\n  agentsh query \"SELECT kind, count(*) FROM events GROUP BY kind ORDER BY 2 DESC\"\n  agentsh query --examples\n  \
    agentsh query --example refused --param session=last\n  agentsh query --format parquet -o denied.parquet \"SELECT * FROM operations WHERE decision = 'deny'\""
)]
pub(super) struct QueryArgs {
    /// The question, in SQL
    #[arg(value_name = "SQL", conflicts_with_all = ["file", "example", "examples", "schema"])]
    sql: Option<String>,
    /// Read the question from a file; `-` is standard input
    #[arg(long, short, value_name = "FILE", conflicts_with_all = ["example", "examples", "schema"])]
    file: Option<PathBuf>,
    /// Ask one of the ready questions
    #[arg(long, value_name = "NAME", conflicts_with_all = ["examples", "schema"])]
    example: Option<String>,
    /// A value for a ready question: `session=last`, `path=/etc/passwd`
    #[arg(long, value_name = "NAME=VALUE", requires = "example")]
    param: Vec<String>,
    /// List the ready questions, with their SQL
    #[arg(long, conflicts_with = "schema")]
    examples: bool,
    /// List the tables, columns and functions
    #[arg(long)]
    schema: bool,
    /// The folder of sealed Parquet files [default: sinks.parquet.path of the configuration, else `lake` in the data directory]
    #[arg(long, value_name = "DIR")]
    lake: Option<PathBuf>,
    /// How the answer is written
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
    /// Write the answer into a file
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Rows of the answer at most [default: 1000 for a table, else query.rows of the configuration, 1000000]
    #[arg(long, value_name = "N")]
    limit: Option<u64>,
    /// How long it may take, such as 500ms, 30s or 5m [default: query.timeout of the configuration, 60s]
    #[arg(long, value_name = "TIME", value_parser = duration)]
    timeout: Option<Millis>,
    /// Memory that it may take for sorting, grouping and joining, such as 512MiB or 2GiB [default: query.memory_bytes of the configuration, 1GiB]
    #[arg(long, value_name = "SIZE", value_parser = size)]
    memory: Option<usize>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// A table for people
    Table,
    /// One object: columns, rows, truncated
    Json,
    /// An object for each row, on a line of its own
    Jsonl,
    /// RFC 4180, with a header
    Csv,
    /// A Parquet file
    Parquet,
    /// An Arrow IPC stream
    Arrow,
}

fn duration(text: &str) -> Result<Millis, String> {
    Millis::parse(text).ok_or_else(|| "write 500ms, 30s, 5m or 1h".to_owned())
}

fn size(text: &str) -> Result<usize, String> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let factor: Option<usize> = match unit.trim() {
        "" | "B" => Some(1),
        "KiB" => Some(1 << 10),
        "MiB" => Some(1 << 20),
        "GiB" => Some(1 << 30),
        _ => None,
    };
    let bytes = number.parse::<usize>().ok().zip(factor).and_then(|(number, factor)| number.checked_mul(factor));
    bytes.filter(|bytes| *bytes > 0).ok_or_else(|| "write 512MiB or 2GiB".to_owned())
}

/// Answers the question.
///
/// # Errors
/// When there is no answer; it says why, where in the text, and what to do.
pub(super) fn run(args: &QueryArgs, config: &Config, data_dir: &DataDir, out: &mut Output<'_>) -> anyhow::Result<Exit> {
    if args.examples {
        about::examples(out)?;
        return Ok(Exit::Done);
    }
    let engine = app::sql::engine(config, data_dir, args.lake.as_deref())?;
    if args.schema {
        about::schema(&engine, out)?;
        return Ok(Exit::Done);
    }
    let question = question(args, data_dir)?;
    let is_table = args.format == Format::Table;
    let usual = config.query.limits();
    let limits = Limits {
        rows: args.limit.unwrap_or(if is_table { TABLE_ROWS.min(usual.rows) } else { usual.rows }),
        time: args.timeout.map_or(usual.time, Millis::duration),
        memory: args.memory.unwrap_or(usual.memory),
    };
    let answered = match form(args.format) {
        None => {
            let mut answer = ask(&engine, &question, limits)?;
            let table = table::gather(&engine, &mut answer)?;
            table.write(answer.is_truncated(), out)
        }
        Some(form) => write(args, form, &engine, &question, limits, out),
    };
    match answered {
        Ok(()) => Ok(Exit::Done),
        Err(error) => Err(pointing(error, &question)),
    }
}

fn form(format: Format) -> Option<Form> {
    match format {
        Format::Table => None,
        Format::Json => Some(Form::Json),
        Format::Jsonl => Some(Form::JsonLines),
        Format::Csv => Some(Form::Csv),
        Format::Parquet => Some(Form::Parquet),
        Format::Arrow => Some(Form::Arrow),
    }
}

/// The text of the question.
fn question(args: &QueryArgs, data_dir: &DataDir) -> anyhow::Result<String> {
    if let Some(sql) = &args.sql {
        return Ok(sql.clone());
    }
    if let Some(file) = &args.file {
        let mut text = String::new();
        if file.as_os_str() == "-" {
            std::io::stdin().read_to_string(&mut text).context("the question cannot be read from standard input")?;
        } else {
            text =
                std::fs::read_to_string(file).with_context(|| format!("the question cannot be read from {}", file.display()))?;
        }
        return Ok(text);
    }
    let Some(name) = &args.example else {
        bail!("nothing is asked: give a question in SQL, or see `agentsh query --examples`");
    };
    let Some(question) = questions().iter().find(|question| question.name == name) else {
        let names: Vec<&str> = questions().iter().map(|question| question.name).collect();
        bail!("there is no question `{name}`: there are {}", names.join(", "));
    };
    let mut values = Vec::new();
    for pair in &args.param {
        let Some((key, value)) = pair.split_once('=') else { bail!("`{pair}` is no NAME=VALUE, such as session=last") };
        if !question.parameters().any(|parameter| parameter.name == key) {
            let names: Vec<&str> = question.parameters().map(|parameter| parameter.name).collect();
            bail!(
                "the question `{name}` takes no `{key}`: it takes {}",
                if names.is_empty() { "nothing".to_owned() } else { names.join(", ") }
            );
        }
        let value = if key == "session" { Reader::open(data_dir)?.session(value)? } else { value.to_owned() };
        values.push((key.to_owned(), value));
    }
    for parameter in question.parameters() {
        if parameter.name == "session" && !values.iter().any(|(key, _)| key == "session") {
            values.push(("session".to_owned(), Reader::open(data_dir)?.session("last")?));
        } else if !values.iter().any(|(key, _)| key == parameter.name) {
            bail!(
                "the question `{name}` needs {} ({}): add --param {}={}",
                parameter.name,
                parameter.about,
                parameter.name,
                parameter.example
            );
        }
    }
    Ok(question.sql(|key| values.iter().find(|(known, _)| known == key).map(|(_, value)| value.clone())))
}

fn ask(engine: &Engine, question: &str, limits: Limits) -> anyhow::Result<Answer> {
    engine.handle().block_on(engine.query(question, limits)).map_err(|error| pointing(error.into(), question))
}

fn write(
    args: &QueryArgs,
    form: Form,
    engine: &Engine,
    question: &str,
    limits: Limits,
    out: &mut Output<'_>,
) -> anyhow::Result<()> {
    let binary = matches!(form, Form::Parquet | Form::Arrow);
    if binary && args.output.is_none() && out.width().is_some() {
        bail!("this form is not for a terminal: add --output FILE, or redirect it");
    }
    let mut answer = ask(engine, question, limits)?;
    let truncated = match &args.output {
        Some(path) => {
            let file = File::create(path).with_context(|| format!("{} cannot be written", path.display()))?;
            let mut file = BufWriter::new(file);
            let truncated = pour(form, engine, &mut answer, &mut file)?;
            file.flush()?;
            truncated
        }
        None => {
            let mut writer = BufWriter::new(std::io::stdout());
            let truncated = pour(form, engine, &mut answer, &mut writer)?;
            writer.flush()?;
            truncated
        }
    };
    if truncated {
        out.say(format!("only the first {} rows: raise --limit for more", answer.rows()))?;
    }
    Ok(())
}

fn pour(form: Form, engine: &Engine, answer: &mut Answer, out: impl Write + Send) -> anyhow::Result<bool> {
    let mut writer = AnswerWriter::start(form, &answer.schema().clone(), out)?;
    let mut waiting = Waiting::new();
    while let Some(batch) = waiting.next(engine, answer)? {
        writer.write(&batch)?;
    }
    writer.finish(answer.is_truncated())?;
    Ok(answer.is_truncated())
}

/// Waits for batches, and shows on a terminal that it does when it takes long.
struct Waiting {
    began: std::time::Instant,
    bar: Option<ProgressBar>,
    attended: bool,
}

impl Waiting {
    fn new() -> Self {
        Self { began: clock::instant(), bar: None, attended: std::io::stderr().is_terminal() }
    }

    fn next(&mut self, engine: &Engine, answer: &mut Answer) -> Result<Option<crate::query::sql::Batch>, SqlError> {
        loop {
            if let Some(next) = answer.wait_for(engine.handle(), LOOK)? {
                return Ok(next);
            }
            if self.attended && clock::instant().saturating_duration_since(self.began) > SHOWN_AFTER {
                let start = || ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
                let bar = self.bar.get_or_insert_with(start);
                bar.set_message("asking");
                bar.tick();
            }
        }
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

/// The error with the line of the question that it is about, and a mark beneath the place.
fn pointing(error: anyhow::Error, question: &str) -> anyhow::Error {
    let Some((line, column)) = error.downcast_ref::<SqlError>().and_then(SqlError::position) else { return error };
    let Some(text) = usize::try_from(line).ok().and_then(|line| question.lines().nth(line.saturating_sub(1))) else {
        return error;
    };
    let column = usize::try_from(column).unwrap_or(1);
    // A long line is shown around the place only.
    let start = column.saturating_sub(60);
    let shown: String = text.chars().skip(start).take(110).collect();
    let mark = " ".repeat(column.saturating_sub(start).saturating_sub(1));
    anyhow::anyhow!("{error}\n  {}\n  {mark}^", super::output::printable(&shown))
}
