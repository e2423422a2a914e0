//! A document as plain text. Columns are as wide as their longest cell, in characters.

use std::fmt::Write as _;

use super::{Block, Document, Table};
use crate::event::printable;

/// The document as plain text.
#[must_use]
pub fn text(document: &Document) -> String {
    let mut out = String::new();
    // Writing to a String cannot fail.
    let _ = writeln!(out, "{}\n{}", printable(&document.title), "=".repeat(length(&document.title)));
    for section in &document.sections {
        let _ = writeln!(out, "\n{}\n{}", printable(&section.heading), "-".repeat(length(&section.heading)));
        for block in &section.blocks {
            match block {
                Block::Line(line) => {
                    let _ = writeln!(out, "{}", printable(line));
                }
                Block::Alert(line) => {
                    let _ = writeln!(out, "! {}", printable(line));
                }
                Block::Facts(facts) => {
                    let width = facts.iter().map(|(name, _)| length(name)).max().unwrap_or(0);
                    for (name, value) in facts {
                        let _ = writeln!(out, "{}  {}", padded(name, width, false), printable(value));
                    }
                }
                Block::Table(table) => write_table(table, &mut out),
            }
        }
    }
    out
}

fn write_table(table: &Table, out: &mut String) {
    let widths: Vec<usize> = table
        .columns
        .iter()
        .enumerate()
        .map(|(at, column)| {
            let cells = table.rows.iter().filter_map(|row| row.get(at)).map(|cell| length(cell));
            cells.chain([column.name.len()]).max().unwrap_or(0)
        })
        .collect();
    let mut line = |cells: &mut dyn Iterator<Item = &str>| {
        let cells = cells.zip(&table.columns).zip(&widths);
        let line: Vec<String> = cells.map(|((cell, column), width)| padded(cell, *width, column.number)).collect();
        let _ = writeln!(out, "{}", line.join("  ").trim_end());
    };
    line(&mut table.columns.iter().map(|column| column.name));
    for row in &table.rows {
        line(&mut row.iter().map(String::as_str));
    }
    if let Some(rest) = table.rest() {
        let _ = writeln!(out, "{rest}");
    }
}

fn length(text: &str) -> usize {
    printable(text).chars().count()
}

fn padded(text: &str, width: usize, right: bool) -> String {
    let text = printable(text);
    if right { format!("{text:>width$}") } else { format!("{text:<width$}") }
}
