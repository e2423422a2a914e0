//! An answer as a table for people.

use std::io::Write as _;

use super::Waiting;
use crate::cli::output::{Output, columns, middle, printable};
use crate::query::sql::{Answer, Engine, texts};

/// No column is cut to less.
const LEAST: usize = 12;

/// What stands for NULL.
const NOTHING: &str = "–";

/// The rows of an answer, as texts.
pub(super) struct Table {
    names: Vec<String>,
    rows: Vec<Vec<String>>,
}

/// Takes the answer in, to its end.
pub(super) fn gather(engine: &Engine, answer: &mut Answer) -> anyhow::Result<Table> {
    let names = answer.schema().fields().iter().map(|field| printable(field.name()).into_owned()).collect();
    let mut table = Table { names, rows: Vec::new() };
    let mut waiting = Waiting::new();
    while let Some(batch) = waiting.next(engine, answer)? {
        let shown = |cell: Option<String>| cell.map_or_else(|| NOTHING.to_owned(), |text| printable(&text).into_owned());
        table.rows.extend(texts(&batch).into_iter().map(|row| row.into_iter().map(shown).collect()));
    }
    Ok(table)
}

impl Table {
    pub(super) fn write(&self, truncated: bool, out: &mut Output<'_>) -> anyhow::Result<()> {
        let widths = self.widths(out.width());
        let palette = out.palette();
        writeln!(out, "{}", palette.bold(line(&self.names, &widths)))?;
        for row in &self.rows {
            writeln!(out, "{}", line(row, &widths))?;
        }
        let (count, rows) = (self.rows.len(), if self.rows.len() == 1 { "row" } else { "rows" });
        if truncated {
            out.say(format!("the first {count} {rows}; there are more: raise --limit"))?;
        } else {
            out.note(format!("{count} {rows}"))?;
        }
        Ok(())
    }

    /// Columns of each column: what its texts take, the widest cut until a line fits on the terminal.
    fn widths(&self, terminal: Option<usize>) -> Vec<usize> {
        let longest = |at: usize, name: &String| {
            let cells = self.rows.iter().filter_map(|row| row.get(at)).map(|cell| columns(cell));
            cells.chain([columns(name)]).max().unwrap_or(0)
        };
        let mut widths: Vec<usize> = self.names.iter().enumerate().map(|(at, name)| longest(at, name)).collect();
        let Some(terminal) = terminal else { return widths };
        let between = 2 * widths.len().saturating_sub(1);
        loop {
            let all: usize = widths.iter().sum::<usize>() + between;
            let Some(widest) = widths.iter_mut().max() else { break };
            if all <= terminal || *widest <= LEAST {
                break;
            }
            *widest = (*widest - (all - terminal).min(*widest / 4).max(1)).max(LEAST);
        }
        widths
    }
}

fn line(cells: &[String], widths: &[usize]) -> String {
    let mut line = String::new();
    for (cell, width) in cells.iter().zip(widths) {
        let cut = middle(cell, *width);
        line.push_str(&cut);
        line.extend(std::iter::repeat_n(' ', width.saturating_sub(columns(&cut)) + 2));
    }
    line.truncate(line.trim_end().len());
    line
}
